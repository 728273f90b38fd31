from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.r3gan import FAMILY, SCORER_FAMILY
from tests.models.states import Draw, State

KERNEL = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def block_state(draw: Draw, name: str, width: int, groups: int, kernel: int = 3) -> State:
    inner = 2 * width
    return {
        f"{name}.LinearLayer1.Layer.weight": draw.weight(inner, width, 1, 1),
        f"{name}.LinearLayer2.Layer.weight": draw.weight(inner, inner // groups, kernel, kernel),
        f"{name}.LinearLayer3.Layer.weight": draw.weight(width, inner, 1, 1),
        f"{name}.NonLinearity1.Bias": draw.normal(inner),
        f"{name}.NonLinearity2.Bias": draw.normal(inner),
    }


def generator_state(*, classes: int = 0, prefix: str = "Model.") -> State:
    """Stages of 8, 8 and 6 channels; 2, 2 and 3 groups; 2, 1 and 1 blocks; a latent of 5; an embedding of 3."""
    draw = Draw(11)
    state: State = {
        "MainLayers.0.Layers.0.Basis": draw.normal(8, 4, 4, scale=1),
        "MainLayers.0.Layers.0.LinearLayer.weight": draw.weight(8, 5 + 3 * bool(classes)),
        **block_state(draw, "MainLayers.0.Layers.1", 8, 2),
        **block_state(draw, "MainLayers.0.Layers.2", 8, 2),
        "MainLayers.1.Layers.0.Resampler.Kernel": KERNEL,
        **block_state(draw, "MainLayers.1.Layers.1", 8, 2),
        "MainLayers.2.Layers.0.Resampler.Kernel": KERNEL,
        "MainLayers.2.Layers.0.LinearLayer.Layer.weight": draw.weight(6, 8, 1, 1),
        **block_state(draw, "MainLayers.2.Layers.1", 6, 3),
        "AggregationLayer.Layer.weight": draw.weight(3, 6, 1, 1) / 10,
    }
    if classes:
        state["EmbeddingLayer.weight"] = draw.weight(3, classes)
    return {prefix + key: tensor for key, tensor in state.items()}


def scorer_state(*, classes: int = 0) -> State:
    draw = Draw(12)
    state: State = {
        "ExtractionLayer.Layer.weight": draw.weight(6, 3, 1, 1),
        **block_state(draw, "MainLayers.0.Layers.0", 6, 3),
        "MainLayers.0.Layers.1.Resampler.Kernel": KERNEL,
        "MainLayers.0.Layers.1.LinearLayer.Layer.weight": draw.weight(8, 6, 1, 1),
        **block_state(draw, "MainLayers.1.Layers.0", 8, 2),
        "MainLayers.1.Layers.1.Basis.weight": draw.weight(8, 1, 4, 4),
        "MainLayers.1.Layers.1.LinearLayer.weight": draw.weight(4 if classes else 1, 8),
    }
    if classes:
        state["EmbeddingLayer.weight"] = draw.weight(4, classes)
    return {f"Model.{key}": tensor for key, tensor in state.items()}


def block(state: State, name: str, x: Tensor) -> Tensor:
    grouped = state[f"{name}.LinearLayer2.Layer.weight"]
    y = F.conv2d(x, state[f"{name}.LinearLayer1.Layer.weight"]) + state[f"{name}.NonLinearity1.Bias"][:, None, None]
    groups, around = y.shape[1] // grouped.shape[1], grouped.shape[2] // 2
    y = F.conv2d(F.leaky_relu(y, 0.2), grouped, padding=around, groups=groups)
    y = F.leaky_relu(y + state[f"{name}.NonLinearity2.Bias"][:, None, None], 0.2)
    return x + F.conv2d(y, state[f"{name}.LinearLayer3.Layer.weight"])


def doubled(x: Tensor) -> Tensor:
    """Zeros between the samples, then the kernel with four times its weight, centred."""
    batch, width, height, length = x.shape
    spread = torch.zeros(batch, width, 2 * height, 2 * length)
    spread[:, :, ::2, ::2] = x
    flat = F.pad(spread, (2, 1, 2, 1)).reshape(-1, 1, 2 * height + 3, 2 * length + 3)
    return F.conv2d(flat, 4 * KERNEL[None, None]).reshape(batch, width, 2 * height, 2 * length)


def halved(x: Tensor) -> Tensor:
    batch, width, height, length = x.shape
    flat = F.pad(x, (1, 1, 1, 1)).reshape(-1, 1, height + 2, length + 2)
    return F.conv2d(flat, KERNEL[None, None], stride=2).reshape(batch, width, height // 2, length // 2)


def made(state: State, z: Tensor, label: Tensor | None = None) -> Tensor:
    s = {key.removeprefix("Model."): tensor for key, tensor in state.items()}
    if label is not None:
        z = torch.cat((z, label @ s["EmbeddingLayer.weight"].T), dim=1)
    scale = z @ s["MainLayers.0.Layers.0.LinearLayer.weight"].T
    x = s["MainLayers.0.Layers.0.Basis"] * scale[:, :, None, None]
    x = block(s, "MainLayers.0.Layers.2", block(s, "MainLayers.0.Layers.1", x))
    x = block(s, "MainLayers.1.Layers.1", doubled(x))
    x = doubled(F.conv2d(x, s["MainLayers.2.Layers.0.LinearLayer.Layer.weight"]))
    x = block(s, "MainLayers.2.Layers.1", x)
    return (F.conv2d(x, s["AggregationLayer.Layer.weight"]) / 2 + 0.5).clamp(0, 1)


def scored(state: State, image: Tensor, label: Tensor | None = None) -> Tensor:
    s = {key.removeprefix("Model."): tensor for key, tensor in state.items()}
    x = block(s, "MainLayers.0.Layers.0", F.conv2d(image * 2 - 1, s["ExtractionLayer.Layer.weight"]))
    x = F.conv2d(halved(x), s["MainLayers.0.Layers.1.LinearLayer.Layer.weight"])
    x = block(s, "MainLayers.1.Layers.0", x)
    x = (x * s["MainLayers.1.Layers.1.Basis.weight"][:, 0]).sum(dim=(2, 3))
    x = x @ s["MainLayers.1.Layers.1.LinearLayer.weight"].T
    return x[:, 0] if label is None else (x * (label @ s["EmbeddingLayer.weight"].T)).sum(dim=1)


@pytest.mark.parametrize("prefix", ["Model.", ""])
def test_the_generator_computes_what_the_tensors_say(prefix: str) -> None:
    state = generator_state(prefix=prefix)
    assert FAMILY.detect(state)
    assert not SCORER_FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    z = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    expected = made(state, z)
    assert torch.allclose(network.module(z), expected, atol=1e-5)
    assert expected.std() > 0.05
    assert ((expected > 0) & (expected < 1)).float().mean() > 0.3
    assert network.facts == {"z_dim": 5, "channels": "RGB", "width": 16, "height": 16}
    told = {fact.name: fact.value for fact in network.inferred}
    assert (told["groups"], told["blocks"], told["widths"]) == ("2, 2, 3", "2, 1, 1", "8, 8, 6")


def test_the_conditional_generator_takes_the_label() -> None:
    state = generator_state(classes=4)
    network = FAMILY.rebuild(state, {})
    z, label = torch.randn(3, 5), torch.eye(4)[[2, 0, 1]]
    assert torch.allclose(network.module(z, label), made(state, z, label), atol=1e-5)
    assert [given.name for given in network.inputs] == ["z", "label"]
    assert network.facts["classes"] == ("0", "1", "2", "3")
    assert network.facts["z_dim"] == 5


def test_kernels_of_other_sizes_are_read_from_the_tensors() -> None:
    state = generator_state() | {
        f"Model.{key}": tensor for key, tensor in block_state(Draw(13), "MainLayers.1.Layers.1", 8, 4, kernel=5).items()
    }
    z = torch.randn(2, 5, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(FAMILY.rebuild(state, {}).module(z), made(state, z), atol=1e-5)


def test_a_filter_of_two_taps_repeats_pixels() -> None:
    kernels = {f"Model.MainLayers.{stage}.Layers.0.Resampler.Kernel": torch.full((2, 2), 0.25) for stage in (1, 2)}
    state, z = generator_state() | kernels, torch.randn(2, 5, generator=torch.Generator().manual_seed(4))
    pictures = FAMILY.rebuild(state, {}).module(z)
    assert pictures.shape == (2, 3, 16, 16)
    s = {key.removeprefix("Model."): tensor for key, tensor in state.items()}
    scale = z @ s["MainLayers.0.Layers.0.LinearLayer.weight"].T
    x = s["MainLayers.0.Layers.0.Basis"] * scale[:, :, None, None]
    x = block(s, "MainLayers.0.Layers.2", block(s, "MainLayers.0.Layers.1", x))
    x = block(s, "MainLayers.1.Layers.1", F.interpolate(x, scale_factor=2))
    x = F.interpolate(F.conv2d(x, s["MainLayers.2.Layers.0.LinearLayer.Layer.weight"]), scale_factor=2)
    x = F.conv2d(block(s, "MainLayers.2.Layers.1", x), s["AggregationLayer.Layer.weight"])
    assert torch.allclose(pictures, (x / 2 + 0.5).clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("classes", [0, 3])
def test_the_scorer(classes: int) -> None:
    state = scorer_state(classes=classes)
    assert SCORER_FAMILY.detect(state)
    assert not FAMILY.detect(state)
    network = SCORER_FAMILY.rebuild(state, {})
    image = torch.rand(3, 3, 8, 8)
    label = torch.eye(3)[[1, 2, 0]] if classes else None
    scores = network.module(image) if label is None else network.module(image, label)
    assert torch.allclose(scores, scored(state, image, label), atol=1e-5)
    assert scores.shape == (3,)


def test_stages_in_bfloat16_are_computed_in_float32() -> None:
    state = {key: tensor.bfloat16() for key, tensor in generator_state().items()}
    z = torch.randn(2, 5)
    pictures = FAMILY.rebuild(state, {}).module(z)
    assert pictures.dtype == torch.float32
    assert torch.allclose(pictures, made({key: tensor.float() for key, tensor in state.items()}, z), atol=1e-5)


@pytest.mark.parametrize(
    "key",
    [
        "Model.MainLayers.1.Layers.0.Resampler.Kernel",
        "Model.MainLayers.1.Layers.1.LinearLayer2.Layer.weight",
        "Model.MainLayers.0.Layers.1.NonLinearity1.Bias",
    ],
)
def test_a_missing_tensor_is_refused(key: str) -> None:
    state = generator_state()
    del state[key]
    with pytest.raises(CheckpointError, match="almost an R3GAN"):
        FAMILY.rebuild(state, {})


def test_a_stray_layer_far_away_costs_nothing() -> None:
    state = {**generator_state(), "Model.MainLayers.2.Layers.99999999.Bias": torch.zeros(1)}
    with pytest.raises(CheckpointError, match="almost an R3GAN"):
        FAMILY.rebuild(state, {})


def test_other_networks_are_not_taken() -> None:
    for family in (FAMILY, SCORER_FAMILY):
        assert not family.detect({"MainLayers.0.Layers.0.Basis": torch.zeros(8, 4, 4)})
        with pytest.raises(CheckpointError):
            family.rebuild({}, {})


def test_a_snapshot_is_exported_with_its_averaged_weights(tmp_path: Path) -> None:
    file = tmp_path / "network-snapshot-000000500.pkl"
    averaged, raw = generator_state(), {key: tensor * 0.5 for key, tensor in generator_state().items()}
    file.write_bytes(pickle.dumps({"G": raw, "D": scorer_state(), "G_ema": averaged, "cur_nimg": 500_000}))
    done = export_checkpoint(file)
    assert (done.manifest.family, done.part, done.averaged) == ("r3gan", "G_ema", True)
    assert done.others == (("G", "R3GAN generator"), ("D", "R3GAN discriminator"))
    assert done.path.is_file()
