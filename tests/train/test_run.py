from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.errors import InputError, TrainingError
from ganplugin.train import estimate as estimating
from ganplugin.train.estimate import check_memory, estimate
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.loop import Measure, Schedule
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.recipes.choices import Choices
from ganplugin.train.run import GeneratorRun, recipe_for, train_generator
from tests.train.test_game import differing
from tests.train.tiny import game


def _quiet(words: str) -> None:
    pass


@pytest.fixture
def options(folder: Path, tmp_path: Path) -> GeneratorRun:
    return GeneratorRun(
        places=(folder,),
        out=tmp_path / "run",
        recipe="mlp",
        choices=Choices(batch=4, width=6),
        policy=Policy(width=8, height=8),
        precision="fp32",
    )


def test_a_run_says_what_it_is(options: GeneratorRun) -> None:
    told: list[str] = []
    path = train_generator(options, Schedule(steps=2), resume=False, report=told.append)
    facts = json.loads((options.out / "run.json").read_text())
    assert path == options.out / "checkpoint.safetensors"
    assert (facts["recipe"], facts["batch"], facts["options"]["width"]) == ("mlp", 4, 6)
    assert re.fullmatch("[0-9a-f]{64}", facts["data_digest"])
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["layout"] in ("plain", "channels-last")
    assert re.search(r"about .* s for 1,000 pictures", told[-1])


def test_a_run_goes_on_as_it_was_and_on_its_own_pictures_alone(options: GeneratorRun, folder: Path) -> None:
    train_generator(options, Schedule(steps=2), resume=False, report=_quiet)
    before = (options.out / "run.json").read_text()
    train_generator(options, Schedule(steps=3), resume=True, report=_quiet)
    assert (options.out / "run.json").read_text() == before
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folder / "new.png")
    with pytest.raises(TrainingError, match="other pictures"):
        train_generator(options, Schedule(steps=4), resume=True, report=_quiet)


def test_what_measures_is_given_the_trainer_and_its_pictures(options: GeneratorRun) -> None:
    seen: list[int] = []

    def measure(trainer: GeneratorTrainer, pictures: PackedSet) -> Measure:
        def measured() -> dict[str, float]:
            seen.append(len(trainer.paint(0, len(pictures))))
            return {"kid": 1.0}

        return measured

    train_generator(options, Schedule(steps=2), resume=False, report=_quiet, measure=measure)
    assert seen == [20]
    assert (options.out / "best.safetensors").exists()


def test_too_few_pictures_are_refused(options: GeneratorRun, folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"1 readable pictures.*--crops"):
        train_generator(replace(options, places=(folder / "01.png",)), Schedule(steps=1), resume=False, report=_quiet)


def test_measuring_leaves_the_game_as_it_was() -> None:
    played, other = game("r3-small"), game("r3-small")
    found = estimate(played)
    assert found.seconds > 0
    assert differing(played.state(), other.state()) == []
    for one in (played, other):
        one.advance(0.0)
    assert differing(played.state(), other.state()) == []


def test_networks_larger_than_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "_there", lambda device: 0)
    with pytest.raises(TrainingError, match="--width"):
        check_memory(game("dcgan", width=64))


def test_the_order_in_memory_changes_the_last_bits_alone() -> None:
    plain, turned = game("quick"), game("quick").computing("fp32", channels_last=True)
    for played in (plain, turned):
        played.advance(0.0)
        played.advance(0.5)
    for one, other in zip(plain.judge.parameters(), turned.judge.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


def test_a_family_has_its_recipe() -> None:
    assert recipe_for("r3gan") == "r3-small"
    with pytest.raises(InputError, match="stylegan3"):
        recipe_for("stylegan3")
