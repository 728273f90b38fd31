from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ganplugin.errors import DependencyError, InputError
from ganplugin.train.workers import ALONE, Alone, launched, share
from tests.source import ROOT
from tests.train.tiny import game

TOGETHER = """
import os, sys
from dataclasses import replace
from pathlib import Path
import torch
torch.set_num_threads(1)
from ganplugin.train.game import Game
from ganplugin.train.loop import Schedule, run
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.workers import launched
from tests.train.tiny import game
workers = launched(devices=2, nodes=1, accelerator="cpu")
alone = game("r3-small", augment="none", seed=3 + workers.rank)
first = game("r3-small", augment="none")
pair = (first.painter, first.judge) if workers.rank == 0 else (alone.painter, alone.judge)
played = Game(first.recipe, pair, first.pictures, first.options, torch.device("cpu"), workers)
trainer = GeneratorTrainer(played, {"family": "r3gan"}, {})
run(trainer, Path(sys.argv[1]), Schedule(steps=3, save_minutes=0.0, log_steps=1), resume=False, workers=workers)
torch.save(played.state(), Path(sys.argv[1]) / f"rank{workers.rank}.pt")
"""


def test_two_processes_do_what_one_does_with_the_doubled_batch(tmp_path: Path) -> None:
    """A batch of 4 shared by two, against one process with all 4, on a recipe without batch norm."""
    pytest.importorskip("lightning_fabric")
    script = tmp_path / "together.py"
    script.write_text(TOGETHER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "run")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COVERAGE_PROCESS_START": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    alone = game("r3-small", augment="none")
    for step in range(3):
        alone.advance(step / 3)
    states = [torch.load(tmp_path / "run" / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    for name in ("generator", "scorer", "average"):
        for key, wanted in alone.state()[name].items():  # type: ignore[attr-defined]
            assert torch.equal(states[0][name][key], states[1][name][key]), f"{name} {key}"
            assert torch.allclose(states[0][name][key], wanted, atol=1e-5), f"{name} {key}"
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"checkpoint.safetensors", "state.pt", "log.jsonl", "grids"} <= written
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 3


def test_a_batch_is_shared_evenly_or_not_at_all() -> None:
    assert share(8, ALONE) == slice(0, 8)
    assert [share(8, Alone(rank, 2)) for rank in range(2)] == [slice(0, 4), slice(4, 8)]
    with pytest.raises(InputError, match="--batch 9"):
        share(8, Alone(0, 3))


def test_without_fabric_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(DependencyError, match=r"ganplugin\[fabric\]"):
        launched(devices=2, nodes=1, accelerator="cpu")


def test_alone_nothing_is_exchanged() -> None:
    tensor = torch.ones(2)
    ALONE.average([tensor])
    assert torch.equal(tensor, torch.ones(2))
    assert ALONE.agreed((0.5, 1.0)) == [0.5, 1.0]
