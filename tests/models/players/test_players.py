from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError, InputError
from ganplugin.models.families import FAMILIES
from ganplugin.models.fir import FirDown, FirUp
from ganplugin.models.network import Family, Network
from ganplugin.models.players import chains, fastgan
from ganplugin.models.players.player import Picture, RebuildingJudge, StyledPainter, halvings
from tests.models.players.cases import CASES, Case, dcgan_case, fastgan_case

EACH = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def sorted_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As safetensors hands them out."""
    return dict(sorted(state.items()))


def rendered(network: Network, first: Tensor, label: Tensor | None) -> Tensor:
    """What a rebuilt network returns with its defaults, but without noise."""
    values = [first]
    for item in network.inputs[1:]:
        given = label if item.name == "label" else item.default
        assert given is not None
        values.append(torch.zeros(()) if item.name == "noise_strength" else given)
    made = network.module(*values)
    return made[0] if isinstance(made, tuple) else made  # type: ignore[no-any-return]


def claimants(state: dict[str, Tensor], case: Case) -> list[Family]:
    """The families that can rebuild a file: where there are two, export asks which."""
    found = []
    for family in FAMILIES:
        if family.detect(state):
            with contextlib.suppress(CheckpointError):
                family.rebuild(state, case.config)
                found.append(family)
    return found


def lively(module: nn.Module) -> None:
    """Move every parameter a little, so that nothing is nought or one."""
    random = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=random))


def without_noise(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if name.endswith("noise_strength") or ".noises." in name:
            parameter.data.zero_()


@EACH
def test_files_are_recognised_and_render_what_was_trained(case: Case) -> None:
    painter, judge = case.fresh()
    lively(painter)
    lively(judge)
    z, label = torch.randn(1, painter.z_dim), case.labels(1)
    painter.paint(torch.randn(4, painter.z_dim), case.labels(4))
    without_noise(painter)
    painter.eval()
    judge.eval()
    generator, scorer = sorted_keys(painter.file_state()), sorted_keys(judge.file_state())
    assert claimants(generator, case) == [case.generator]
    assert claimants(scorer, case) == [case.scorer]
    with torch.no_grad():
        image = painter.paint(z, label)
        network = case.generator.rebuild(generator, case.config)
        assert torch.allclose(rendered(network, z, label), image.clamp(0, 1), atol=1e-5)
        assert image.shape[1:] == (case.picture.channels, case.picture.height, case.picture.width)
        assert (network.facts["height"], network.facts["width"]) == (case.picture.height, case.picture.width)
        verdict = judge(image, label).view(1, -1).mean(dim=1)
        scored = rendered(case.scorer.rebuild(scorer, case.config), image, label)
        assert torch.allclose(scored, verdict, atol=1e-5)


@EACH
def test_a_file_is_trained_on_as_it_was(case: Case) -> None:
    one, two = case.fresh(0), case.fresh(0)
    states = [sorted_keys(player.file_state()) for player in one]
    again = case.loaded(states[0], states[1], case.config)
    for player, other in zip(one, again, strict=True):
        kept, found = player.file_state(), other.file_state()
        assert kept.keys() == found.keys()
        assert all(torch.equal(kept[key], found[key]) for key in kept)
    z, label = torch.randn(3, one[0].z_dim), case.labels(3)
    pictures = []
    for pair in (two, again):
        torch.manual_seed(7)
        pictures.append(pair[0].paint(z, label))
    assert torch.allclose(pictures[0], pictures[1], atol=1e-6)


@EACH
def test_gradients_reach_every_parameter(case: Case) -> None:
    painter, judge = case.fresh()
    lively(painter)
    lively(judge)
    images = painter.paint(torch.randn(4, painter.z_dim), case.labels(4))
    if isinstance(judge, RebuildingJudge):
        scores, missed = judge.judge_and_rebuild(images, case.labels(4))
    else:
        scores, missed = judge(images, case.labels(4)), torch.zeros(())
    (scores.square().sum() + missed).backward()
    for player in (painter, judge):
        missing = [name for name, one in player.named_parameters() if one.grad is None or not one.grad.any()]
        assert missing == []


@EACH
def test_a_seed_decides_the_start(case: Case) -> None:
    states = [[player.state_dict() for player in case.fresh(seed)] for seed in (5, 5, 6)]
    for part in range(2):
        first, same, other = (state[part] for state in states)
        assert all(torch.equal(first[key], same[key]) for key in first)
        assert any(not torch.equal(first[key], other[key]) for key in first)


@EACH
def test_the_early_layers_are_the_first_to_see_the_picture(case: Case) -> None:
    _, judge = case.fresh()
    before = {id(parameter) for parameter in judge.early()[0].parameters()}
    assert before
    own = {id(parameter): name for name, parameter in judge.named_parameters()}
    assert before <= set(own)
    everything = {id(parameter) for layer in judge.early() for parameter in layer.parameters()}
    assert everything < set(own), "the verdict itself is never frozen"


@pytest.mark.parametrize("name", ["quick", "stylegan2"])
def test_a_styled_painter_has_a_w_a_layer(name: str) -> None:
    painter, _ = CASES[name].fresh()
    assert isinstance(painter, StyledPainter)
    ws = painter.map(torch.randn(2, painter.z_dim))[:, None].repeat(1, painter.num_ws, 1)
    torch.manual_seed(0)
    first = painter.synthesize(ws)
    for layer in range(painter.num_ws):
        moved = ws.clone()
        moved[:, layer] += 1
        torch.manual_seed(0)
        assert not torch.allclose(painter.synthesize(moved), first, atol=1e-6)
    assert painter.centre.shape == ws.shape[2:]


def test_pictures_that_a_family_cannot_make_are_refused() -> None:
    makers: list[Callable[[], object]] = [
        dcgan_case(Picture(3, 16, 24)).fresh,
        dcgan_case(Picture(3, 24, 24)).fresh,
        fastgan_case(Picture(3, 32, 32)).fresh,
        lambda: chains.MlpPlan(Picture(1, 8, 12)),
        lambda: fastgan.FastganShape(Picture(3, 64, 64, 4)),
        lambda: halvings(Picture(3, 64, 17)),
        lambda: halvings(Picture(3, 64, 256)),
    ]
    for make in makers:
        with pytest.raises(InputError):
            make()


def test_a_small_map_is_found_for_square_and_oblong_pictures() -> None:
    assert halvings(Picture(3, 64, 64)) == (4, 4, 4)
    assert halvings(Picture(3, 64, 96)) == (4, 4, 6)
    assert halvings(Picture(3, 96, 64)) == (4, 6, 4)
    assert halvings(Picture(1, 28, 28)) == (2, 7, 7)
    assert halvings(Picture(1, 80, 48)) == (3, 10, 6)


@pytest.mark.parametrize("name", ["r3", "stylegan2", "fastgan", "dcgan"])
def test_a_missing_tensor_is_an_error_in_words(name: str) -> None:
    case = CASES[name]
    painter, judge = case.fresh()
    state = painter.file_state()
    del state[next(key for key in state if key.endswith("weight"))]
    with pytest.raises(CheckpointError):
        case.loaded(state, judge.file_state(), case.config)


def test_new_r3gan_networks_resample_without_a_grid() -> None:
    """A filter of odd length left three of four places of each doubled map paler: training drew lines, for an hour."""
    painter, judge = CASES["r3"].fresh()
    doubling = [module for module in painter.modules() if isinstance(module, FirUp)]
    halving = [module for module in judge.modules() if isinstance(module, FirDown)]
    assert (len(doubling), len(halving)) == (2, 2)
    noise, ramp = torch.randn(64, 8, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(32.0)
    for up in doubling:
        made = up(noise[:, : up.channels])[..., 4:-4, 4:-4]
        strengths = [float(made[..., row::2, column::2].std()) for row in (0, 1) for column in (0, 1)]
        assert strengths == pytest.approx([strengths[0]] * 4, rel=0.02)
        middle = up(ramp.expand(1, up.channels, 32, 32))[0, 0, 32, 4:-4]
        assert torch.allclose(middle, torch.arange(4.0, 60.0) / 2 - 0.25)
    for down in halving:
        middle = down(ramp.expand(1, down.channels, 32, 32))[0, 0, 8, 2:-2]
        assert torch.allclose(middle, torch.arange(2.0, 14.0) * 2 + 0.5)


def test_dropout_acts_in_training_alone() -> None:
    case = CASES["mlp"]
    _, judge = replace(case).fresh()
    image = torch.rand(2, 1, 12, 12)
    assert not torch.equal(judge(image), judge(image))
    judge.eval()
    assert torch.equal(judge(image), judge(image))
