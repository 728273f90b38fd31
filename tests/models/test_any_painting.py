from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.any_painting import FAMILY, AnyPainting
from ganplugin.models.palette import colour_statistics
from ganplugin.runtime import RuntimeOptions, open_model
from ganplugin.train.checkpoint import prefixed, save_checkpoint
from tests.models.any_painting import any_painting

FULL = torch.tensor(1.0)


@pytest.fixture
def module() -> AnyPainting:
    return any_painting()


def painting(red: float, side: int = 40) -> torch.Tensor:
    """A picture of noise, redder or less red."""
    noise = torch.rand(1, 3, side, side + 6, generator=torch.Generator().manual_seed(3))
    return noise * torch.tensor([red, 0.6, 0.6]).view(1, 3, 1, 1)


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 64)])
def test_any_size_of_photo_and_painting(module: AnyPainting, size: tuple[int, int]) -> None:
    for side in (5, 90):
        image = module(torch.rand(2, 3, *size), painting(0.9, side), FULL)
        assert image.shape == (2, 3, *size)
        assert 0 <= image.min() < image.max() <= 1


def test_the_ground_has_the_colours_of_the_painting_untrained(module: AnyPainting) -> None:
    shown = painting(0.9)
    manner = module.manner_of(shown)
    made = module.ground(torch.rand(1, 3, 48, 48), manner)
    assert torch.allclose(colour_statistics(made)[0], colour_statistics(module.shown(shown))[0], atol=1e-3)


def test_the_manner_does_not_depend_on_the_size_of_the_scan(module: AnyPainting) -> None:
    small = painting(0.9, 64)
    large = torch.nn.functional.interpolate(small, scale_factor=3, mode="bicubic").clamp(0, 1)
    other = module.manner_of(painting(0.1, 64)).weights
    one, same = module.manner_of(small).weights, module.manner_of(large).weights
    assert (one - same).abs().max() < 0.3 * (one - other).abs().max()


def test_strength_blends_with_the_photo(module: AnyPainting) -> None:
    content, shown = torch.rand(1, 3, 20, 20), painting(0.7)
    full = module(content, shown, FULL)
    assert torch.allclose(module(content, shown, torch.tensor(0.0)), content)
    assert torch.allclose(module(content, shown, torch.tensor(0.5)), (content + full) / 2, atol=1e-6)


def test_rebuilds_from_tensors_alone(module: AnyPainting) -> None:
    state = module.state_dict()
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    content, shown = torch.rand(1, 3, 21, 22), painting(0.8)
    assert torch.allclose(network.module(content, shown, FULL), module(content, shown, FULL))
    default = network.inputs[1].default
    assert default is not None
    assert torch.isfinite(network.module(content, default, FULL)).all()


@pytest.mark.parametrize(
    "missing",
    ["hand.down1.norm.scale", "look.weight", "side", "eye.blocks.1.1.bias", "eye.mean", "centre", "hand.limit"],
)
def test_a_missing_tensor_is_refused(module: AnyPainting, missing: str) -> None:
    state = {key: value for key, value in module.state_dict().items() if key != missing}
    with pytest.raises(CheckpointError):
        FAMILY.rebuild(state, {})


def test_a_side_that_is_none_is_refused(module: AnyPainting) -> None:
    for side in (float("nan"), float("inf"), 0.0, -4.0, 1e9):
        with pytest.raises(CheckpointError):
            FAMILY.rebuild(module.state_dict() | {"side": torch.tensor(side)}, {})


def test_exported_it_paints_as_a_whole_and_in_tiles(module: AnyPainting, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "any.safetensors", prefixed("stylizer", module.state_dict()), {"training": {"seed": 1}})
    exported = export_checkpoint(tmp_path / "any.safetensors")
    assert exported.manifest.family == FAMILY.id
    model = open_model(exported.path, RuntimeOptions(device="cpu"))
    photo = np.random.default_rng(2).random((90, 70, 3), np.float32)
    shown = painting(0.9).numpy().transpose(0, 2, 3, 1)
    whole = model.stylize(photo[None], style=shown)
    wanted = module(torch.from_numpy(photo.transpose(2, 0, 1)[None]), painting(0.9), FULL)
    assert np.abs(whole[0] - wanted[0].numpy().transpose(1, 2, 0)).max() < 1e-4
    assert np.abs(model.stylize(photo[None], style=shown, tile=64) - whole).max() < 2e-4
    assert np.abs(model.stylize(photo[None], style=1 - shown) - whole).mean() > 0.02
