from __future__ import annotations

import pytest
import torch

from ganplugin.train.ada import COLOUR, GEOMETRY, Steering, recoloured, resampled, steered


def _random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(12, 12), (8, 20)])
def test_keeps_shape_and_lets_gradients_through(channels: int, size: tuple[int, int]) -> None:
    images = torch.rand(6, channels, *size, requires_grad=True)
    random = _random()
    changed = recoloured(resampled(images, 0.8, random, tuple(GEOMETRY)), 0.8, random, tuple(COLOUR))
    changed.sum().backward()
    assert changed.shape == images.shape
    assert torch.isfinite(changed).all()
    assert (images.grad != 0).float().mean() > 0.3


def test_nothing_happens_with_probability_nought() -> None:
    images = torch.rand(4, 3, 8, 8)
    assert torch.equal(resampled(images, 0.0, _random(), tuple(GEOMETRY)), images)
    assert torch.equal(recoloured(images, 0.0, _random(), tuple(COLOUR)), images)


def test_alpha_is_never_recoloured() -> None:
    images = torch.rand(8, 4, 6, 6)
    changed = recoloured(images, 1.0, _random(), tuple(COLOUR))
    assert torch.equal(changed[:, 3], images[:, 3])
    assert not torch.allclose(changed[:, :3], images[:, :3], atol=0.05)


def test_alpha_moves_with_its_colours() -> None:
    images = torch.rand(8, 1, 8, 8).expand(-1, 4, -1, -1)
    changed = resampled(images, 1.0, _random(), tuple(GEOMETRY))
    assert torch.allclose(changed[:, 0], changed[:, 3])
    assert not torch.allclose(changed, images, atol=0.1)


def test_flips_are_exact_and_half_as_likely_as_changes() -> None:
    images = torch.rand(400, 1, 5, 7)
    changed = resampled(images, 1.0, _random(), ("flip",))
    flipped = (changed - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-5
    kept = (changed - images).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert (flipped | kept).all()
    assert 0.4 < flipped.float().mean() < 0.6


def test_quarter_turns_are_exact_and_keep_oblong_pictures_whole() -> None:
    square, oblong = torch.rand(40, 1, 6, 6), torch.rand(40, 1, 4, 6)
    for images, turns in ((square, range(4)), (oblong, (0, 2))):
        changed = resampled(images, 1.0, _random(), ("quarter",))
        apart = [(changed - images.rot90(turn, (2, 3))).abs().amax(dim=(1, 2, 3)) for turn in turns]
        nearest = torch.stack(apart).min(dim=0)
        assert nearest.values.max() < 1e-5
        assert len(nearest.indices.unique()) == len(apart)


def test_shifts_are_whole_pixels() -> None:
    images = torch.zeros(30, 1, 16, 16)
    images[:, :, 8, 8] = 1
    changed = resampled(images, 1.0, _random(), ("shift",))
    spots = {tuple((one[0] > 0.999).nonzero()[0].tolist()) for one in changed}
    assert len(spots) > 5
    assert all(6 <= y <= 10 and 6 <= x <= 10 for y, x in spots)


def test_hue_and_saturation_keep_the_mean_colour_and_luma_turns_black_to_white() -> None:
    images = torch.rand(10, 3, 4, 4)
    for name in ("hue", "saturation"):
        changed = recoloured(images, 1.0, _random(), (name,))
        assert torch.allclose(changed.mean(dim=1), images.mean(dim=1), atol=1e-5)
    black = recoloured(torch.zeros(40, 3, 2, 2), 1.0, _random(), ("luma",))
    assert {round(float(one.mean()), 4) for one in black} == {0.0, 1.0}


def test_grey_pictures_get_what_grey_colours_get() -> None:
    grey = torch.rand(6, 1, 4, 4)
    one = recoloured(grey, 1.0, _random(3), tuple(COLOUR))
    three = recoloured(grey.expand(-1, 3, -1, -1), 1.0, _random(3), tuple(COLOUR))
    assert torch.allclose(one, three.mean(dim=1, keepdim=True), atol=1e-5)


def test_steering_follows_the_scorers_certainty() -> None:
    state = Steering()
    for _ in range(8):
        state = steered(state, 1.0, 64, kimg=1.0)
    assert state.probability == pytest.approx(2 * 256 / 1000)
    for _ in range(4):
        state = steered(state, 0.0, 64, kimg=1.0)
    assert state.probability == pytest.approx(256 / 1000)
    for _ in range(40):
        state = steered(state, 0.0, 64, kimg=1.0)
    assert state.probability == 0.0


def test_steering_waits_for_enough_pictures() -> None:
    state = steered(Steering(), 1.0, 100)
    assert (state.probability, state.signs, state.pictures) == (0.0, 100.0, 100)
