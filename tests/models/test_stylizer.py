from __future__ import annotations

import pytest
import torch

from ganplugin.errors import CheckpointError
from ganplugin.models.stylizer import FAMILY, MINIMUM_SIZE, StyleNorm, Stylizer, StylizerConfig, grain

CONFIG = StylizerConfig(styles=3, widths=(4, 6, 8), residuals=2)
FULL = torch.tensor(1.0)


@pytest.fixture
def stylizer() -> Stylizer:
    torch.manual_seed(0)
    return Stylizer(CONFIG).eval().requires_grad_(False)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 64), (50, 19)])
def test_any_size_comes_back_as_it_went_in(stylizer: Stylizer, size: tuple[int, int]) -> None:
    image = stylizer(torch.rand(2, 3, *size), torch.tensor([1.0, 0, 0]), FULL)
    assert image.shape == (2, 3, *size)
    assert 0 <= image.min() < image.max() <= 1


def test_strength_blends_with_the_photo(stylizer: Stylizer) -> None:
    content, weights = torch.rand(1, 3, 20, 20), torch.tensor([0.0, 1, 0])
    full = stylizer(content, weights, FULL)
    assert torch.allclose(stylizer(content, weights, torch.tensor(0.0)), content)
    assert torch.allclose(stylizer(content, weights, torch.tensor(0.5)), (content + full) / 2, atol=1e-6)


def test_the_sum_of_the_weights_does_not_matter(stylizer: Stylizer) -> None:
    content = torch.rand(1, 3, 20, 20)
    blend = stylizer(content, torch.tensor([1.0, 1, 0]), FULL)
    assert torch.allclose(blend, stylizer(content, torch.tensor([4.0, 4, 0]), FULL), atol=1e-6)
    assert torch.isfinite(stylizer(content, torch.zeros(3), FULL)).all()


def test_styles_differ_and_pictures_do_not_meet(stylizer: Stylizer) -> None:
    content = torch.rand(2, 3, 20, 20)
    one, two = (stylizer(content, weights, FULL) for weights in torch.eye(3)[:2])
    assert (one - two).abs().mean() > 0.001
    assert torch.allclose(one[1:], stylizer(content[1:], torch.eye(3)[0], FULL), atol=1e-5)


def test_each_picture_of_a_training_batch_has_its_own_style(stylizer: Stylizer) -> None:
    content = torch.rand(1, 3, 20, 20).expand(3, -1, -1, -1)
    painted = stylizer.paint(content, torch.eye(3))
    for index in range(3):
        alone = stylizer(content[:1], torch.eye(3)[index], FULL)[0]
        assert torch.allclose(painted[index].clamp(0, 1), alone, atol=1e-5)


def test_rebuilds_from_tensors_alone(stylizer: Stylizer) -> None:
    state = stylizer.state_dict()
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    assert network.facts["styles"] == ("style-1", "style-2", "style-3")
    assert network.facts["minimum_size"] == MINIMUM_SIZE
    content = torch.rand(1, 3, 21, 22)
    defaults = [item.default for item in network.inputs[1:]]
    expected = stylizer(content, torch.tensor([1.0, 0, 0]), FULL)
    assert torch.allclose(network.module(content, *defaults), expected)


def test_the_limit_comes_back_from_the_tensors() -> None:
    limited = Stylizer(StylizerConfig(styles=2, widths=(4, 4, 4), residuals=1, limit=6.0))
    network = FAMILY.rebuild(limited.state_dict(), {})
    assert network.module.config == limited.config


def test_the_grain_of_a_sky_shows_beside_an_edge() -> None:
    random = torch.Generator().manual_seed(1)
    photo = 0.6 + 0.01 * torch.randn(1, 3, 48, 48, generator=random).expand(-1, 3, -1, -1)
    photo = torch.cat([photo, torch.zeros(1, 3, 48, 16)], dim=3)
    sky = grain(photo)[..., 4:-4, 4:36]
    assert 0.4 < sky.std() < 1.1
    assert grain(torch.full((1, 3, 20, 20), 0.3)).abs().max() < 1e-3


def test_a_speck_in_an_empty_picture_leaves_no_stain_however_large() -> None:
    """Normalised, a speck's value grows with the picture around it; the limit keeps it as training has met it."""

    def height_of_speck(limit: float, side: int) -> float:
        norm = StyleNorm(1, 1, limit)
        norm.scale.data.fill_(1)
        norm.shift.data.zero_()
        picture = torch.zeros(1, 1, side, side)
        picture[..., :2, :2] = 1
        return float(norm(picture, torch.ones(1, 1)).detach().max())

    assert height_of_speck(0.0, 256) > 3 * height_of_speck(0.0, 64)
    assert height_of_speck(8.0, 256) == height_of_speck(8.0, 64) == 8


@pytest.mark.parametrize("missing", ["down1.norm.scale", "residuals.1.first.conv.weight", "tint.shift"])
def test_a_missing_tensor_is_refused(stylizer: Stylizer, missing: str) -> None:
    state = {key: value for key, value in stylizer.state_dict().items() if key != missing}
    with pytest.raises(CheckpointError):
        FAMILY.rebuild(state, {})
