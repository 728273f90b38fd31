"""StyleGAN2 in rosinality's layout: files and outputs made with the original code (random weights)."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import Match, matches_of
from ganplugin.export.exporting import export_checkpoint
from ganplugin.models.network import Network
from ganplugin.models.rosinality import FAMILY
from ganplugin.models.rosinality_scorer import SCORER_FAMILY
from ganplugin.registry import Registry
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models.stylegan2_reference import doubled

DATA = Path(__file__).parent.parent / "data" / "rosinality"
FAMILIES = Registry("family", {family.id: family for family in (FAMILY, SCORER_FAMILY)})
EXPECTED = np.load(DATA / "expected.npz")
LAYERS = 8


def expected(name: str) -> Tensor:
    return torch.from_numpy(EXPECTED[name])


def as_shown(name: str) -> Tensor:
    """The original code's output as it would be written to a file: -1..1 clamped, here as 0..1."""
    return (expected(name) * 0.5 + 0.5).clamp(0, 1)


def state() -> dict[str, Tensor]:
    return dict(torch.load(DATA / "stylegan2-converted.pt", weights_only=True)["g_ema"])


def centre() -> Tensor:
    return torch.load(DATA / "stylegan2-converted.pt", weights_only=True)["latent_avg"]


def discriminator() -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in np.load(DATA / "discriminator.npz").items()}


def rebuilt(content: object, folder: Path) -> tuple[Match, Network]:
    path = folder / "weights.pt"
    torch.save(content, path)
    match = matches_of(load_checkpoint(path), FAMILIES)[0]
    return match, match.family.rebuild(match.part.state, match.part.config)


def run(network: Network, z: Tensor, **changed: Tensor) -> tuple[Tensor, Tensor]:
    given = {"z": z, **changed}
    with torch.no_grad():
        return network.module(*(given.get(port.name, port.default) for port in network.inputs))


def origin(network: Network, name: str) -> tuple[object, str]:
    fact = next(fact for fact in network.inferred if fact.name == name)
    return fact.value, fact.origin


@pytest.fixture(scope="module")
def converted() -> Network:
    match = matches_of(load_checkpoint(DATA / "stylegan2-converted.pt"), FAMILIES)[0]
    assert (match.family.id, match.part.path, match.is_averaged) == ("stylegan2-rosinality", "g_ema", True)
    return match.family.rebuild(match.part.state, match.part.config)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("image", {}),
        ("image_psi05", {"truncation": torch.full((LAYERS,), 0.5)}),
        ("image_none", {"noise_strength": torch.tensor(0.0)}),
        ("image_noise", {f"noise_{i}": expected(f"noise_{i}") for i in range(7)}),
    ],
)
def test_pictures_are_those_of_the_original_code(converted: Network, name: str, changed: dict[str, Tensor]) -> None:
    image, _ = run(converted, expected("z"), **changed)
    assert torch.allclose(image, as_shown(name), atol=1e-5)
    assert image.std() > 0.1


def test_w_is_that_of_the_original_code(converted: Network) -> None:
    _, w = run(converted, expected("z"), truncation=torch.full((LAYERS,), 0.5))
    assert torch.allclose(w, expected("ws_psi05"), atol=1e-5)
    image, _ = run(converted, torch.zeros(2, 24), ws=expected("ws"), mix=torch.ones(LAYERS))
    assert torch.allclose(image, as_shown("image"), atol=1e-5)


def test_facts_are_read_from_the_tensors(converted: Network) -> None:
    facts = {"z_dim": 24, "w_dim": 24, "num_ws": 8, "channels": "RGB", "width": 32, "height": 32}
    assert converted.facts == facts
    assert origin(converted, "truncation centre") == ("latent_avg", "tensor")
    assert origin(converted, "mapping layers") == (2, "tensor")


BASICSR = (
    (r"^style\.", "style_mlp."),
    (r"^input\.input$", "constant_input.weight"),
    (r"^(convs\.\d+|conv1)\.conv\.", r"style_\1.modulated_conv."),
    (r"^(convs\.\d+|conv1)\.noise\.weight$", r"style_\1.weight"),
    (r"^(convs\.\d+|conv1)\.activate\.bias$", r"style_\1.activate.bias"),
    (r"^(to_rgbs\.\d+|to_rgb1)\.conv\.", r"\1.modulated_conv."),
    (r"^noises\.noise_", "noises.noise"),
)


def as_basicsr(key: str) -> str:
    for pattern, replacement in BASICSR:
        if re.match(pattern, key):
            return re.sub(pattern, replacement, key)
    return key


def test_basicsr_is_the_same_network_under_other_names(tmp_path: Path) -> None:
    renamed = {as_basicsr(key): value for key, value in state().items() if not key.endswith(".kernel")}
    assert {"style_conv1.modulated_conv.modulation.bias", "style_convs.0.weight", "to_rgb1.bias"} <= set(renamed)
    match, network = rebuilt({"params": {"a": torch.zeros(1)}, "params_ema": renamed}, tmp_path)
    assert match.part.path == "params_ema"
    assert origin(network, "names") == ("BasicSR", "tensor")
    assert torch.allclose(run(network, expected("z"))[0], as_shown("image"), atol=1e-5)


def test_the_decoder_of_an_encoder_is_a_generator(tmp_path: Path) -> None:
    held = {f"decoder.{key}": value for key, value in state().items()}
    content = {
        "state_dict": {"encoder.input_layer.0.weight": torch.zeros(4, 3, 3, 3), **held},
        "latent_avg": centre().repeat(LAYERS, 1),
        "opts": argparse.Namespace(output_size=32),
    }
    _, network = rebuilt(content, tmp_path)
    image, _ = run(network, expected("z"), truncation=torch.full((LAYERS,), 0.5))
    assert torch.allclose(image, as_shown("image_psi05"), atol=1e-5)


def test_a_centre_for_each_layer_is_kept(tmp_path: Path) -> None:
    centres = torch.randn(LAYERS, 24)
    _, network = rebuilt({"g_ema": state(), "latent_avg": centres}, tmp_path)
    _, w = run(network, expected("z"), truncation=torch.zeros(LAYERS))
    assert torch.allclose(w, centres.expand(2, -1, -1), atol=1e-6)


def test_without_a_centre_it_is_estimated_and_said_so(tmp_path: Path) -> None:
    _, network = rebuilt({"g": state(), "g_ema": state(), "args": argparse.Namespace(size=32)}, tmp_path)
    assert origin(network, "truncation centre")[1] == "default"
    _, w = run(network, expected("z"), truncation=torch.zeros(LAYERS))
    assert torch.allclose(w, centre().expand(2, LAYERS, -1), atol=0.05)


def test_early_files_without_noise_maps_get_a_fixed_draw() -> None:
    bare = {key: value for key, value in state().items() if not key.startswith("noises.")}
    bare = {key: value[None, :, None, None] if "activate.bias" in key else value for key, value in bare.items()}
    first, second = FAMILY.rebuild(bare, {}), FAMILY.rebuild(bare, {})
    assert torch.equal(run(first, expected("z"))[0], run(second, expected("z"))[0])
    image, _ = run(first, expected("z"), noise_strength=torch.tensor(0.0))
    assert torch.allclose(image, as_shown("image_none"), atol=1e-5)


def test_another_resolution_and_learning_rate() -> None:
    smaller = {k: v for k, v in state().items() if not k.startswith(("convs.4", "convs.5", "to_rgbs.2"))}
    smaller = {k: v for k, v in smaller.items() if k not in ("noises.noise_5", "noises.noise_6")}
    network = FAMILY.rebuild(smaller, {"--set": {"lr_mlp": "0.02"}})
    image, w = run(network, expected("z"))
    assert (image.shape, w.shape) == ((2, 3, 16, 16), (2, 6, 24))
    assert origin(network, "learning rate multiplier of the mapping") == (0.02, "option")


@pytest.mark.parametrize(
    "prefix", ["generator.", "module.generator.", "net.decoder.", "generator_trainable.generator.", "stylegan_decoder."]
)
def test_a_generator_may_be_part_of_a_larger_network(tmp_path: Path, prefix: str) -> None:
    other = {} if prefix == "stylegan_decoder." else {"clip.weight": torch.zeros(3)}
    _, network = rebuilt({**other, **{f"{prefix}{key}": value for key, value in state().items()}}, tmp_path)
    assert torch.allclose(run(network, expected("z"))[0], as_shown("image"), atol=1e-5)


def test_of_several_generators_in_one_dict_the_averaged_one_is_taken() -> None:
    raw = {f"net.raw.{key}": value + 0.1 for key, value in state().items()}
    averaged = {f"net.ema.{key}": value for key, value in state().items()}
    assert torch.allclose(run(FAMILY.rebuild({**raw, **averaged}, {}), expected("z"))[0], as_shown("image"), atol=1e-5)


def test_the_generator_of_a_face_restorer_is_not_taken_for_a_generator_of_faces(tmp_path: Path) -> None:
    held = {f"stylegan_decoder.{key}": value for key, value in state().items()}
    torch.save({"params_ema": {"conv_body_first.weight": torch.zeros(4, 3, 1, 1), **held}}, tmp_path / "restorer.pth")
    with pytest.raises(CheckpointError, match="seems to be a face restorer"):
        export_checkpoint(tmp_path / "restorer.pth", families=FAMILIES)


def with_kernels(weights: dict[str, Tensor], kernel: Tensor) -> dict[str, Tensor]:
    return {key: kernel.clone() if key.endswith(".kernel") else value for key, value in weights.items()}


@pytest.mark.parametrize("zeros", [(0, 1), (1, 1), (1, 2)])
def test_the_filter_of_the_doubling_layers_may_be_of_any_length(zeros: tuple[int, int]) -> None:
    """A filter is the same with a zero more at its end, and with one more on both sides."""
    longer = {key: F.pad(v, zeros * 2) if key.endswith(".blur.kernel") else v for key, v in state().items()}
    assert torch.allclose(run(FAMILY.rebuild(longer, {}), expected("z"))[0], as_shown("image"), atol=1e-5)
    with pytest.raises(CheckpointError, match=r"convs\.0\.conv\.blur\.kernel of shape|blur\.kernel of shape"):
        FAMILY.rebuild({**longer, "convs.2.conv.blur.kernel": torch.ones(3, 3)}, {})


LOW, HIGH = torch.tensor([1.0, 1.0]) / 2**0.5, torch.tensor([-1.0, 1.0]) / 2**0.5
BANDS = {"ll": (LOW, LOW), "lh": (HIGH, LOW), "hl": (LOW, HIGH), "hh": (HIGH, HIGH)}


def cut(weights: dict[str, Tensor], doublings: int) -> dict[str, Tensor]:
    """The network of a smaller picture inside a network."""
    convs = tuple(f"convs.{i}." for i in range(2 * doublings))
    pictures = tuple(f"to_rgbs.{i}." for i in range(doublings))
    noises = tuple(f"noises.noise_{i}" for i in range(2 * doublings + 1))
    part = ("style.", "input.", "conv1.", "to_rgb1.", *convs, *pictures, *noises)
    return {key: value for key, value in weights.items() if key.startswith(part)}


def swagan() -> dict[str, Tensor]:
    """The network of 16 x 16 features, with four bands of three channels instead of three channels."""
    weights, random = cut(state(), 2), torch.Generator().manual_seed(5)
    haar = {name: torch.outer(rows, columns) for name, (rows, columns) in BANDS.items()}
    inverse = {f"iwt.{name}": -kernel if name in ("lh", "hl") else kernel for name, kernel in haar.items()}
    for name in ("to_rgb1", "to_rgbs.0", "to_rgbs.1"):
        shape = weights[f"{name}.conv.weight"].shape
        weights[f"{name}.conv.weight"] = torch.randn(1, 12, *shape[2:], generator=random) * 0.05
        weights[f"{name}.bias"] = torch.randn(1, 12, 1, 1, generator=random) * 0.1
        if name != "to_rgb1":
            weights |= {f"{name}.{key}": value.clone() for key, value in inverse.items()}
            weights |= {f"{name}.dwt.{key}": value for key, value in haar.items()}
    return weights | inverse


def band(weights: dict[str, Tensor], level: int, index: int) -> Tensor:
    """What one level draws of one band, in -1..1: a plain network whose other pictures are black."""
    plain = {key: value for key, value in cut(weights, level).items() if "wt." not in key}
    for place in range(level + 1):
        name = f"to_rgbs.{place - 1}" if place else "to_rgb1"
        share = float(place == level)
        plain[f"{name}.conv.weight"] = plain[f"{name}.conv.weight"][:, 3 * index : 3 * index + 3] * share
        plain[f"{name}.bias"] = plain[f"{name}.bias"][:, 3 * index : 3 * index + 3] * share
    config = {"beside": {"latent_avg": torch.zeros(24)}}
    image, _ = run(FAMILY.rebuild(plain, config), expected("z"))
    assert 0 < image.min() < image.max() < 1
    return image * 2 - 1


def test_swagan_draws_wavelets() -> None:
    weights = swagan()
    network = FAMILY.rebuild(weights, {})
    assert (network.facts["width"], network.facts["channels"], network.facts["num_ws"]) == (32, "RGB", 6)
    kernel = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64
    total: Tensor | float = 0.0
    for level in range(3):
        picture: Tensor | float = 0.0
        for index, name in enumerate(BANDS):
            picture = picture + torch.kron(band(weights, level, index), weights[f"iwt.{name}"])
        for _ in range(2 - level):
            picture = doubled(torch.as_tensor(picture), kernel)
        total = total + picture
    image, _ = run(network, expected("z"))
    assert torch.allclose(image, (torch.as_tensor(total) / 2 + 0.5).clamp(0, 1), atol=1e-5)
    with pytest.raises(CheckpointError, match=r"lacks its tensor to_rgbs\.1\.dwt\.hh"):
        FAMILY.rebuild({key: value for key, value in weights.items() if key != "to_rgbs.1.dwt.hh"}, {})


@pytest.mark.parametrize("key", ["input.input", "style.1.weight", "conv1.conv.modulation.weight", "to_rgb1.bias"])
def test_a_near_miss_is_not_taken(key: str) -> None:
    near = {name: value for name, value in state().items() if name != key}
    assert not FAMILY.detect(near)
    with pytest.raises(CheckpointError):
        FAMILY.rebuild(near, {})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"convs.3.conv.weight": None}, "lacks its tensor convs.3.conv.weight"),
        ({"extra.weight": torch.zeros(2)}, "does not have: extra.weight"),
        ({"to_rgbs.0.iwt.ll": torch.zeros(2, 2)}, "no four bands"),
        ({"to_rgbs.0.upsample.kernel": torch.zeros(4, 3)}, "upsample.kernel of shape"),
        ({"noises.noise_3": torch.zeros(1, 1, 8, 8)}, "of shape"),
        ({"to_rgb1.bias": torch.zeros(1, 2, 1, 1)}, "to_rgb1.bias"),
    ],
)
def test_a_strange_file_is_refused_in_one_line(change: dict[str, Tensor | None], words: str) -> None:
    changed = {name: value for name, value in {**state(), **change}.items() if value is not None}
    with pytest.raises(CheckpointError, match=re.escape(words)):
        FAMILY.rebuild(changed, {})


@pytest.mark.parametrize("body", ["convs.", "conv_body."])
def test_the_scorer_judges_each_picture_alone(body: str) -> None:
    weights = {re.sub(r"^convs\.", body, key): value for key, value in discriminator().items()}
    if body == "conv_body.":
        weights = {key: value for key, value in weights.items() if not key.endswith(".kernel")}
    assert SCORER_FAMILY.detect(weights)
    assert not FAMILY.detect(weights)
    network = SCORER_FAMILY.rebuild(weights, {})
    pictures = expected("d_image") * 0.5 + 0.5
    with torch.no_grad():
        scores = network.module(pictures)
        assert torch.allclose(scores, expected("d_score_single"), atol=1e-5)
        assert torch.allclose(network.module(pictures[1:2]), scores[1:2], atol=1e-6)
    assert network.facts == {"channels": "RGB", "width": 32, "height": 32}


@pytest.mark.parametrize(
    "change",
    [
        {"convs.2.conv1.0.weight": None},
        {"convs.9.a": torch.zeros(1)},
        {"convs.1.conv2.0.kernel": torch.ones(4, 3)},
        {"final_conv.0.weight": torch.zeros(8, 8, 3, 3)},
    ],
)
def test_a_strange_scorer_is_refused(change: dict[str, Tensor | None]) -> None:
    changed = {key: value for key, value in {**discriminator(), **change}.items() if value is not None}
    with pytest.raises(CheckpointError):
        SCORER_FAMILY.rebuild(changed, {})


def test_export_of_a_training_checkpoint(tmp_path: Path) -> None:
    raw = {key: value + 0.1 for key, value in state().items()}
    content = {"g": raw, "d": discriminator(), "g_ema": state(), "args": argparse.Namespace(n=1), "ada_aug_p": 0.1}
    path = tmp_path / "010000.pt"
    torch.save(content, path)
    done = export_checkpoint(path, families=FAMILIES)
    assert (done.part, done.averaged) == ("g_ema", True)
    assert dict(done.others)["d"] == SCORER_FAMILY.title
    model = open_model(done.path, RuntimeOptions(device="cpu"))
    image = model.run({"z": EXPECTED["z"]})["image"]
    assert np.abs(image - as_shown("image").numpy()).max() < 1e-4
