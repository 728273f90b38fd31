"""What is trained has the layout of its family's files, tensor by tensor, and does what the exporter's network does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError, InputError
from ganplugin.models import patch_scorer, resnet_translator, unet_translator
from ganplugin.models.blur import BlurDown, BlurUp
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Family
from ganplugin.models.players.player import reproducible
from ganplugin.models.players.translators import (
    TRANSLATORS,
    Translator,
    fresh_judge,
    fresh_resnet,
    fresh_unet,
    loaded_judge,
    loaded_translator,
)
from ganplugin.models.unet_translator import UnetLevel
from tests.models.translators import lively, patch_discriminator, pixel_discriminator, resnet, unet


def known(state: dict[str, torch.Tensor]) -> Family:
    """The first family that recognises the tensors, as export asks."""
    return next(family for family in FAMILIES if family.detect(state))


FRESH = {
    "resnet": (lambda: fresh_resnet(4, 2), resnet_translator.CUT_FAMILY),
    "unet": (lambda: fresh_unet(3, 4), unet_translator.FAMILY),
}
OF_FILES: dict[str, Callable[[], nn.Module]] = {
    "CycleGAN": lambda: resnet(),
    "CycleGAN, nearest": lambda: resnet(doubling="padded"),
    "pix2pix, batch norm": lambda: resnet(norm=nn.BatchNorm2d, bias=False, dropout=True),
    "CUT": lambda: resnet(blurred=True, block_name="conv_block"),
    "U-Net": lambda: unet(),
}


@pytest.mark.parametrize("name", FRESH)
def test_a_new_generator_is_recognised_and_renders_the_same(name: str) -> None:
    make, family = FRESH[name]
    made = make()
    lively(made.network)
    state = made.file_state()
    assert known(state) is family
    network = family.rebuild(state, made.config)
    photo = torch.rand(1, 3, 32, 48)
    assert torch.allclose(made(photo), network.module(photo), atol=1e-6)
    assert network.facts["size_multiple"] == made.multiple


@pytest.mark.parametrize("name", OF_FILES)
def test_a_generator_of_a_file_goes_on_as_it_is(name: str) -> None:
    theirs = OF_FILES[name]()
    state = theirs.state_dict()
    family = known(state)
    assert family.id in TRANSLATORS
    made = loaded_translator(family, state, {})
    photo = torch.rand(1, 3, 32, 32)
    assert torch.allclose(made(photo), family.rebuild(state, {}).module(photo), atol=1e-6)
    assert all(one.requires_grad for one in made.parameters())
    again = made.file_state()
    assert known(again) is family
    assert torch.allclose(family.rebuild(again, {}).module(photo), made(photo), atol=1e-6)


def test_bug_a_unet_drew_a_rim_of_another_colour_around_its_pictures() -> None:
    """Zeros beyond the border say that there is one; a flat photo becomes a flat picture without them."""
    made = fresh_unet(3, 2)
    lively(made.network)
    flat = torch.full((1, 3, 32, 48), 0.3, dtype=torch.float64)  # norms of flat maps enlarge rounding errors
    colours = made.double()(flat).flatten(2)
    assert torch.allclose(colours, colours[:, :, :1].expand_as(colours), atol=1e-5)
    rimmed = unet_translator.FAMILY.rebuild(made.file_state(), {}).module.double()(flat).flatten(2)
    assert (rimmed - rimmed[:, :, :1]).abs().max() > 0.01


def test_a_new_generator_has_no_transposed_convolution_and_starts_small() -> None:
    with reproducible(0):
        made = fresh_resnet(8, 3)
    assert not [layer for layer in made.modules() if isinstance(layer, nn.ConvTranspose2d)]
    weights = torch.cat([layer.weight.flatten() for layer in made.modules() if isinstance(layer, nn.Conv2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.1)


def test_blurs_keep_a_flat_map_flat() -> None:
    made = fresh_resnet(4, 1)
    blurs = [layer for layer in made.modules() if isinstance(layer, (BlurDown, BlurUp))]
    assert len(blurs) == 4
    for blur in blurs:
        found = blur(torch.ones(1, blur.channels, 8, 8))
        assert torch.allclose(found, torch.ones_like(found), atol=1e-6)


@pytest.mark.parametrize(("blocks", "taps"), [(6, (0, 4, 8, 12, 16)), (2, (0, 4, 8, 12, 13)), (1, (0, 4, 8, 12))])
def test_features_are_of_the_layers_that_the_paper_names(blocks: int, taps: tuple[int, ...]) -> None:
    made = fresh_resnet(4, blocks)
    assert made.widths() == (3, 8, 16, 16, 16)[: len(taps)]
    photo = torch.rand(2, 3, 16, 16)
    layers, features = list(made.network.model), made.encode(photo)  # type: ignore[arg-type]
    for place, found in zip(taps, features, strict=True):
        assert torch.allclose(found, nn.Sequential(*layers[: place + 1])(photo * 2 - 1), atol=1e-5)


@pytest.mark.parametrize(("halvings", "widths"), [(3, (3, 2, 4)), (6, (3, 2, 4, 8, 16))])
def test_features_of_a_unet_are_those_on_its_way_down(halvings: int, widths: tuple[int, ...]) -> None:
    made = fresh_unet(2, halvings)
    assert made.widths() == widths
    photo = torch.rand(1, 3, 64, 64)
    features, seen = made.encode(photo), []
    for layer in made.modules():
        if isinstance(layer, UnetLevel):
            layer.register_forward_pre_hook(lambda layer, given: seen.append(given[0]))
    made(photo)
    assert all(torch.equal(one, other) for one, other in zip(features, seen, strict=False))


@pytest.mark.parametrize("channels", [3, 6])
@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_a_new_discriminator_is_recognised_and_scores_the_same(channels: int, halvings: int) -> None:
    judge = fresh_judge(3, channels, halvings)
    lively(judge.model)
    state = judge.file_state()
    assert known(state) is patch_scorer.FAMILY
    picture = torch.rand(2, channels, 32, 32)
    patches = judge(picture)
    assert patches.shape[:2] == (2, 1)
    assert judge.channels == channels
    assert torch.equal(loaded_judge(state)(picture), patches)
    if channels == 3:
        score = patch_scorer.FAMILY.rebuild(state, {}).module(picture)
        assert torch.allclose(score, patches.mean(dim=(1, 2, 3)), atol=1e-6)
    else:
        with pytest.raises(CheckpointError, match="6 channels at once"):
            patch_scorer.FAMILY.rebuild(state, {})


def test_discriminators_of_files_go_on() -> None:
    for theirs in (patch_discriminator(), patch_discriminator(norm=nn.BatchNorm2d), pixel_discriminator()):
        picture = torch.rand(1, 3, 32, 32)
        assert torch.allclose(loaded_judge(theirs.state_dict())(picture), theirs(picture * 2 - 1), atol=1e-5)


def test_what_cannot_be_trained_is_refused() -> None:
    with pytest.raises(CheckpointError, match="from RGB to RGB"):
        loaded_translator(resnet_translator.FAMILY, resnet(channels=(1, 3)).state_dict(), {})
    with pytest.raises(CheckpointError, match="PatchGAN"):
        loaded_judge({"x": torch.zeros(1)})
    with pytest.raises(InputError, match="--blocks"):
        fresh_resnet(4, 0)


def test_gradients_reach_every_weight() -> None:
    makers: tuple[Callable[[], Translator], ...] = (lambda: fresh_resnet(4, 2), lambda: fresh_unet(3, 3))
    for make in makers:
        made = make()
        made(torch.rand(1, 3, 16, 16)).square().mean().backward()
        assert all(one.grad is not None for one in made.parameters())
