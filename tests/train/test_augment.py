from __future__ import annotations

import pytest
import torch

from ganplugin.errors import InputError
from ganplugin.train.augment import augment, changes_of, colour, cutout, pipeline, translation


def _random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("recolour", [0.0, 0.5])
def test_keeps_shape_and_lets_gradients_through(recolour: float) -> None:
    images = torch.rand(6, 3, 16, 20, requires_grad=True)
    changed = augment(images, _random(), recolour=recolour)
    changed.sum().backward()
    assert changed.shape == images.shape
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert (images.grad != 0).float().mean() > 0.5


def test_is_decided_by_the_random_generator() -> None:
    images = torch.rand(4, 3, 16, 16)
    assert torch.equal(augment(images, _random(7)), augment(images, _random(7)))
    assert not torch.equal(augment(images, _random(7)), augment(images, _random(8)))


def test_translation_moves_each_picture_by_its_own_whole_pixels() -> None:
    images = torch.zeros(16, 1, 16, 16)
    images[:, :, 8, 8] = 1  # far enough inside that no mirror image of it comes in
    moved = translation(images, _random())
    spots = {tuple((picture[0] == 1).nonzero()[0].tolist()) for picture in moved}
    assert len(spots) > 4
    assert all(6 <= y <= 10 and 6 <= x <= 10 for y, x in spots)


def test_cutout_covers_a_rectangle_with_grey() -> None:
    covered = cutout(torch.ones(32, 3, 20, 20), _random()) == 0.5
    parts = covered.float().mean(dim=(1, 2, 3))
    assert parts.max() <= 0.17
    assert parts.mean() > 0.08
    assert torch.equal(covered[:, 0], covered[:, 2])


def test_colour_keeps_grey_pictures_grey() -> None:
    grey = torch.rand(4, 1, 8, 8).expand(4, 3, 8, 8)
    changed = colour(grey, _random(), strength=0.5)
    assert torch.allclose(changed[:, 0], changed[:, 1])
    assert not torch.allclose(changed, grey)


def test_colour_is_as_strong_as_in_the_paper() -> None:
    """Bug: contrast 0.75..1.25 and saturation 0.5..1.5 where DiffAugment has 0.5..1.5 and 0..2."""
    grey = torch.tensor([0.2, 0.6]).view(1, 1, 1, 2).expand(4000, 3, 1, 2)
    changed = colour(grey, _random())
    contrast = (changed[:, 0, 0, 1] - changed[:, 0, 0, 0]) / 0.4
    assert (changed.mean(dim=(1, 2, 3)) - 0.4).abs().max() == pytest.approx(0.25, abs=0.01)
    assert [float(contrast.min()), float(contrast.max())] == pytest.approx([0.5, 1.5], abs=0.01)
    plain = torch.tensor([0.2, 0.5, 0.8]).view(1, 3, 1, 1).expand(4000, 3, 1, 1)
    colours = colour(plain, _random())
    both = (colours[:, 2] - colours[:, 0]) / 0.6  # contrast moves them apart, too
    assert [float(both.min()), float(both.max())] == pytest.approx([0.0, 3.0], abs=0.2)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_pipeline_takes_grey_colour_and_alpha(channels: int) -> None:
    images = torch.rand(6, channels, 16, 12)
    changed = pipeline(images, _random(), ("colour", "translation", "cutout"))
    assert changed.shape == images.shape
    assert not torch.allclose(changed, images)


def test_alpha_is_never_recoloured() -> None:
    images = torch.rand(6, 4, 8, 8)
    changed = colour(images, _random(), strength=0.5)
    assert torch.equal(changed[:, 3], images[:, 3])
    assert not torch.allclose(changed[:, :3], images[:, :3])


def test_names_are_read_from_a_text() -> None:
    assert changes_of("colour, cutout") == ("colour", "cutout")
    assert changes_of("") == ()
    with pytest.raises(InputError, match="translation"):
        changes_of("color")
