"""The example of every course: real handwritten digits, by both of the tutorials' networks, with every loss."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.models.players.player import Picture, reproducible
from ganplugin.train.game import Game, GameOptions
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.objectives import OBJECTIVES
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import gather
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.choices import Choices, adapted
from tests.assets import fetched
from tests.source import load_script

make_digits = load_script("make_digits")


@pytest.fixture(scope="session")
def digits() -> PackedSet:
    return gather([fetched("digits") / "digits.zip"], Policy(width=28, height=28, channels=1))[0]


def learner(digits: PackedSet, recipe: str, **choices: object) -> GeneratorTrainer:
    chosen = adapted(RECIPES[recipe], Choices(**choices))  # type: ignore[arg-type]
    with reproducible(0):
        pair = chosen.make(Picture(*digits.shape), chosen.width, chosen)
    return GeneratorTrainer(Game(chosen, pair, digits, GameOptions(), torch.device("cpu")), {}, {})


def test_they_are_what_the_example_says(digits: PackedSet) -> None:
    assert (len(digits), digits.shape) == (10_000, (1, 28, 28))


@pytest.mark.parametrize("loss", OBJECTIVES.entries)
@pytest.mark.parametrize("recipe", make_digits.WIDTHS)
def test_each_loss_plays_on_them(digits: PackedSet, recipe: str, loss: str) -> None:
    made = learner(digits, recipe, loss=loss, width=8, batch=16)
    losses = [value for part in (0.0, 0.5) for value in made.advance(part).values()]
    assert all(math.isfinite(value) for value in losses)
    assert made.paint(0, 3).shape == (3, 1, 28, 28)


def test_the_script_knows_every_loss_and_the_tutorials_networks() -> None:
    assert set(make_digits.LOSSES) == set(OBJECTIVES.entries)
    assert RECIPES["mlp"].width == int(make_digits.WIDTHS["mlp"])


def test_a_few_steps_find_the_dark_ground(digits: PackedSet) -> None:
    """At first pictures are mid-grey; digits are white on black."""
    made = learner(digits, "dcgan", width=8, learning_rate=2e-3)
    assert made.paint(0, 64).mean() > 0.4
    for _ in range(120):
        made.advance(0.5)
    assert made.paint(0, 64).mean() < 0.35


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder with a sheet of 8 x 8 digits, each of its own shade."""
    sheet = np.full((8 * 30 - 2, 8 * 30 - 2), 255, np.uint8)
    for index in range(64):
        top, left = index // 8 * 30, index % 8 * 30
        sheet[top : top + 28, left : left + 28] = index
    (tmp_path / "grids").mkdir()
    Image.fromarray(sheet).save(tmp_path / "grids" / "000002.png")
    lines: list[Mapping[str, object]] = [
        {"kind": "losses", "step": 2, "seconds": 90.0},
        {
            "kind": "verdicts",
            "step": 2,
            "verdicts": [{"name": "collapse", "level": "bad"}, {"name": "x", "level": "good"}],
        },
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return tmp_path


def test_a_strip_shows_the_first_digits_of_a_sheet_in_order(run: Path) -> None:
    strip = np.asarray(make_digits.strip_of(run))
    assert [strip[0, 30 * column] for column in range(10)] == list(range(10))
    assert strip[30, 0] == 10


def test_a_row_of_the_table_says_what_the_run_says(run: Path) -> None:
    found = {"numbers": {"fid": 12.345, "kid": 0.5, "percentile": 3.0}}
    row = make_digits.row_of("mlp", "hinge", run, found)
    assert dict(zip(make_digits.HEADS, row, strict=True)) == {
        "network": "mlp", "loss": "hinge", "minutes": "1.5", "FID": "12.3", "KID": "0.5", "IS": "–", "precision": "–",
        "recall": "–", "discriminator": "3", "verdict": "collapse",
    }  # fmt: skip


def test_the_table_takes_the_place_of_the_one_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n" + make_digits.MARKS[0] + "old\n" + make_digits.MARKS[1] + "after\n")
    monkeypatch.setattr(make_digits, "PAGE", page)
    make_digits.write_table([("a",) * len(make_digits.HEADS)])
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before\n" + make_digits.MARKS[0] + "| network |")
    assert text.endswith(make_digits.MARKS[1] + "after\n")
