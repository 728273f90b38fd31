from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.dcgan_scorer import FAMILY as DCGAN_SCORER
from ganplugin.models.patch_scorer import FAMILY, SIZE
from tests.models.translators import (
    Norm,
    bare_patch_discriminator,
    patch_discriminator,
    pixel_discriminator,
    spectral,
)

CUT_KEYS = {
    "model.0.weight": (2, 3, 4, 4),
    "model.0.bias": (2,),
    "model.2.filt": (2, 1, 3, 3),
    "model.3.weight": (4, 2, 4, 4),
    "model.3.bias": (4,),
    "model.6.filt": (4, 1, 3, 3),
    "model.7.weight": (8, 4, 4, 4),
    "model.7.bias": (8,),
    "model.10.filt": (8, 1, 3, 3),
    "model.11.weight": (16, 8, 4, 4),
    "model.11.bias": (16,),
    "model.14.weight": (1, 16, 4, 4),
    "model.14.bias": (1,),
}


def test_the_examples_have_the_keys_of_their_projects() -> None:
    cut = patch_discriminator(blurred=True).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in cut.items()} == CUT_KEYS
    plain = patch_discriminator(norm=nn.BatchNorm2d).state_dict()
    weights = [key for key, tensor in plain.items() if tensor.ndim == 4]
    assert weights == [f"model.{place}.weight" for place in (0, 2, 5, 8, 11)]
    assert "model.2.bias" not in plain
    assert plain["model.3.running_mean"].shape == (4,)


@pytest.mark.parametrize(
    "example",
    [
        {},
        {"norm": nn.BatchNorm2d},
        {"blurred": True},
        {"halvings": 1},
        {"halvings": 5, "channels": 1},
        {"halvings": 2, "blurred": True, "norm": nn.BatchNorm2d},
    ],
)
def test_the_score_is_the_mean_over_the_patches(example: dict) -> None:
    module = patch_discriminator(**example)
    state = module.state_dict()
    assert FAMILY.detect(state)
    assert not DCGAN_SCORER.detect(state)
    network = FAMILY.rebuild(state, {})
    images = torch.rand(2, example.get("channels", 3), SIZE, SIZE)
    with torch.no_grad():
        patches = module(images * 2 - 1)
        assert patches.shape[1:] != (1, 1, 1)
        assert torch.allclose(network.module(images), patches.mean((1, 2, 3)), atol=1e-5)
    assert (network.facts["width"], network.facts["height"]) == (256, 256)


@pytest.mark.parametrize("norm", [nn.InstanceNorm2d, nn.BatchNorm2d, lambda width: nn.Identity()])
@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_can_be_judged_instead_of_patches(norm: Norm, channels: int) -> None:
    module = pixel_discriminator(norm=norm, channels=channels)
    state = module.state_dict()
    assert FAMILY.detect(state)
    images = torch.rand(2, channels, SIZE, SIZE)
    with torch.no_grad():
        wanted = module(images * 2 - 1).mean((1, 2, 3))
        assert torch.allclose(FAMILY.rebuild(state, {}).module(images), wanted, atol=1e-5)


@pytest.mark.parametrize("make", [patch_discriminator, bare_patch_discriminator, pixel_discriminator])
def test_spectral_norm_is_folded(make: Callable[[], nn.Module]) -> None:
    module = spectral(make())
    state = module.state_dict()
    assert any(key.endswith("weight_orig") for key in state)
    assert FAMILY.detect(state)
    images = torch.rand(2, 3, SIZE, SIZE)
    with torch.no_grad():
        wanted = module(images * 2 - 1).mean((1, 2, 3))
        assert torch.allclose(FAMILY.rebuild(state, {}).module(images), wanted, atol=1e-5)


@pytest.mark.parametrize("channels", [2, 4, 6])
@pytest.mark.parametrize("make", [patch_discriminator, pixel_discriminator])
def test_discriminators_of_pairs_are_refused(make: Callable[..., nn.Module], channels: int) -> None:
    """pix2pix judges both pictures at once; of grey and coloured ones that may be four channels."""
    state = make(channels=channels).state_dict()
    assert FAMILY.detect(state)
    with pytest.raises(CheckpointError, match=f"judges {channels} channels at once") as caught:
        FAMILY.rebuild(state, {})
    assert "export the generator" in str(caught.value)


@pytest.mark.parametrize("key", ["model.0.bias", "model.5.weight", "model.11.bias"])
def test_near_misses_are_not_taken(key: str) -> None:
    state = dict(patch_discriminator().state_dict())
    del state[key]
    assert not FAMILY.detect(state)
    with pytest.raises(CheckpointError):
        FAMILY.rebuild(state, {})


def test_the_file_equals_the_network(tmp_path: Path) -> None:
    path = tmp_path / "latest_net_D.pth"
    torch.save(patch_discriminator(blurred=True).state_dict(), path)
    done = export_checkpoint(path)
    assert (done.manifest.family, done.manifest.kind) == ("patchgan-scorer", "scorer")
