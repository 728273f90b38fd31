from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.models.dcgan_scorer import FAMILY
from ganplugin.models.families import FAMILIES
from ganplugin.models.setting import GIVEN
from tests.models import tutorials
from tests.models.test_dcgan import example_discriminator, state_of
from tests.models.translators import patch_discriminator
from tests.models.tutorials import lively, shrunk


@pytest.mark.parametrize("name", ["main", "model", "disc.net"])
@pytest.mark.parametrize(("nc", "widths"), [(3, (4, 8)), (1, (4, 6, 9)), (3, (2, 3, 4, 5))])
def test_the_example_returns_its_logit(nc: int, widths: tuple[int, ...], name: str) -> None:
    example = example_discriminator(nc, widths)
    state = state_of(example, name)
    assert [family.id for family in FAMILIES if family.detect(state)] == ["dcgan-scorer"]
    network = FAMILY.rebuild(state, {})
    side = 4 * 2 ** len(widths)
    images = torch.rand(4, nc, side, side)
    with torch.no_grad():
        assert torch.allclose(network.module(images), example(images * 2 - 1).flatten(), atol=1e-6)


MNIST = nn.Sequential(
    *shrunk(1, 6, bias=False),
    *shrunk(6, 8, nn.BatchNorm2d(8), bias=False),
    *(nn.Conv2d(8, 10, 3, 2, 1, bias=False), nn.BatchNorm2d(10), nn.LeakyReLU(0.2)),
    nn.Conv2d(10, 1, 4, 1, 0, bias=False),
)
WIDE = nn.Sequential(*shrunk(1, 6), *shrunk(6, 8), nn.Conv2d(8, 1, 7, 1, 0))
FLAT = nn.Sequential(*shrunk(3, 6), *shrunk(6, 8, nn.BatchNorm2d(8)), nn.Flatten(), nn.Linear(8 * 16, 1))
DEEP = nn.Sequential(
    *shrunk(3, 6), nn.Flatten(), nn.Linear(6 * 64, 7), nn.BatchNorm1d(7), nn.LeakyReLU(0.2), nn.Linear(7, 1)
)
DROPPED = nn.Sequential(
    *(nn.Conv2d(1, 6, 5, 2, 2), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
    *(nn.Conv2d(6, 8, 5, 2, 2), nn.LeakyReLU(0.2), nn.Dropout(0.3)),
    *(nn.Flatten(), nn.Linear(8 * 49, 1)),
)
HIDDEN = nn.Sequential(
    *shrunk(3, 6), *shrunk(6, 8, nn.InstanceNorm2d(8)), *shrunk(8, 10, nn.InstanceNorm2d(10)), nn.Conv2d(10, 1, 4)
)
LAYERS = nn.Sequential(*shrunk(3, 6), *shrunk(6, 8, nn.LayerNorm([8, 8, 8])), nn.Conv2d(8, 1, 8, 1, 0))
GROUPED = nn.Sequential(*shrunk(3, 6), *shrunk(6, 8, nn.GroupNorm(1, 8)), nn.Conv2d(8, 1, 8, 1, 0))

TUTORIALS: dict[str, tuple[nn.Module, int, dict[str, str]]] = {
    "nested blocks, batch norm": (tutorials.Critic(), 32, {}),
    "nested blocks, instance norm": (tutorials.Critic(nn.InstanceNorm2d, affine=True), 32, {}),
    "deeplearning.ai's course": (tutorials.CourseJudge(), 28, {}),
    "deeplearning.ai's course, spectral norm": (tutorials.CourseJudge(spectral=True), 28, {}),
    "norm after activation and dropout": (tutorials.Halving(), 32, {}),
    "the same for larger pictures": (tutorials.Halving(64, 3), 64, {}),
    "heads beside the judge's": (tutorials.Halving(heads=True), 32, {}),
    "28 x 28 by a kernel of 3": (MNIST, 28, {}),
    "28 x 28 by a kernel of 7": (WIDE, 28, {}),
    "a linear layer in the same container": (FLAT, 16, {}),
    "two linear layers": (DEEP, 16, {}),
    "kernels of 5 and dropout": (DROPPED, 28, {}),
    "instance norm without weights": (HIDDEN, 32, {}),
    "layer norm of maps": (LAYERS, 32, {}),
    "layer norm of channels": (GROUPED, 32, {"norm": "layer"}),
}


@pytest.mark.parametrize("name", TUTORIALS)
@pytest.mark.parametrize("order", ["of the file", "sorted"])
def test_tutorials_are_rebuilt_from_their_state_dicts(name: str, order: str) -> None:
    module, side, given = TUTORIALS[name]
    state = dict(lively(module).state_dict())
    state = dict(sorted(state.items())) if order == "sorted" else state
    assert [family.id for family in FAMILIES if family.detect(state)] == ["dcgan-scorer"]
    check(FAMILY.rebuild(state, {GIVEN: given}), module, side)


@pytest.mark.parametrize("name", TUTORIALS)
def test_what_is_told_makes_the_same_network_again(name: str) -> None:
    module, side, given = TUTORIALS[name]
    state = lively(module).state_dict()
    told = {fact.name: fact.value for fact in FAMILY.rebuild(state, {GIVEN: given}).inferred}
    words = {setting.key or setting.name: told[setting.title] for setting in FAMILY.settings if setting.title in told}
    check(FAMILY.rebuild(state, words), module, side)


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorials_saved_whole_need_nothing_given(name: str, tmp_path: Path) -> None:
    module, side, _ = TUTORIALS[name]
    torch.save(lively(module), tmp_path / "judge.pt")
    match = matches_of(load_checkpoint(tmp_path / "judge.pt"), FAMILIES)[0]
    check(match.family.rebuild(match.part.state, match.part.config), module, side)


def check(network, module: nn.Module, side: int) -> None:
    shape = network.inputs[0].shape
    assert (network.facts["width"], network.facts["height"]) == (side, side)
    images = torch.rand(3, *shape[1:])
    with torch.no_grad():
        expected = module(images * 2 - 1).flatten()
        assert torch.allclose(network.module(images), expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 1e-3


def test_spectral_norm_between_kernels_that_keep_the_side() -> None:
    module = tutorials.Spectral()
    with torch.no_grad():
        for _ in range(3):
            module(torch.randn(2, 3, 16, 16))
    state = module.eval().state_dict()
    assert "conv1.parametrizations.weight.original" in state
    check(FAMILY.rebuild(state, {GIVEN: {"leaky_slope": "0.1"}}), module, 16)


def test_an_embedded_label_is_one_more_channel() -> None:
    module = lively(tutorials.Labelled())
    network = FAMILY.rebuild(module.state_dict(), {})
    assert [given.name for given in network.inputs] == ["image", "label"]
    assert (network.facts["channels"], network.facts["classes"]) == ("RGB", ("0", "1", "2", "3", "4"))
    images, label = torch.rand(2, 3, 32, 32), torch.eye(5)[[3, 1]]
    with torch.no_grad():
        expected = module(images * 2 - 1, label).flatten()
        assert torch.allclose(network.module(images, label), expected, atol=1e-5)


def test_an_embedded_label_of_another_size_is_refused() -> None:
    state = {**lively(tutorials.Labelled()).state_dict(), "embed.weight": torch.zeros(5, 31 * 32)}
    with pytest.raises(CheckpointError, match="no picture of side 32"):
        FAMILY.rebuild(state, {})


def test_pictures_of_another_side_or_range_can_be_given() -> None:
    module = example_discriminator(3, (4, 8))
    network = FAMILY.rebuild(module.state_dict(), {GIVEN: {"side": "48", "picture_range": "0..1"}})
    images = torch.rand(2, 3, 48, 48)
    with torch.no_grad():
        expected = module(images).flatten(1).mean(dim=1)
        assert torch.allclose(network.module(images), expected, atol=1e-5)
    assert {fact.name: fact.origin for fact in network.inferred}["picture side"] == "option"


def test_norms_of_maps_of_another_side_are_refused() -> None:
    with pytest.raises(CheckpointError, match="almost a DCGAN"):
        FAMILY.rebuild(lively(LAYERS).state_dict(), {GIVEN: {"side": "64"}})


@pytest.mark.parametrize("side", ["8", "40"])
def test_a_side_that_the_linear_layer_does_not_take_is_refused(side: str) -> None:
    with pytest.raises(CheckpointError, match=f"cannot judge pictures of side {side}"):
        FAMILY.rebuild(lively(FLAT).state_dict(), {GIVEN: {"side": side}})


def test_one_value_a_channel_may_be_that_of_a_pooled_map(tmp_path: Path) -> None:
    module = lively(nn.Sequential(*shrunk(3, 6), *shrunk(6, 8), *shrunk(8, 10), nn.Flatten(), nn.Linear(10, 1)))
    with pytest.raises(CheckpointError, match="averaged or summed") as caught:
        FAMILY.rebuild(module.state_dict(), {})
    assert "--set side=" in (caught.value.fix or "")
    check(FAMILY.rebuild(module.state_dict(), {GIVEN: {"side": "8"}}), module, 8)
    torch.save(module, tmp_path / "judge.pt")
    match = matches_of(load_checkpoint(tmp_path / "judge.pt"), FAMILIES)[0]
    check(match.family.rebuild(match.part.state, match.part.config), module, 8)


def test_strides_that_kernels_do_not_tell_are_asked_for() -> None:
    """Of kernels of 3, some keep the side where widths do not rise."""
    sizes = ((3, 6, 1), (6, 6, 2), (6, 8, 1), (8, 8, 2))
    convs = [layer for a, b, stride in sizes for layer in (nn.Conv2d(a, b, 3, stride, 1), nn.LeakyReLU(0.2))]
    module = lively(nn.Sequential(*convs, nn.Conv2d(8, 1, 4)))
    with pytest.raises(CheckpointError, match="kernels 3, 3, 3, 3, 4") as caught:
        FAMILY.rebuild(module.state_dict(), {})
    assert "--set strides=" in (caught.value.fix or "")
    check(FAMILY.rebuild(module.state_dict(), {GIVEN: {"strides": "1,2,1,2,1"}}), module, 16)


def narrowing() -> dict[str, Tensor]:
    layers = [nn.Conv2d(1, 16, 9), nn.ReLU(), nn.Conv2d(16, 8, 1), nn.ReLU(), nn.Conv2d(8, 1, 5)]
    return dict(nn.Sequential(*layers).state_dict())


@pytest.mark.parametrize(
    "state",
    [
        dict(patch_discriminator().state_dict()),
        dict(patch_discriminator(norm=nn.BatchNorm2d).state_dict()),
        narrowing(),
        dict(nn.Sequential(nn.Conv2d(6, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 1, 4)).state_dict()),
        dict(nn.Sequential(nn.Conv2d(3, 8, 4, 2, 1), nn.ReLU(), nn.Conv2d(8, 2, 4)).state_dict()),
        dict(nn.Sequential(nn.Linear(64, 1)).state_dict()),
    ],
)
def test_what_judges_patches_pairs_or_nothing_is_not_taken(state: dict[str, Tensor]) -> None:
    assert not FAMILY.detect(state)
