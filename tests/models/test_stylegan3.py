from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models import stylegan2, stylegan3
from ganplugin.models.network import Network
from ganplugin.models.setting import GIVEN
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models.stylegan2_reference import State, lrelu, mapped, mapping_state, unit
from tests.models.stylegan3_reference import grown, synthesis_state, synthesised


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(11)


def run(network: Network, **given: Tensor) -> tuple[Tensor, Tensor]:
    values = [given.get(port.name, port.default) for port in network.inputs]
    with torch.no_grad():
        image, w = network.module(*values)
    return image, w


def shown(pictures: Tensor) -> Tensor:
    return (pictures / 2 + 0.5).clamp(0, 1)


def tiny(*, rotation: bool = False, size: int = 16, layers: int = 5, **other: int) -> State:
    widths = tuple(5 - index % 3 for index in range(layers))
    return mapping_state(4, 6) | synthesis_state(size, widths, rotation=rotation, **other)


def turned(angle: float, x: float, y: float) -> Tensor:
    c, s = math.cos(angle), math.sin(angle)
    return torch.tensor([[c, s, x], [-s, c, y], [0, 0, 1]])


@pytest.mark.parametrize("rotation", [False, True])
@pytest.mark.parametrize(("size", "layers", "channels"), [(16, 5, 3), (32, 4, 1), (16, 7, 4)])
def test_it_equals_the_plain_reference(size: int, layers: int, channels: int, *, rotation: bool) -> None:
    state = tiny(rotation=rotation, size=size, layers=layers, channels=channels)
    assert stylegan3.detect(state)
    assert not stylegan2.detect(state)
    network = stylegan3.rebuild(state, {})
    z = torch.randn(2, 4)
    image, w = run(network, z=z)
    ws = mapped(state, z, None)[:, None].expand(-1, layers + 2, -1)
    expected = shown(synthesised(state, ws))
    assert torch.allclose(w, ws, atol=1e-5)
    assert image.shape == (2, channels, size, size)
    assert torch.allclose(image, expected, atol=1e-4)
    assert ((expected > 0) & (expected < 1)).float().mean() > 0.5
    assert expected.std() > 0.005
    found = {fact.name: fact.value for fact in network.inferred}
    assert found["configuration"] == ("R (rotation)" if rotation else "T (translation)")


def test_the_transform_turns_and_shifts_the_picture() -> None:
    state = tiny()
    network = stylegan3.rebuild(state, {})
    z, transform = torch.randn(2, 4), turned(0.7, 0.1, -0.2)
    image, w = run(network, z=z, transform=transform[None])
    assert torch.allclose(image, shown(synthesised(state, w, transform)), atol=1e-4)
    assert not torch.allclose(image, run(network, z=z)[0], atol=0.05)
    each, _ = run(network, z=z, transform=torch.stack([transform, torch.eye(3)]))
    assert torch.allclose(each[0], image[0], atol=1e-5)
    assert torch.allclose(each[1], run(network, z=z)[0][1], atol=1e-5)


def test_truncation_reaches_single_layers() -> None:
    state = tiny()
    network = stylegan3.rebuild(state, {})
    psi = torch.tensor([0.0, 0.5, 1, 1, 1, 1, 0.2])
    image, w = run(network, z=torch.randn(2, 4), truncation=psi)
    assert torch.allclose(w[:, 0], state["mapping.w_avg"].expand(2, -1), atol=1e-6)
    assert torch.allclose(image, shown(synthesised(state, w)), atol=1e-4)


def test_a_class_may_have_its_own_centre() -> None:
    state = mapping_state(4, 6, classes=3, embed=5) | synthesis_state(16, (4, 4, 3))
    state["mapping.w_avg"] = torch.randn(3, 6)
    network = stylegan3.rebuild(state, {})
    label = torch.eye(3)[[2, 0]]
    _, w = run(network, z=torch.randn(2, 4), label=label, truncation=torch.zeros(5))
    assert torch.allclose(w, state["mapping.w_avg"][[2, 0]][:, None].expand_as(w), atol=1e-6)


def test_a_table_of_embeddings_is_projected_as_stylegan_xl_does() -> None:
    state = mapping_state(4, 6) | synthesis_state(16, (4, 4, 3))
    state["mapping.fc0.weight"] = 100 * torch.randn(6, 8)
    table, weight, bias = torch.randn(3, 5), torch.randn(4, 5), torch.randn(4)
    state |= {"mapping.embed.weight": table, "mapping.embed_proj.weight": weight, "mapping.embed_proj.bias": bias}
    network = stylegan3.rebuild(state, {})
    assert network.facts["classes"] == ("0", "1", "2")
    z = torch.randn(2, 4)
    _, w = run(network, z=z, label=torch.eye(3)[[2, 0]])
    found = lrelu(table[[2, 0]] @ weight.t() / math.sqrt(5) + bias)
    x = torch.cat([unit(z), unit(found)], dim=1)
    x = lrelu(x @ state["mapping.fc0.weight"].t() / 100 / math.sqrt(8) + state["mapping.fc0.bias"] / 100)
    x = lrelu(x @ state["mapping.fc1.weight"].t() / 100 / math.sqrt(6) + state["mapping.fc1.bias"] / 100)
    assert torch.allclose(w[:, 0], x, atol=1e-5)


def xl(classes: int, rows: int = 7, z_dim: int = 4) -> State:
    """StyleGAN-XL's mapping has a table of more classes than the network, and a centre for each class."""
    state = mapping_state(z_dim, 6)
    state["mapping.fc0.weight"] = 100 * torch.randn(6, 2 * z_dim if classes else z_dim)
    state["mapping.embed.weight"] = torch.randn(rows, 5)
    if classes:
        state |= {"mapping.embed_proj.weight": torch.randn(z_dim, 5), "mapping.embed_proj.bias": torch.randn(z_dim)}
        state["mapping.w_avg"] = torch.randn(classes, 6)
    return state


def test_a_network_of_fewer_classes_than_its_table_uses_the_first_ones() -> None:
    state = xl(3) | synthesis_state(16, (4, 4, 3))
    network = stylegan3.rebuild(state, {})
    assert network.facts["classes"] == ("0", "1", "2")
    w = run(network, z=torch.randn(1, 4), label=torch.eye(3)[[2]], truncation=torch.zeros(5))[1]
    assert torch.allclose(w[0, 0], state["mapping.w_avg"][2], atol=1e-6)


def test_the_table_of_a_network_without_labels_is_left_alone() -> None:
    state = xl(0) | synthesis_state(16, (4, 4, 3))
    network = stylegan3.rebuild(state, {})
    assert network.facts["classes"] == ()
    z = torch.randn(2, 4)
    assert torch.allclose(run(network, z=z)[1][:, 0], mapped(state, z, None), atol=1e-5)
    small = xl(0, rows=3) | synthesis_state(16, (4, 4, 3))
    assert stylegan3.rebuild(small, {"c_dim": 0}).facts["classes"] == ()
    with pytest.raises(CheckpointError, match=r"lacks its tensor mapping\.embed\.bias"):
        stylegan3.rebuild(small, {})


@pytest.mark.parametrize("classes", [0, 2])
def test_a_later_stage_of_stylegan_xl_skips_a_number_among_its_layers(classes: int) -> None:
    state = grown(xl(classes) | synthesis_state(16, (5, 4, 4, 5, 3)), (4, 3, 4))
    numbers = sorted({int(key.split("_")[0].split("L")[1]) for key in state if key.startswith("synthesis.L")})
    assert numbers == [0, 1, 2, 4, 5, 6, 7]
    network = stylegan3.rebuild(state, {})
    assert (network.facts["width"], network.facts["num_ws"]) == (32, 8)
    label = {"label": torch.eye(2)} if classes else {}
    image, w = run(network, z=torch.randn(2, 4), **label)
    assert torch.allclose(image, shown(synthesised(state, w)), atol=1e-4)
    assert image.std() > 0.005
    table = {key: value for key, value in state.items() if ".embed" not in key}
    assert not stylegan3.detect(table)


@pytest.mark.parametrize(
    ("size", "layers", "options", "found"),
    [
        (16, 4, {"margin": 3}, ("margin around the picture in pixels", 3.0)),
        (32, 6, {"margin": 2}, ("margin around the picture in pixels", 2.0)),
        (16, 4, {"cutoff": 3.0}, ("cutoff of the input in cycles", 3.0)),
        (32, 5, {"cutoff": 2.5, "margin": 6}, ("cutoff of the input in cycles", 2.5)),
        (16, 4, {"per_factor": 4}, ("filter taps for each factor", 4)),
        (16, 4, {"per_factor": 8, "cutoff": 1.25}, ("cutoff of the input in cycles", 1.25)),
        (8, 4, {}, ("cutoff of the input in cycles", 2.0)),
    ],
)
def test_margin_cutoff_and_taps_are_read_from_the_layers(
    size: int, layers: int, options: dict[str, Any], found: tuple[str, float]
) -> None:
    state = mapping_state(4, 6) | synthesis_state(size, (4, 3, 4, 3, 4, 3)[:layers], **options)
    network = stylegan3.rebuild(state, {})
    assert found in [(fact.name, fact.value) for fact in network.inferred]
    image, w = run(network, z=torch.randn(2, 4))
    assert torch.allclose(image, shown(synthesised(state, w, **options)), atol=1e-4)


def test_filters_of_no_cutoff_are_refused_and_so_are_settings_that_do_not_fit() -> None:
    state = tiny()
    name = next(key for key in state if key.startswith("synthesis.L0_") and key.endswith("up_filter"))
    state[name] = state[name].roll(1)
    with pytest.raises(CheckpointError, match="other filters"):
        stylegan3.rebuild(state, {})
    with pytest.raises(CheckpointError, match="other filters"):
        stylegan3.rebuild(tiny(), {GIVEN: {"first_cutoff": "3"}})
    with pytest.raises(CheckpointError, match="margin"):
        stylegan3.rebuild(tiny(), {GIVEN: {"margin_size": "17", "first_cutoff": "2"}})


def test_the_words_of_a_pickle_win_over_the_defaults() -> None:
    state = tiny()
    z = torch.randn(1, 4)
    words = {"modules": {"synthesis": {"output_scale": 0.125, "margin_size": 10}, "mapping.fc0": {"bias_gain": 0.012}}}
    image, w = run(stylegan3.rebuild(state, words), z=z)
    assert torch.allclose(w[:, 0], mapped(state, z, None, rate=0.012), rtol=1e-4)
    assert torch.allclose(image, shown(synthesised(state, w) / 2), atol=1e-4)


def test_what_a_pickle_says_of_filters_is_not_asked_of_them() -> None:
    state = mapping_state(4, 6) | synthesis_state(16, (4, 3, 4), cutoff=3.0)
    said = {fact.name: fact.origin for fact in stylegan3.rebuild(state, {"_init_kwargs": {"first_cutoff": 3}}).inferred}
    assert said["cutoff of the input in cycles"] == "metadata"
    layer = next(key for key in state if key.startswith("synthesis.L0_"))[: len("synthesis.L0_36_4")]
    words: dict[str, Any] = {"modules": {layer: {"up_factor": 2}, "mapping.fc1": {"activation": "lrelu"}}}
    said = {fact.name: fact.origin for fact in stylegan3.rebuild(state, words).inferred}
    assert said["filter taps for each factor"] == "metadata"
    with pytest.raises(CheckpointError, match="activation relu"):
        stylegan3.rebuild(state, {"modules": {"mapping.fc1": {"activation": "relu"}}})


@pytest.mark.parametrize(
    ("end", "tensor", "message"),
    [
        ("input.phases", None, "lacks"),
        ("input.freqs", torch.zeros(5, 3), "of shape"),
        ("L2_36_3.bias", torch.zeros(7), "of shape"),
        ("L2_36_3.down_filter", torch.zeros(13), "no multiple"),
        ("L2_36_3.surprise", torch.zeros(1), "does not have: synthesis.L2_36_3.surprise"),
    ],
)
def test_what_does_not_fit_is_refused(end: str, tensor: Tensor | None, message: str) -> None:
    state = tiny()
    state.pop(f"synthesis.{end}", None)
    if tensor is not None:
        state[f"synthesis.{end}"] = tensor
    with pytest.raises(CheckpointError, match=message):
        stylegan3.rebuild(state, {})


@pytest.mark.parametrize("lost", ["synthesis.input.freqs", "mapping.fc0.weight", "synthesis.L1_36_4.weight"])
def test_near_misses_are_not_taken(lost: str) -> None:
    state = tiny()
    del state[lost]
    assert not stylegan3.detect(state)
    with pytest.raises(CheckpointError, match="is no StyleGAN3"):
        stylegan3.rebuild(state, {})


def test_it_goes_through_onnx(tmp_path: Path) -> None:
    state = mapping_state(4, 6) | synthesis_state(16, (3, 2, 2))
    path = tmp_path / "tiny.pt"
    torch.save({"G_ema": state}, path)
    exported = export_checkpoint(path)
    assert exported.manifest.family == "stylegan3"
    model = open_model(exported.path, RuntimeOptions(device="cpu"))
    z, transform = torch.randn(3, 4), turned(-0.4, 0.2, 0.1)
    found = model.run({"z": z.numpy(), "transform": transform[None].numpy()}, ("image",))["image"]
    ws = mapped(state, z, None)[:, None].expand(-1, 5, -1)
    assert np.abs(found - shown(synthesised(state, ws, transform)).numpy()).max() < 1e-4
