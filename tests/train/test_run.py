from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.errors import DependencyError, InputError, TrainingError
from ganplugin.export import export_checkpoint
from ganplugin.modelfile import read_manifest
from ganplugin.train import estimate as estimating
from ganplugin.train.computing import Computing
from ganplugin.train.estimate import Estimate, Prospect, check_memory, estimate
from ganplugin.train.held_out import hold_out
from ganplugin.train.loop import Schedule
from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.backbones.random_convolutions import random_convolutions
from ganplugin.train.pictures.packing import gather
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.choices import Choices
from ganplugin.train.run import GeneratorRun, recipe_for, train_generator
from ganplugin.train.state import load_state
from ganplugin.train.watch import looking
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
        computing=Computing(precision="fp32"),
    )


def test_a_run_says_what_it_is(options: GeneratorRun) -> None:
    told: list[str] = []
    path = train_generator(options, Schedule(steps=2), resume=False, report=told.append)
    facts = json.loads((options.out / "run.json").read_text())
    assert path == options.out / "checkpoint.safetensors"
    assert (facts["recipe"], facts["batch"], facts["picture"]["width"]) == ("mlp", 4, 8)
    assert re.fullmatch("[0-9a-f]{64}", facts["data_digest"])
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["layout"] in ("plain", "channels-last")
    assert any(re.search(r"about .* s for 1,000 pictures", words) for words in told)
    assert any("--kimg 0.008 will be a sketch" in words for words in told)
    assert facts["held_out"] == 0 and facts["backbone"] == "random"


def test_a_run_goes_on_as_it_was_and_on_its_own_pictures_alone(options: GeneratorRun, folder: Path) -> None:
    train_generator(options, Schedule(steps=2), resume=False, report=_quiet)
    before = (options.out / "run.json").read_text()
    train_generator(options, Schedule(steps=3), resume=True, report=_quiet)
    assert (options.out / "run.json").read_text() == before
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(folder / "new.png")
    with pytest.raises(TrainingError, match="other pictures"):
        train_generator(options, Schedule(steps=4), resume=True, report=_quiet)


@pytest.fixture
def many(options: GeneratorRun, tmp_path: Path) -> GeneratorRun:
    """The same run on eighty pictures."""
    place = tmp_path / "many"
    place.mkdir()
    random = np.random.default_rng(1)
    for index in range(80):
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(place / f"{index:02d}.png")
    return replace(options, places=(place,))


def lines_of(run: Path, kind: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_metrics_are_against_pictures_that_were_never_trained_on(many: GeneratorRun) -> None:
    told: list[str] = []
    train_generator(many, Schedule(steps=2), resume=False, report=told.append)
    facts = json.loads((many.out / "run.json").read_text())
    assert 0.1 < facts["held_out"] <= 0.3
    assert facts["held_out_pictures"] >= 16
    assert facts["pictures"] + facts["held_out_pictures"] == 80
    assert f"{facts['held_out_pictures']} of 80 pictures are held out for metrics" in told
    (metrics,) = lines_of(many.out, "metrics")
    assert list(metrics)[:5] == ["kind", "step", "kimg", "seconds", "backbone"]
    assert metrics["backbone"] == "random convolutions (untrained)"
    assert {"kid", "recall", "copies", "took"} <= metrics.keys()
    (said,) = lines_of(many.out, "verdicts")
    assert [set(one) for one in said["verdicts"]] == [{"name", "level", "words", "fix"}] * 5  # type: ignore[union-attr]
    assert any("kid" in words and "random convolutions" in words and "collapse" in words for words in told)
    assert (many.out / "best.safetensors").exists()
    assert (many.out / "copies.png").exists()


def test_a_model_says_what_was_held_out_and_evaluation_parts_the_same(many: GeneratorRun) -> None:
    path = train_generator(many, Schedule(steps=1), resume=False, report=_quiet)
    assert path is not None
    training = read_manifest(export_checkpoint(path).path).training
    whole, _ = gather(many.places, many.policy)
    assert training["data_sha256"] == whole.digest
    held = hold_out(whole, 0.1)
    sides = whole.split(float(training["held_out"]), int(training["held_out_seed"]))
    assert held.unseen is not None
    assert sides[1].digest == held.unseen.digest
    assert sides[0].digest == held.training.digest


def test_a_resumed_run_holds_the_same_out_and_is_the_undisturbed_one(many: GeneratorRun, tmp_path: Path) -> None:
    whole = replace(many, out=tmp_path / "whole", computing=Computing(precision="fp32", layout="plain"))
    train_generator(whole, Schedule(steps=6), resume=False, report=_quiet)
    parts = replace(many, out=tmp_path / "parts", computing=Computing(precision="fp32", layout="plain"))
    train_generator(parts, Schedule(steps=2, save_minutes=0.0), resume=False, report=_quiet)
    best = load_state(parts.out / "state.pt")["best"]
    # Neither another part nor none of it changes what was decided at the start.
    train_generator(replace(parts, held_out=0.0), Schedule(steps=6, save_minutes=0.0), resume=True, report=_quiet)
    one, other = (load_state(run.out / "state.pt") for run in (whole, parts))
    assert one["trainer"]["step"] == 6  # type: ignore[index]
    # The schedule's part decides nothing here: mlp has flat rates.
    assert differing(one["trainer"], other["trainer"]) == []  # type: ignore[arg-type]
    kids = [line["kid"] for line in lines_of(parts.out, "metrics")]
    assert other["best"] == pytest.approx(min(kids), abs=1e-5)  # type: ignore[type-var]
    assert best >= other["best"]  # type: ignore[operator]


def test_without_metrics_the_cheap_detectors_watch(many: GeneratorRun) -> None:
    train_generator(replace(many, metrics=False), Schedule(steps=2), resume=False, report=_quiet)
    assert lines_of(many.out, "metrics") == []
    words = {one["name"]: one["words"] for one in lines_of(many.out, "verdicts")[0]["verdicts"]}  # type: ignore[union-attr]
    assert words["collapse"] == "samples were not looked at"
    assert words["overfitting"].startswith("too early to tell: ")
    assert "training pictures" in words["overfitting"]
    assert not (many.out / "copies.png").exists()


def test_missing_weights_are_said_in_a_line_and_random_ones_take_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, *, device: torch.device) -> Backbone:
        if name != "random":
            raise DependencyError("the weights are not here", fix="fetch them")
        return random_convolutions(device)

    monkeypatch.setattr(looking, "load_backbone", missing)
    told: list[str] = []
    assert looking.eye_for(None, torch.device("cpu"), told.append).key == "random"
    assert told == [
        "the weights are not here: metrics are by random convolutions, whose numbers compare with nothing else"
    ]


@pytest.mark.parametrize(
    ("minutes", "steps", "going_on", "words"),
    [
        (9.0, None, False, "a usable result after about 25 minutes; --minutes 9 will be a sketch"),
        (30.0, None, False, "a usable result after about 25 minutes"),
        (30.0, 1000, False, "a usable result after about 25 minutes; --kimg 32 will be a sketch"),
        (None, None, True, "a usable result after about 5 minutes"),
    ],
)
def test_the_start_says_when_pictures_will_be_worth_looking_at(
    minutes: float | None, steps: int | None, going_on: bool, words: str
) -> None:
    recipe = replace(RECIPES["quick"], usable_kimg=100.0)
    assert (
        str(Prospect.of(recipe, Estimate(15.0, None, None), minutes=minutes, steps=steps, going_on=going_on)) == words
    )


def test_long_times_are_told_in_hours_and_days() -> None:
    recipe = replace(RECIPES["quick"], usable_kimg=100.0)
    speeds = [Estimate(seconds, None, None) for seconds in (0.1, 180.0, 3600.0)]
    told = [str(Prospect.of(recipe, speed, minutes=None, steps=None, going_on=False)) for speed in speeds]
    assert [words.removeprefix("a usable result after about ") for words in told] == ["a minute", "5 hours", "4 days"]


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
