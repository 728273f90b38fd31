from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganplugin.errors import CheckpointError, InputError
from ganplugin.export import export_checkpoint
from ganplugin.models import stylegan2, stylegan2_discriminator
from ganplugin.models.network import Network
from ganplugin.models.setting import GIVEN
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models.stylegan2_reference import (
    State,
    discriminator_state,
    generator_state,
    judged,
    mapped,
    mapping_state,
    synthesised,
)

ARCHITECTURES = ("skip", "resnet", "orig")
FILTERS = (
    (1.0,),
    (1.0, 1.0),
    (1.0, 2.0, 1.0),
    (1.0, 3.0, 0.0, 2.0),
    (1.0, 2, 3, 4, 4, 3, 2, 1),
    (0.0, 1, 2, 3, 4, 5, 4, 3, 1),
)


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(7)


def run(network: Network, **given: Tensor) -> tuple[Tensor, Tensor]:
    values = [given.get(port.name, port.default) for port in network.inputs]
    with torch.no_grad():
        image, w = network.module(*values)
    return image, w


def shown(pictures: Tensor) -> Tensor:
    return (pictures / 2 + 0.5).clamp(0, 1)


def calm(state: State) -> State:
    """Pictures of random weights are loud; most values should lie inside 0..1, where the clamp hides nothing."""
    return {key: value * 0.2 if ".torgb." in key and "affine" not in key else value for key, value in state.items()}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    ("widths", "channels", "base"),
    [((6, 5, 4), 3, (4, 4)), ((3,), 1, (4, 4)), ((4, 6), 4, (4, 4)), ((5, 4), 3, (3, 5))],
)
def test_it_equals_the_plain_reference(
    architecture: str, widths: tuple[int, ...], channels: int, base: tuple[int, int]
) -> None:
    state = calm(mapping_state(9, 7, depth=3) | generator_state(architecture, widths, channels=channels, base=base))
    assert stylegan2.detect(state)
    network = stylegan2.rebuild(state, {})
    z = torch.randn(3, 9)
    image, w = run(network, z=z)
    ws = mapped(state, z, None)[:, None].expand(-1, 2 * len(widths), -1)
    assert torch.allclose(w, ws, atol=1e-5)
    expected = shown(synthesised(state, ws, architecture))
    assert image.shape == (3, channels, base[0] << len(widths) - 1, base[1] << len(widths) - 1)
    assert torch.allclose(image, expected, atol=1e-4)
    assert ((expected > 0) & (expected < 1)).float().mean() > 0.5
    facts = network.facts
    assert (facts["z_dim"], facts["w_dim"], facts["num_ws"]) == (9, 7, 2 * len(widths))
    assert (facts["height"], facts["width"]) == tuple(image.shape[2:])


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
@pytest.mark.parametrize("taps", FILTERS)
def test_resampling_filters_may_be_of_any_length(architecture: str, taps: tuple[float, ...]) -> None:
    """Layers that do not resample store the common filter all the same."""
    state = calm(mapping_state(5, 7) | generator_state(architecture, (4, 3, 3), taps=taps))
    image, w = run(stylegan2.rebuild(state, {}), z=torch.randn(2, 5))
    assert torch.allclose(image, shown(synthesised(state, w, architecture)), atol=1e-4)


def test_labels_enter_the_mapping() -> None:
    state = calm(mapping_state(5, 7, hidden=11, classes=4, embed=6) | generator_state("skip"))
    network = stylegan2.rebuild(state, {})
    z, label = torch.randn(2, 5), torch.eye(4)[[1, 3]]
    image, w = run(network, z=z, label=label)
    expected = mapped(state, z, label)
    assert torch.allclose(w[:, 0], expected, atol=1e-5)
    assert not torch.allclose(w, run(network, z=z, label=label.flip(0))[1], atol=1e-2)
    assert torch.allclose(image, shown(synthesised(state, w, "skip")), atol=1e-4)
    assert network.facts["classes"] == ("0", "1", "2", "3")


def test_truncation_mixing_and_noise_act_as_the_contract_says() -> None:
    state = calm(mapping_state(5, 7) | generator_state("skip"))
    network = stylegan2.rebuild(state, {})
    z, other = torch.randn(2, 5), torch.randn(1, 6, 7)
    plain = mapped(state, z, None)[:, None].expand(-1, 6, -1)
    psi, mix = torch.tensor([0.5, 0.5, 0.7, 1, 1, 0]), torch.tensor([0.0, 1, 0, 0.5, 0, 0])
    image, w = run(network, z=z, truncation=psi, ws=other, mix=mix, noise_strength=torch.tensor(0.3))
    expected = state["mapping.w_avg"] + psi[:, None] * (plain - state["mapping.w_avg"])
    expected = torch.lerp(expected, other, mix[:, None])
    assert torch.allclose(w, expected, atol=1e-5)
    assert torch.allclose(image, shown(synthesised(state, expected, "skip", strength=0.3)), atol=1e-4)


def test_each_noise_map_is_an_input_with_the_stored_default() -> None:
    state = calm(mapping_state(5, 7) | generator_state("skip"))
    network = stylegan2.rebuild(state, {})
    stored = [key for key in state if key.endswith("noise_const")]
    given = {port.name: port for port in network.inputs}
    for index, key in enumerate(stored):
        assert torch.equal(torch.squeeze(given[f"noise_{index}"].default), state[key])
    changed = torch.randn(16, 16)
    image, _ = run(network, z=torch.ones(1, 5), noise_4=changed[None, None])
    state["synthesis.b16.conv1.noise_const"] = changed
    assert torch.allclose(image, run(stylegan2.rebuild(state, {}), z=torch.ones(1, 5))[0], atol=1e-6)


def test_networks_without_noise_have_no_noise_inputs() -> None:
    state = calm(mapping_state(5, 7) | generator_state("orig", noise=False))
    network = stylegan2.rebuild(state, {})
    assert not [port.name for port in network.inputs if port.name.startswith("noise")]
    image, w = run(network, z=torch.ones(1, 5))
    assert torch.allclose(image, shown(synthesised(state, w, "orig")), atol=1e-4)


def test_a_missing_centre_is_estimated_and_said_to_be() -> None:
    state = mapping_state(5, 7) | generator_state("skip")
    del state["mapping.w_avg"]
    network = stylegan2.rebuild(state, {})
    found = {fact.name: fact for fact in network.inferred}
    assert (found["truncation centre"].value, found["truncation centre"].origin) == ("estimated", "default")
    _, w = run(network, z=torch.randn(2, 5), truncation=torch.zeros(6))
    assert torch.allclose(w, mapped(state, torch.randn(20_000, 5), None).mean(dim=0).expand_as(w), atol=0.1)


def test_the_words_of_a_pickle_and_of_the_user_win_over_defaults() -> None:
    state = mapping_state(5, 7) | generator_state("skip")
    z = torch.randn(1, 5)
    words = {"modules": {"mapping.fc0": {"bias_gain": 0.1}, "synthesis.b4.conv1": {"activation": "lrelu"}}}
    network = stylegan2.rebuild(state, words)
    assert torch.allclose(run(network, z=z)[1][:, 0], mapped(state, z, None, rate=0.1), rtol=1e-4)
    found = {fact.name: (fact.value, fact.origin) for fact in network.inferred}
    # The pickle speaks of the layer and names no clamp: there is none.
    assert found["clamp of activations (0: none)"] == (0.0, "metadata")
    network = stylegan2.rebuild(state, {**words, GIVEN: {"mapping_lr_multiplier": "1"}})
    assert torch.allclose(run(network, z=z)[1][:, 0], mapped(state, z, None, rate=1), rtol=1e-4)
    with pytest.raises(InputError):
        stylegan2.rebuild(state, {GIVEN: {"conv_clamp": "-1"}})


@pytest.mark.parametrize(
    ("path", "activation"), [("synthesis.b4.conv1", "swish"), ("mapping.fc1", "relu"), ("synthesis.b8.conv0", "linear")]
)
def test_other_activations_are_refused_wherever_they_are(path: str, activation: str) -> None:
    usual = {"mapping.fc0": {"activation": "lrelu"}, "synthesis.b4.conv1.affine": {"activation": "linear"}}
    state = mapping_state(5, 7) | generator_state("skip")
    assert stylegan2.rebuild(state, {"modules": usual}).kind == "generator"
    with pytest.raises(CheckpointError, match=f"activation {activation} in {path}"):
        stylegan2.rebuild(state, {"modules": {**usual, path: {"activation": activation}}})


@pytest.mark.parametrize(
    ("key", "tensor", "message"),
    [
        ("synthesis.b8.conv1.bias", None, "lacks"),
        ("synthesis.b8.conv1.bias", torch.zeros(9), "of shape"),
        ("synthesis.b8.conv1.affine.bias", torch.zeros(9), "b8.conv1.affine.bias of shape"),
        ("synthesis.b8.conv0.noise_const", torch.zeros(4, 4), "of shape"),
        ("synthesis.b8.extra", torch.zeros(1), "does not have: synthesis.b8.extra"),
        ("mapping.fc1.weight", torch.zeros(7, 8), "do not fit"),
        ("mapping.w_avg", torch.zeros(3), "w_avg"),
        ("synthesis.b8.conv0.resample_filter", torch.ones(3, 3), "different sizes"),
        ("synthesis.b8.resample_filter", torch.ones(2, 3), "not square"),
        ("synthesis.b8.conv1.resample_filter", torch.ones(3, 3), "of shape"),
    ],
)
def test_what_does_not_fit_is_refused(key: str, tensor: Tensor | None, message: str) -> None:
    state = mapping_state(5, 7) | generator_state("skip")
    state.pop(key, None)
    if tensor is not None:
        state[key] = tensor
    with pytest.raises(CheckpointError, match=message):
        stylegan2.rebuild(state, {})


@pytest.mark.parametrize("lost", ["synthesis.b4.const", "mapping.fc0.weight", "synthesis.b16.torgb.weight"])
def test_near_misses_are_not_taken(lost: str) -> None:
    state = mapping_state(5, 7) | generator_state("skip")
    del state[lost]
    assert not stylegan2.detect(state)
    assert not stylegan2_discriminator.detect(state)
    with pytest.raises(CheckpointError, match="is no StyleGAN2"):
        stylegan2.rebuild(state, {})


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("widths", "classes", "deviation"), [((4, 5, 6), 0, 1), ((3, 5), 3, 0), ((2, 3, 4, 5), 2, 2)])
def test_the_scorer_equals_the_plain_reference(
    architecture: str, widths: tuple[int, ...], classes: int, deviation: int
) -> None:
    state = discriminator_state(architecture, widths, classes=classes, deviation=deviation)
    assert stylegan2_discriminator.detect(state)
    assert not stylegan2.detect(state)
    network = stylegan2_discriminator.rebuild(state, {})
    side = 2 << len(widths)
    images = torch.rand(3, 3, side, side)
    label = torch.eye(classes)[torch.arange(3) % classes] if classes else None
    with torch.no_grad():
        scores = network.module(images, label) if classes else network.module(images)
        alone = network.module(*[x[1:2] for x in (images, label) if x is not None])
    assert torch.allclose(scores, judged(state, images * 2 - 1, architecture, label), rtol=1e-4, atol=1e-4)
    assert torch.allclose(alone, scores[1:2], rtol=1e-4, atol=1e-5)
    assert network.facts["width"] == side
    assert scores.shape == (3,)


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
@pytest.mark.parametrize("taps", FILTERS)
def test_the_scorer_takes_filters_of_any_length(architecture: str, taps: tuple[float, ...]) -> None:
    state = discriminator_state(architecture, (3, 4, 4), taps=taps)
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        scores = stylegan2_discriminator.rebuild(state, {}).module(images)
    assert torch.allclose(scores, judged(state, images * 2 - 1, architecture), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_scorers_end_does_not_clamp_what_it_sees_of_the_picture(architecture: str) -> None:
    state, images = discriminator_state(architecture), torch.rand(2, 3, 16, 16)
    network = stylegan2_discriminator.rebuild(state, {GIVEN: {"conv_clamp": "0.5"}})
    with torch.no_grad():
        scores = network.module(images)
    assert torch.allclose(scores, judged(state, images * 2 - 1, architecture, clamp=0.5), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(scores, judged(state, images * 2 - 1, architecture), rtol=0.01)


def test_a_scorer_of_oblong_pictures_needs_the_rows_of_its_end() -> None:
    state, images = discriminator_state("resnet", places=18), torch.rand(2, 3, 24, 12)
    with pytest.raises(CheckpointError, match=r"18 places.*base_rows=N, the height of its pictures / 4"):
        stylegan2_discriminator.rebuild(state, {})
    for config in ({GIVEN: {"base_rows": "6"}}, {"_init_kwargs": {"init_res": [6, 3]}}):
        network = stylegan2_discriminator.rebuild(state, config)
        assert (network.facts["height"], network.facts["width"]) == (24, 12)
        with torch.no_grad():
            assert torch.allclose(network.module(images), judged(state, images * 2 - 1, "resnet"), rtol=1e-4, atol=1e-4)
    with pytest.raises(CheckpointError, match="rows cannot be told"):
        stylegan2_discriminator.rebuild(state, {GIVEN: {"base_rows": "4"}})


def test_the_scorer_refuses_what_does_not_fit() -> None:
    state = discriminator_state("resnet")
    with pytest.raises(CheckpointError, match=r"does not have: b4\.stray"):
        stylegan2_discriminator.rebuild({**state, "b4.stray": torch.zeros(1)}, {})
    del state["b8.skip.weight"]
    with pytest.raises(CheckpointError, match=r"lacks its tensor b8\.skip\.weight"):
        stylegan2_discriminator.rebuild(state, {})


def test_it_goes_through_onnx(tmp_path: Path) -> None:
    state = calm(mapping_state(5, 4, classes=2, embed=3) | generator_state("skip", (3, 2), w_dim=4))
    path = tmp_path / "tiny.pt"
    torch.save({"G_ema": state, "note": "a state dict in a dict"}, path)
    exported = export_checkpoint(path)
    assert exported.manifest.family == "stylegan2"
    model = open_model(exported.path, RuntimeOptions(device="cpu"))
    z, label = torch.randn(3, 5), torch.eye(2)[[0, 1, 1]]
    found = model.run({"z": z.numpy(), "label": label.numpy()}, ("image",))["image"]
    ws = mapped(state, z, label)[:, None].expand(-1, 4, -1)
    assert np.abs(found - shown(synthesised(state, ws, "skip")).numpy()).max() < 1e-4
