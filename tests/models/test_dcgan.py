from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.models.dcgan import FAMILY, SCORER_FAMILY


def example_generator(nz: int, widths: tuple[int, ...], nc: int) -> nn.Sequential:
    """The generator as the example's users write it, with weights that are not trivial."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(zip((nz, *widths), (*widths, nc), strict=True)):
        layers.append(nn.ConvTranspose2d(before, after, 4, 2 if index else 1, 1 if index else 0, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(True)] if index < len(widths) else [nn.Tanh()]
    return lively(nn.Sequential(*layers))


def example_discriminator(nc: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(zip((nc, *widths[:-1]), widths, strict=True)):
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(after)] if index else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    return lively(nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False)))


def lively(module: nn.Sequential) -> nn.Sequential:
    torch.manual_seed(3)
    for layer in module:
        if isinstance(layer, (nn.ConvTranspose2d, nn.Conv2d)):
            nn.init.normal_(layer.weight, 0, 0.3)
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1, 0.2)
            nn.init.normal_(layer.bias, 0, 0.2)
            nn.init.normal_(layer.running_mean, 0, 0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return module.eval()


def state_of(module: nn.Module, name: str = "main") -> dict[str, Tensor]:
    return {f"{name}.{key}": value for key, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("nz", "widths", "nc", "name"),
    [(5, (8,), 1, "main"), (7, (12, 8, 4), 3, "main"), (100, (16, 8, 8, 4), 4, "net"), (3, (4, 6, 5, 4, 3), 3, "gen")],
)
def test_the_generator_is_rebuilt_from_shapes_alone(nz: int, widths: tuple[int, ...], nc: int, name: str) -> None:
    example = example_generator(nz, widths, nc)
    state = state_of(example, name)
    assert FAMILY.detect(state)
    assert not SCORER_FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    z = torch.randn(3, nz)
    with torch.no_grad():
        expected = (example(z[:, :, None, None]) + 1) / 2
        assert torch.allclose(network.module(z), expected, atol=1e-6)
    assert network.facts["width"] == network.facts["height"] == expected.shape[-1] == 4 * 2 ** len(widths)
    assert network.facts["z_dim"] == nz
    assert expected.std() > 0.01


@pytest.mark.parametrize(("nc", "widths"), [(3, (4, 8)), (1, (4, 6, 9)), (3, (2, 3, 4, 5))])
def test_the_scorer_returns_the_logit(nc: int, widths: tuple[int, ...]) -> None:
    example = example_discriminator(nc, widths)
    state = state_of(example)
    assert SCORER_FAMILY.detect(state)
    assert not FAMILY.detect(state)
    network = SCORER_FAMILY.rebuild(state, {})
    side = 4 * 2 ** len(widths)
    images = torch.rand(4, nc, side, side)
    with torch.no_grad():
        assert torch.allclose(network.module(images), example(images * 2 - 1).flatten(), atol=1e-6)


def test_old_files_without_batch_counters_load() -> None:
    state = state_of(example_generator(4, (6, 4), 3))
    old = {key: value for key, value in state.items() if "num_batches" not in key}
    assert FAMILY.rebuild(old, {}).facts["width"] == 16


def _without(key: str) -> dict[str, Tensor]:
    state = state_of(example_generator(4, (6, 4), 3))
    del state[key]
    return state


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"main.0.weight": torch.zeros(4, 4, 4, 4)},
        _without("main.1.running_mean"),
        _without("main.3.weight"),
        {"main.0.weight": torch.zeros(4, 6, 3, 3), "main.3.weight": torch.zeros(6, 3, 3, 3)},
        {f"model.{key.partition('.')[2]}": value for key, value in state_of(example_discriminator(3, (4, 8))).items()},
    ],
)
def test_near_misses_are_not_taken(state: dict[str, Tensor]) -> None:
    assert not FAMILY.detect(state)
    assert not SCORER_FAMILY.detect(state)
    for family in (FAMILY, SCORER_FAMILY):
        with pytest.raises(CheckpointError):
            family.rebuild(state, {})


def test_a_stray_or_misshapen_tensor_is_refused_not_ignored() -> None:
    state = state_of(example_generator(4, (6, 4), 3))
    with pytest.raises(CheckpointError, match="almost a DCGAN"):
        FAMILY.rebuild({**state, "main.9.weight": torch.zeros(3)}, {})
    with pytest.raises(CheckpointError, match="almost a DCGAN"):
        FAMILY.rebuild({**state, "main.1.bias": torch.zeros(5)}, {})


def test_channels_that_no_picture_has_are_refused() -> None:
    with pytest.raises(CheckpointError, match="2 channels"):
        FAMILY.rebuild(state_of(example_generator(4, (6,), 2)), {})
