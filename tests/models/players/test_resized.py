from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn

from ganplugin.models.players.resized import Resized, keep_resized, plain_state


def doubling(*, resized: bool) -> nn.ConvTranspose2d:
    layer = nn.ConvTranspose2d(3, 2, 4, 2, 1)
    if resized:
        with torch.no_grad():
            layer.weight.copy_(Resized()(torch.randn(3, 2, 3, 3)))
    return layer


def test_a_resized_kernel_repeats_and_then_convolves() -> None:
    small, maps = torch.randn(3, 2, 3, 3), torch.randn(1, 3, 5, 6)
    wide = F.conv_transpose2d(maps, Resized()(small), stride=2, padding=1)
    repeated = F.interpolate(maps, scale_factor=2)
    # A transposed convolution has its kernel turned round, and its channels the other way.
    wanted = F.conv2d(repeated, small.flip(2, 3).transpose(0, 1), padding=1)
    assert torch.allclose(wide, wanted, atol=1e-5)


def test_flat_maps_stay_flat_whatever_is_learned() -> None:
    layer = nn.Sequential(doubling(resized=True))
    keep_resized(layer)
    made = layer(torch.ones(1, 3, 6, 6))[:, :, 2:-2, 2:-2]
    assert torch.allclose(made, made[:, :, :1, :1].expand_as(made), atol=1e-5)
    free = doubling(resized=False)(torch.ones(1, 3, 6, 6))[:, :, 2:-2, 2:-2]
    assert not torch.allclose(free, free[:, :, :1, :1].expand_as(free), atol=1e-3)


def test_the_small_kernel_is_found_again() -> None:
    small = torch.randn(3, 2, 3, 3)
    assert torch.allclose(Resized().right_inverse(Resized()(small)), small, atol=1e-6)


def test_only_kernels_that_are_resized_ones_are_kept_so() -> None:
    network = nn.Sequential(doubling(resized=True), doubling(resized=False), nn.ConvTranspose2d(2, 2, 3, 2, 1))
    maps = torch.randn(1, 3, 4, 4)
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    made = network[0](maps)
    keep_resized(network)
    learning = [key for key in network.state_dict() if key.endswith("original")]
    assert learning == ["0.parametrizations.weight.original"]
    assert torch.allclose(network[0](maps), made, atol=1e-5)
    after = plain_state(network)
    assert after.keys() == before.keys()
    assert all(torch.allclose(after[key], before[key], atol=1e-5) for key in before)


def test_what_is_learned_stays_resized_and_can_be_copied() -> None:
    network = nn.Sequential(doubling(resized=True))
    keep_resized(network)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    network(torch.randn(1, 3, 4, 4)).square().mean().backward()
    optimizer.step()
    wide = plain_state(copy.deepcopy(network))["0.weight"]
    assert torch.allclose(Resized()(Resized().right_inverse(wide)), wide, atol=1e-5)
