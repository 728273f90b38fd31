"""Hosts pin old runtimes: every family's file gives the same picture there. ``make test-runtimes``."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganplugin.builtin import builtin_file, catalog
from ganplugin.export.cases import cases
from ganplugin.export.convert import convert
from ganplugin.export.half import halve
from ganplugin.export.opset import moved_to_opset
from ganplugin.export.profiles import plain
from ganplugin.isolated import IsolatedSession
from ganplugin.modelfile import write_model
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Network
from ganplugin.runtime import open_model
from tests.export.networks import everything, manifest_of, painter
from tests.export.test_half import decoder
from tests.models.test_detection import EXAMPLES

pytestmark = [
    pytest.mark.runtimes,
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="the old runtimes have no wheels for Python 3.13"),
]

VERSIONS = ("1.17.1", "1.19.2")
FEEDS = ("batch 5, seed 20260", "another size", "every optional input changed")


def networks() -> Iterator[tuple[str, Network]]:
    """Every family's example, and what the options of an export make of a network."""
    for name, make in EXAMPLES.items():
        yield name, FAMILIES[name].rebuild(make(), {})
    yield "everything", everything()
    yield "everything-plain", plain(everything())
    yield "painter", painter()


def save(folder: Path, name: str, network: Network, feeds: str) -> Path:
    """Write inputs and outputs of one case beside a model file that is there."""
    path = folder / f"{name}.onnx"
    case = next(case for case in cases(network) if case.label == feeds)
    with IsolatedSession(path) as session:
        found = session.run(case.feeds, network.outputs)
    arrays = {f"in/{key}": value for key, value in case.feeds.items()}
    np.savez(path.with_suffix(".npz"), **arrays, **{f"out/{key}": value for key, value in found.items()})
    return path


def write_builtins(folder: Path) -> None:
    for entry in {entry.file: entry for entry in catalog().values()}.values():
        path = folder / entry.file
        path.write_bytes(builtin_file(entry).read_bytes())
        shapes = {name: shape for name, shape in open_model(path).inputs.items() if name in ("z", "content", "image")}
        random = np.random.RandomState(0)
        feeds = {
            name: random.rand(*(size if isinstance(size, int) else 64 for size in shape)).astype(np.float32)[:3]
            for name, shape in shapes.items()
        }
        outputs = {"z": ["image", "w"], "content": ["image"], "image": ["score"]}[next(iter(feeds))]
        with IsolatedSession(path) as session:
            found = session.run(feeds, outputs)
        arrays = {f"in/{key}": value for key, value in feeds.items()}
        np.savez(path.with_suffix(".npz"), **arrays, **{f"out/{key}": value for key, value in found.items()})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file with the inputs and outputs of one run in today's onnxruntime."""
    place = tmp_path_factory.mktemp("files")
    for name, network in networks():
        labels = [case.label for case in cases(network)]
        for index, feeds in enumerate(label for label in FEEDS if label in labels):
            title = f"{name}-{index}"
            write_model(convert(network), manifest_of(network), place / f"{title}.onnx")
            save(place, title, network, feeds)
    for opset in (15, 17, 20):
        network = everything()
        proto = moved_to_opset(convert(network), opset)
        write_model(proto, manifest_of(network), place / f"opset-{opset}.onnx")
        save(place, f"opset-{opset}", network, FEEDS[0])
    half = decoder()
    manifest = manifest_of(replace(half, facts={**half.facts, "precision": "fp16"}))
    write_model(halve(convert(half)), manifest, place / "half.onnx")
    save(place, "half", half, FEEDS[0])
    write_builtins(place)
    return place


def python_with(version: str) -> Path:
    """Return the interpreter of an environment that holds one version of onnxruntime and nothing of ours."""
    place = Path(sys.prefix) / "runtimes" / version
    python = place / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (place / "complete").exists():
        venv.create(place, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "--quiet", f"onnxruntime=={version}", "numpy<2"]
        subprocess.run(command, check=True)
        (place / "complete").touch()
    return python


@pytest.mark.parametrize("version", VERSIONS)
def test_every_file_gives_the_same_picture_in_an_old_runtime(folder: Path, version: str) -> None:
    command = [python_with(version), Path(__file__).with_name("compare.py"), folder]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert found["version"] == version
    assert len(found["files"]) >= len(EXAMPLES) + 8
    for name, outputs in found["files"].items():
        for output, difference in outputs.items():
            assert difference <= (1e-2 if name == "half.onnx" else 1e-4), (name, output)
