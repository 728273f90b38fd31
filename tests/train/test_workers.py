from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.errors import DependencyError, InputError
from ganplugin.train.workers import ALONE, Alone, launched, share
from tests.source import ROOT
from tests.train.tiny import game

TOGETHER = """
import os, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
import torch
torch.set_num_threads(1)
from ganplugin.train.game import Game
from ganplugin.train.loop import Schedule, run
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.metrics.distances import frechet_distance, inception_score, kernel_distance
from ganplugin.train.metrics.statistics import Statistics
from ganplugin.train.workers import launched
from tests.train.tiny import game
workers = launched(devices=2, nodes=1, accelerator="cpu")
alone = game("r3-small", augment="none", seed=3 + workers.rank)
first = game("r3-small", augment="none")
pair = (first.painter, first.judge) if workers.rank == 0 else (alone.painter, alone.judge)
played = Game(first.recipe, pair, first.pictures, first.options, torch.device("cpu"), workers)
trainer = GeneratorTrainer(played, {"family": "r3gan"}, {})
def measure():
    features = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    moments = Statistics(20, features.sum(0, dtype=np.float64), features.T.astype(np.float64) @ features)
    kid, _ = kernel_distance(features, features, seed=0)
    return {"kid": kid, "fid": frechet_distance(moments, moments), "is": inception_score(features, seed=0)[0]}
schedule = Schedule(steps=3, save_minutes=0.0, log_steps=1)
run(trainer, Path(sys.argv[1]), schedule, resume=False, measure=measure, workers=workers)
torch.save(played.state(), Path(sys.argv[1]) / f"rank{workers.rank}.pt")
"""

COMMAND = """
from ganplugin.train.metrics.backbones.random_convolutions import random_convolutions
from ganplugin.train.watch import looking
looking.load_backbone = lambda name="", *, device: random_convolutions(device)
from ganplugin.cli import main
main()
"""


def process(script: Path, text: str, *arguments: object, cwd: Path = ROOT) -> str:
    """Run a script, which starts a second process of itself, and return what both say."""
    script.write_text(text, encoding="utf-8")
    environment = {"PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path)), "COVERAGE_PROCESS_START": ""}
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def lines(folder: Path, kind: str) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["kind"] == kind]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two processes, on a recipe without batch norm: a batch of 4 shared by two."""
    pytest.importorskip("lightning_fabric")
    folder = tmp_path_factory.mktemp("together")
    process(folder / "together.py", TOGETHER, folder / "run")
    return folder / "run"


def test_two_processes_do_what_one_does_with_the_doubled_batch(together: Path) -> None:
    alone = game("r3-small", augment="none")
    for step in range(3):
        alone.advance(step / 3)
    states = [torch.load(together / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]
    for name in ("generator", "scorer", "average"):
        for key, wanted in alone.state()[name].items():  # type: ignore[attr-defined]
            assert torch.equal(states[0][name][key], states[1][name][key]), f"{name} {key}"
            assert torch.allclose(states[0][name][key], wanted, atol=1e-5), f"{name} {key}"
    written = {path.name for path in together.iterdir()}
    assert {"checkpoint.safetensors", "state.pt", "log.jsonl", "grids"} <= written
    assert len(lines(together, "losses")) == 3


def test_the_first_process_measures_and_waits_for_no_other(together: Path) -> None:
    """Metrics asked the other processes for what they had seen, which went on and never answered: all stood still."""
    for line in lines(together, "metrics"):
        assert line["fid"] == pytest.approx(0, abs=1e-6)
    assert lines(together, "metrics")


def test_the_command_trains_in_two_processes_measures_and_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    run, folder, random = tmp_path / "run", tmp_path / "pictures", np.random.default_rng(0)
    folder.mkdir()
    for index in range(80):
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{index}.png")
    options = ("--recipe", "mlp", "--size", "8", "--width", "6", "--batch", "4", "--held-out", "0.4", "--devices", "2")
    for kimg, more in (("0.02", options), ("0.04", ("--resume",))):
        words = ("train", "generator", folder, "--out", run, "--kimg", kimg, *more)
        said = process(tmp_path / "command.py", COMMAND, *words, cwd=tmp_path)
        assert said.count("80 pictures of 8 x 8") == 1, said
    assert [line["step"] for line in lines(run, "metrics")] == [5, 10]
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["options"]["devices"] == 2


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
