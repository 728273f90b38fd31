from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.quick import FAMILY, SCORER_FAMILY, QuickGenerator
from ganplugin.models.quick_scorer import QuickDiscriminator, fold_spectral_norm
from ganplugin.models.quick_shape import QuickConfig

CONFIG = QuickConfig(size=32, z_dim=8, w_dim=12, width=4, scorer_width=4)


@pytest.fixture(params=[1, 2], ids=["first", "light"])
def config(request: pytest.FixtureRequest) -> QuickConfig:
    return replace(CONFIG, design=request.param)


@pytest.fixture
def generator(config: QuickConfig) -> QuickGenerator:
    torch.manual_seed(0)
    made = QuickGenerator(config).eval().requires_grad_(False)
    made.w_avg.normal_()
    return made


def _inputs(truncation: float = 1.0, mix: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    ws = torch.randn(1, CONFIG.num_ws, CONFIG.w_dim, generator=torch.Generator().manual_seed(1))
    return torch.full((CONFIG.num_ws,), truncation), ws, torch.full((CONFIG.num_ws,), mix)


def test_makes_pictures_between_0_and_1_and_their_w(generator: QuickGenerator) -> None:
    image, w = generator(torch.randn(3, 8), *_inputs())
    assert image.shape == (3, 3, 32, 32)
    assert w.shape == (3, CONFIG.num_ws, 12) == (3, 4, 12)
    assert 0 <= image.min() < image.max() <= 1


def test_truncation_0_gives_the_mean_picture(generator: QuickGenerator) -> None:
    image, w = generator(torch.randn(2, 8), *_inputs(truncation=0))
    assert torch.allclose(w, generator.w_avg.expand_as(w), atol=1e-6)
    assert torch.allclose(image[0], image[1], atol=1e-6)


def test_mix_1_takes_ws_for_everything(generator: QuickGenerator) -> None:
    truncation, ws, mix = _inputs(mix=1)
    image, w = generator(torch.randn(2, 8), truncation, ws, mix)
    assert torch.allclose(w, ws.expand_as(w), atol=1e-6)
    assert torch.allclose(image[:1], generator.synthesize(ws), atol=1e-5)


def test_each_layer_is_mixed_by_its_own_amount(generator: QuickGenerator) -> None:
    truncation, ws, mix = _inputs()
    mix[2] = 0.25
    z = torch.randn(2, 8)
    _, plain = generator(z, truncation, ws, torch.zeros_like(mix))
    _, mixed = generator(z, truncation, ws, mix)
    assert torch.equal(mixed[:, [0, 1, 3]], plain[:, [0, 1, 3]])
    assert torch.allclose(mixed[:, 2], plain[:, 2] + 0.25 * (ws[:, 2] - plain[:, 2]), atol=1e-6)


def test_the_length_of_z_does_not_matter(generator: QuickGenerator) -> None:
    z = torch.randn(4, 8)
    assert torch.allclose(generator.map(z), generator.map(3 * z), atol=1e-4)


def test_pictures_and_scores_do_not_depend_on_their_neighbours(generator: QuickGenerator) -> None:
    scorer = QuickDiscriminator(generator.config).eval().requires_grad_(False)
    z = torch.randn(4, 8)
    images, _ = generator(z, *_inputs())
    alone, _ = generator(z[2:3], *_inputs())
    assert torch.allclose(images[2:3], alone, atol=1e-6)
    assert torch.allclose(scorer(images)[2:3], scorer(alone), atol=1e-5)


def test_folding_spectral_norm_keeps_the_scores(config: QuickConfig) -> None:
    scorer = QuickDiscriminator(config)
    images = torch.rand(2, 3, 32, 32)
    scorer(images)
    scorer.eval()
    before = scorer(images)
    folded = fold_spectral_norm(scorer)
    assert torch.allclose(before, folded(images), atol=1e-6)
    assert not any("parametrizations" in key for key in folded.state_dict())


@pytest.mark.parametrize("size", [8, 16, 64, 128])
def test_every_size(config: QuickConfig, size: int) -> None:
    sized = replace(config, size=size, z_dim=4, w_dim=4, width=2, scorer_width=2)
    image = QuickGenerator(sized).synthesize(torch.randn(2, sized.num_ws, 4))
    assert image.shape == (2, 3, size, size)
    assert QuickDiscriminator(sized)(image).shape == (2,)


def test_the_defaults_stay_small_enough_to_be_embedded() -> None:
    generator, scorer = QuickGenerator(QuickConfig()), QuickDiscriminator(QuickConfig())
    assert sum(p.numel() for p in generator.parameters()) * 4 < 3.1e6
    assert sum(p.numel() for p in scorer.parameters()) * 4 < 1.9e6


def test_rebuilds_both_families(generator: QuickGenerator) -> None:
    state, scorer_state = generator.state_dict(), QuickDiscriminator(generator.config).state_dict()
    metadata = {"family": "ganplugin-quick", "config": asdict(generator.config)}
    assert FAMILY.detect(state)
    assert SCORER_FAMILY.detect(scorer_state)
    assert not FAMILY.detect(scorer_state)
    assert not SCORER_FAMILY.detect(state)
    network = FAMILY.rebuild(state, metadata)
    z = torch.randn(2, 8)
    image, _ = network.module(z, *[item.default for item in network.inputs[1:]])
    assert torch.allclose(image, generator(z, *_inputs())[0], atol=1e-6)
    assert network.facts["num_ws"] == 4
    assert SCORER_FAMILY.rebuild(scorer_state, metadata).outputs == ("score",)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"config": {"size": "x"}},
        {"config": {"colour": 1}},
        {"config": {"size": 65}},
        {"config": {"design": 3}},
        {"config": asdict(QuickConfig())},
    ],
)
def test_metadata_that_do_not_fit_are_refused(generator: QuickGenerator, metadata: dict[str, object]) -> None:
    with pytest.raises(CheckpointError):
        FAMILY.rebuild(generator.state_dict(), metadata)


def test_files_of_the_first_release_say_no_design_and_have_the_first() -> None:
    told = asdict(CONFIG)
    del told["design"]
    made = QuickGenerator(CONFIG)
    assert FAMILY.rebuild(made.state_dict(), {"config": told}).facts["num_ws"] == 4
