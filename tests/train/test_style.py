from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from ganplugin.errors import TrainingError
from ganplugin.models.stylizer import FAMILY
from ganplugin.train.checkpoint import read_checkpoint
from ganplugin.train.state import load_state, save_state
from ganplugin.train.style import StyleTrainer
from tests.train.test_game import differing

Maker = Callable[[], StyleTrainer]


def test_a_resumed_run_equals_an_undisturbed_one_bit_by_bit(make_style: Maker, tmp_path: Path) -> None:
    undisturbed, first, second = make_style(), make_style(), make_style()
    for _ in range(9):
        undisturbed.advance()
    for _ in range(4):
        first.advance()
    save_state(tmp_path / "state.pt", first.state())
    second.restore(load_state(tmp_path / "state.pt"))
    for _ in range(5):
        second.advance()
    assert differing(undisturbed.state(), second.state()) == []


def test_flat_photos_leave_every_weight_a_number(make_style: Maker) -> None:
    trainer = make_style()
    trainer.crops.photos = [torch.full((3, 40, 40), level, dtype=torch.uint8) for level in (0, 255)]
    for _ in range(4):
        losses = trainer.advance()
    assert all(value == value for value in losses.values())
    assert all(torch.isfinite(parameter).all() for parameter in trainer.stylizer.parameters())


def test_learns_the_palette_of_its_paintings(make_style: Maker) -> None:
    trainer = make_style()
    losses = [trainer.advance() for _ in range(60)]
    assert sum(part["palette"] for part in losses[-10:]) < 0.7 * sum(part["palette"] for part in losses[:10])
    with torch.no_grad():
        red = trainer.average.paint(torch.full((1, 3, 32, 32), 0.5), torch.tensor([[1.0, 0.0]])).mean(dim=(0, 2, 3))
    assert red[0] > red[1]
    assert red[0] > red[2]


def test_the_checkpoint_rebuilds_with_its_style_names(make_style: Maker, tmp_path: Path) -> None:
    trainer = make_style()
    trainer.write_checkpoint(tmp_path / "c.safetensors", minutes=2)
    tensors, config = read_checkpoint(tmp_path / "c.safetensors")
    state = {key.removeprefix("stylizer."): value for key, value in tensors.items()}
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, config)
    assert network.facts["styles"] == ("red", "noise")
    assert dict(config["training"])["licence"] == "none"  # type: ignore[call-overload]


def test_samples_show_photos_and_every_style(make_style: Maker, tmp_path: Path) -> None:
    make_style().write_samples(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == (3 * 66 - 2, 3 * 66 - 2)


def test_a_state_of_other_paintings_is_refused(make_style: Maker) -> None:
    trainer = make_style()
    with pytest.raises(TrainingError, match="other paintings"):
        trainer.restore(trainer.state() | {"styles": ["blue"]})


def test_a_run_of_the_first_release_is_refused_in_words(make_style: Maker) -> None:
    trainer = make_style()
    state = {key: value for key, value in trainer.state().items() if key != "config"}
    with pytest.raises(TrainingError, match="first release"):
        trainer.restore(state)


def test_strokes_may_change_broad_forms(make_style: Maker) -> None:
    """The first release's strokes were what was left after blurring: no training could teach them a large form."""
    trainer = make_style()
    photo = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        broad = trainer.stylizer.strokes(photo, torch.tensor([[1.0, 0.0]])).mean(dim=(2, 3)).abs().max()
    assert broad > 1e-3


def test_the_first_steps_do_not_leap_over_all_colours(make_style: Maker) -> None:
    """With one rate for all, the last convolution moved every pixel by more than 1 a step, and strokes fell silent."""
    trainer = make_style()
    photo, weights = trainer.crops.middles(1, 32), torch.tensor([[1.0, 0.0]])
    before = trainer.stylizer.paint(photo, weights).detach()
    trainer.advance()
    assert (trainer.stylizer.paint(photo, weights) - before).abs().max() < 0.05


def test_rates_rise_and_are_halved_for_good(make_style: Maker) -> None:
    trainer = make_style()
    trainer.advance()
    first = [group["lr"] for group in trainer.optimizer.param_groups]
    trainer.advance()
    second = [group["lr"] for group in trainer.optimizer.param_groups]
    assert second == pytest.approx([2 * rate for rate in first])
    trainer.slow_down()
    trainer.advance()
    assert [group["lr"] for group in trainer.optimizer.param_groups] == pytest.approx([1.5 * rate for rate in first])
    assert first == pytest.approx([1e-3 / 50, 5e-5 / 50, 2e-3 / 50])


def test_a_new_rate_holds_when_a_run_goes_on(make_style: Maker) -> None:
    """Bug: the optimiser's state brought the old one back, unsaid; what was halved on the way stays halved."""
    begun = make_style()
    begun.slow_down()
    later = make_style()
    later.options = replace(later.options, learning_rate=2e-3)
    later.restore(begun.state())
    assert [group["full"] for group in later.optimizer.param_groups] == pytest.approx([1e-3, 5e-5, 2e-3])
