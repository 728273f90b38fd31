"""No file runs code: every hostile pickle in every container, loaded under an audit hook in a process of its own."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.attacks.pickles import bodies, nested

ROOT = Path(__file__).resolve().parents[2]


def as_raw(path: Path, body: bytes) -> None:
    path.with_suffix(".pkl").write_bytes(b"\x80\x04" + body + b".")


def as_zip(path: Path, body: bytes) -> None:
    with zipfile.ZipFile(path.with_suffix(".pt"), "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02" + body + b".")
        archive.writestr("x/version", b"3\n")


def as_legacy(path: Path, body: bytes) -> None:
    head, _, _ = nested("").rpartition(b"\x80\x02cos")
    path.with_suffix(".pth").write_bytes(head + b"\x80\x02" + body + b".\x80\x02].")


def as_picture(path: Path, body: bytes) -> None:
    path.with_suffix(".png").write_bytes(b"(" + b"]" + body + b"at.")


CONTAINERS: dict[str, Callable[[Path, bytes], None]] = {
    "raw": as_raw,
    "zip": as_zip,
    "legacy": as_legacy,
    "wrong-extension": as_picture,
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder, place = tmp_path_factory.mktemp("attacks"), tmp_path_factory.mktemp("place")
    canary = place / "PWNED"
    torch.save({"a.weight": torch.ones(2)}, folder / "0-harmless.pt")
    for name, body in bodies(str(canary)):
        for container, write in CONTAINERS.items():
            write(folder / f"{container}-{name.replace('.', '_').replace(' ', '-')}", body)
    run = subprocess.run(
        [sys.executable, "-m", "tests.attacks.loading", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert list(place.iterdir()) == []
    return json.loads(run.stdout), canary


def test_there_are_enough_attacks(outcome: tuple[dict[str, Any], Path]) -> None:
    assert len(list(bodies("x"))) >= 60
    assert len(outcome[0]["verdicts"]) == len(CONTAINERS) * len(list(bodies("x"))) + 1


def test_nothing_is_run_imported_or_written(outcome: tuple[dict[str, Any], Path]) -> None:
    found, canary = outcome
    assert found["events"] == []
    assert not canary.exists()


def test_attacks_are_refused_or_inert_and_named(outcome: tuple[dict[str, Any], Path]) -> None:
    verdicts = outcome[0]["verdicts"]
    assert verdicts["0-harmless.pt"] == "loaded: "
    assert verdicts["raw-os_system.pkl"] == "loaded: os.system"
    assert verdicts["zip-os_system.pt"] == "loaded: os.system"
    assert verdicts["legacy-os_system.pth"] == "loaded: os.system"
    assert verdicts["wrong-extension-os_system.png"] == "loaded: os.system"
    assert verdicts["raw-extension.pkl"].startswith("refused")
    assert all(verdict.startswith(("loaded", "refused")) for verdict in verdicts.values())


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Python's own unpickler runs them: so the tests above would notice a reader that uses it."""
    canary = tmp_path / "PWNED"
    attacks = dict(bodies(str(canary)))
    for name in ("os.system", "stack global", "memo trick", "builtins.exec", "builtins.open", "instance"):
        canary.unlink(missing_ok=True)
        value = pickle.loads(b"\x80\x04" + attacks[name] + b".")
        if hasattr(value, "close"):
            value.close()
        assert canary.exists(), name
