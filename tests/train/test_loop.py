from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from ganplugin.errors import Cancelled, TrainingError
from ganplugin.train.checkpoint import State
from ganplugin.train.loop import Schedule, run


class Counter:
    """A trainer that counts."""

    def __init__(self) -> None:
        self.step = 0
        self.loss = 1.0

    def advance(self) -> Mapping[str, float]:
        self.step += 1
        return {"loss": self.loss}

    def state(self) -> State:
        return {"step": self.step}

    def restore(self, state: State) -> None:
        self.step = int(str(state["step"]))

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        path.write_text(str(self.step))

    def write_samples(self, path: Path) -> None:
        path.write_bytes(b"png")


def test_a_run_leaves_checkpoint_state_log_and_samples(tmp_path: Path) -> None:
    path = run(Counter(), tmp_path / "run", Schedule(steps=7, log_steps=3), resume=False)
    assert path.read_text() == "7"
    names = sorted(entry.name for entry in path.parent.iterdir())
    assert names == ["checkpoint.safetensors", "grid-000007.png", "log.jsonl", "state.pt"]
    lines = [json.loads(line) for line in (path.parent / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    assert lines[0]["loss"] == 1.0


def test_resume_goes_on_from_the_saved_step(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=3), resume=False)
    again = Counter()
    run(again, tmp_path, Schedule(steps=5), resume=True)
    assert again.step == 5
    assert (tmp_path / "grid-000003.png").exists()


def test_a_run_is_never_overwritten_unasked(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=1), resume=False)
    with pytest.raises(TrainingError, match=r"holds a run already.*--resume"):
        run(Counter(), tmp_path, Schedule(steps=1), resume=False)


def test_resume_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no state to resume"):
        run(Counter(), tmp_path, Schedule(steps=1), resume=True)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_with_advice(tmp_path: Path, loss: float) -> None:
    trainer = Counter()
    trainer.loss = loss
    with pytest.raises(TrainingError, match=r"step 1.*--learning-rate"):
        run(trainer, tmp_path, Schedule(steps=5), resume=False)
    assert not (tmp_path / "checkpoint.safetensors").exists()


class Interrupted(Counter):
    """Gets a signal in its third step."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number = number

    def advance(self) -> Mapping[str, float]:
        if self.step == 2:
            os.kill(os.getpid(), self.number)
        return super().advance()


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process on os.kill")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_request_finishes_the_step_and_saves(tmp_path: Path, number: signal.Signals) -> None:
    former = signal.getsignal(number)
    with pytest.raises(Cancelled, match="--resume") as caught:
        run(Interrupted(number), tmp_path, Schedule(steps=100), resume=False)
    assert caught.value.exit_code == 130
    assert (tmp_path / "checkpoint.safetensors").read_text() == "3"
    assert signal.getsignal(number) == former


def test_runs_outside_the_main_thread(tmp_path: Path) -> None:
    done: list[Path] = []
    worker = threading.Thread(target=lambda: done.append(run(Counter(), tmp_path, Schedule(steps=2), resume=False)))
    worker.start()
    worker.join()
    assert done == [tmp_path / "checkpoint.safetensors"]


def test_saves_in_between(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=3, save_minutes=0.0), resume=False)
    assert {path.name for path in tmp_path.glob("grid-*")} == {f"grid-00000{step}.png" for step in (1, 2, 3)}


def test_the_limit_that_is_reached_first_counts() -> None:
    assert Schedule(steps=10, minutes=1).done(5, 0) == 0.5
    assert Schedule(steps=10, minutes=1).done(5, 45) == 0.75
    assert Schedule(minutes=1).done(10**9, 6) == pytest.approx(0.1)
    assert Schedule(steps=10).done(20, 0) == 1
