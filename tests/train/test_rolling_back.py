"""A run whose numbers go wrong comes back to where they were right."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from ganplugin.errors import TrainingError
from ganplugin.train.loop import Schedule, run
from ganplugin.train.state import State, load_state
from tests.train.test_loop import Counter


class Diverging(Counter):
    """Its loss is no number at a step, until its rate is low enough."""

    def __init__(self, step: int, low_enough: float, loss: float = float("nan")) -> None:
        super().__init__()
        self.bad, self.low_enough, self.wrong = step, low_enough, loss

    def advance(self, part: float) -> Mapping[str, float]:
        losses = super().advance(part)
        return {"loss": self.wrong} if self.step == self.bad and self.rate > self.low_enough else losses


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_leads_back_to_the_last_good_state(tmp_path: Path, loss: float) -> None:
    trainer = Diverging(4, 0.25, loss)
    run(trainer, tmp_path, Schedule(steps=6, save_minutes=0.0), resume=False)
    assert (trainer.step, trainer.rate) == (6, 0.25)  # halved, then, as it came again, halved twice
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    warnings = [line for line in lines if line["kind"] == "warning"]
    assert len(warnings) == 2
    assert (warnings[0]["name"], warnings[0]["step"]) == ("not-a-number", 4)
    assert "back to step 3" in warnings[0]["words"]


def test_a_run_that_no_rate_saves_stops_with_advice(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"step 1.*--learning-rate"):
        run(Diverging(1, 0.0), tmp_path, Schedule(steps=5), resume=False)
    assert not (tmp_path / "checkpoint.safetensors").exists()


class Spoiled(Counter):
    """Its weights are no numbers from a step on, once, though its loss is one."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.bad, self.weight = step, 1.0

    def advance(self, part: float) -> Mapping[str, float]:
        losses = super().advance(part)
        if self.step == self.bad and self.rate == 1:
            self.weight = math.nan
        return losses

    def state(self) -> State:
        return {**super().state(), "weight": torch.tensor(self.weight)}

    def restore(self, state: State) -> None:
        super().restore(state)
        self.weight = float(str(float(state["weight"])))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [3, 4])
def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path, bad: int) -> None:
    """Bug: a step with a finite loss that spoiled them was the good state, and the checkpoint, if a save was due."""
    trainer = Spoiled(bad)
    run(trainer, tmp_path, Schedule(steps=4, save_minutes=0.0), resume=False)
    assert (trainer.weight, trainer.rate) == (1.0, 0.5)
    assert float(load_state(tmp_path / "state.pt")["trainer"]["weight"]) == 1.0  # type: ignore[index]
    assert "back to step" in (tmp_path / "log.jsonl").read_text()
