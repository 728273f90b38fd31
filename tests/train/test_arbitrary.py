from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganplugin.errors import Cancelled, TrainingError
from ganplugin.models.any_painting import FAMILY
from ganplugin.train.arbitrary import ArbitraryTrainer
from ganplugin.train.arbitrary_recipe import split
from ganplugin.train.checkpoint import read_checkpoint
from ganplugin.train.loop import Schedule, run
from ganplugin.train.painting_files import PaintingFile
from tests.train.test_game import differing

Maker = Callable[[], ArbitraryTrainer]


def test_8_steps_a_stop_and_12_more_equal_20_bit_by_bit(
    make_arbitrary: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, stopped, again = make_arbitrary(), make_arbitrary(), make_arbitrary()
    advance = stopped.advance

    def and_stop_at_8(part: float) -> Mapping[str, float]:
        losses = advance(part)
        if stopped.step == 8:
            signal.raise_signal(signal.SIGINT)
        return losses

    run(undisturbed, tmp_path / "one", Schedule(steps=20), resume=False)
    monkeypatch.setattr(stopped, "advance", and_stop_at_8)
    with pytest.raises(Cancelled):
        run(stopped, tmp_path / "two", Schedule(steps=20), resume=False)
    run(again, tmp_path / "two", Schedule(steps=20), resume=True)
    assert differing(undisturbed.state(), again.state()) == []
    assert (tmp_path / "one/grids/000020.png").read_bytes() == (tmp_path / "two/grids/000020.png").read_bytes()


def test_learns_to_paint_in_more_manners_than_one(make_arbitrary: Maker) -> None:
    trainer = make_arbitrary()
    losses = [trainer.advance() for _ in range(80)]
    assert sum(part["style"] for part in losses[-20:]) < 0.8 * sum(part["style"] for part in losses[:20])
    photo = trainer.crops.middles(1, 32)
    with torch.no_grad():
        manners = [trainer.average.manner_of(painting[None]) for painting in trainer.paintings.whole(3)]
        strokes = [trainer.average.hand.strokes(photo, manner.weights) for manner in manners]
    assert (strokes[0] - strokes[2]).abs().mean() > 0.01 * strokes[0].abs().mean()


def test_the_checkpoint_rebuilds_and_looks_as_training_does(make_arbitrary: Maker, tmp_path: Path) -> None:
    trainer = make_arbitrary()
    trainer.advance()
    trainer.write_checkpoint(tmp_path / "c.safetensors", minutes=2)
    tensors, config = read_checkpoint(tmp_path / "c.safetensors")
    state = {key.removeprefix("stylizer."): value for key, value in tensors.items()}
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, config)
    assert {"paintings": 3, "paintings_held_out": 1}.items() <= dict(config["training"]).items()  # type: ignore[call-overload]
    photo, painting = trainer.crops.middles(1, 40), trainer.paintings.whole(1)
    with torch.no_grad():
        wanted = trainer.average.paint(photo, trainer.average.manner_of(painting)).clamp(0, 1)
    assert torch.allclose(network.module(photo, painting, torch.tensor(1.0)), wanted, atol=1e-5)


def test_flat_photos_and_paintings_leave_every_weight_a_number(make_arbitrary: Maker) -> None:
    trainer = make_arbitrary()
    trainer.crops.photos = [torch.full((3, 40, 40), level, dtype=torch.uint8) for level in (0, 255)]
    trainer.paintings.pixels = [torch.full((3, 40, 40), level, dtype=torch.uint8) for level in (9, 255)]
    for _ in range(4):
        losses = trainer.advance()
    assert all(value == value for value in losses.values())
    assert all(torch.isfinite(parameter).all() for parameter in trainer.network.parameters())


def test_samples_show_known_paintings_and_unknown_ones(make_arbitrary: Maker, tmp_path: Path) -> None:
    make_arbitrary().write_samples(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == (5 * 66 - 2, 4 * 66 - 2)


def test_a_state_of_other_paintings_is_refused(make_arbitrary: Maker) -> None:
    trainer = make_arbitrary()
    with pytest.raises(TrainingError, match="other paintings"):
        trainer.restore(trainer.state() | {"paintings": "0"})


@pytest.mark.parametrize(("count", "kept"), [(2, 0), (7, 0), (8, 1), (24, 3), (300, 3)])
def test_one_painting_in_eight_is_kept_apart(count: int, kept: int) -> None:
    paintings = [PaintingFile(str(index), None) for index in range(count)]  # type: ignore[arg-type]
    learnt, held = split(paintings)
    assert len(held) == kept
    assert sorted(learnt + held, key=lambda one: int(one.name)) == paintings
