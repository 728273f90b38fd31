from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.fast_neural_style import FAMILY

State = dict[str, Tensor]


def example(widths: tuple[int, int, int] = (4, 6, 8), residuals: int = 5, seed: int = 1) -> State:
    """A file of the example, key by key."""
    random = torch.Generator().manual_seed(seed)
    full, half, quarter = widths
    convs = {"conv1": (full, 3, 9), "conv2": (half, full, 3), "conv3": (quarter, half, 3)}
    norms = {"in1": full, "in2": half, "in3": quarter, "in4": half, "in5": full}
    for index in range(1, residuals + 1):
        convs |= {f"res{index}.conv{i}": (quarter, quarter, 3) for i in (1, 2)}
        norms |= {f"res{index}.in{i}": quarter for i in (1, 2)}
    convs |= {"deconv1": (half, quarter, 3), "deconv2": (full, half, 3), "deconv3": (3, full, 9)}
    state: State = {}
    for name, (after, before, kernel) in convs.items():
        gain = 120.0 if name == "deconv3" else 1.0
        shape = (after, before, kernel, kernel)
        state[f"{name}.conv2d.weight"] = gain * torch.randn(shape, generator=random) / (before**0.5 * kernel)
        state[f"{name}.conv2d.bias"] = gain * torch.rand(after, generator=random)
    for name, width in norms.items():
        state[f"{name}.weight"] = 0.8 + 0.4 * torch.rand(width, generator=random)
        state[f"{name}.bias"] = 0.3 * torch.randn(width, generator=random)
    return state


def paint(state: State, photo: Tensor, residuals: int) -> Tensor:
    """What the example computes of a photo 0..255, written out; unclamped."""

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = state[f"{name}.conv2d.weight"]
        side = weight.shape[2] // 2
        return F.conv2d(F.pad(x, (side,) * 4, "reflect"), weight, state[f"{name}.conv2d.bias"], stride)

    def norm(name: str, x: Tensor) -> Tensor:
        return F.instance_norm(x, weight=state[f"{name}.weight"], bias=state[f"{name}.bias"])

    x = photo
    for index in (1, 2, 3):
        x = torch.relu(norm(f"in{index}", conv(f"conv{index}", x, 1 if index == 1 else 2)))
    for block in range(1, residuals + 1):
        y = torch.relu(norm(f"res{block}.in1", conv(f"res{block}.conv1", x)))
        x = x + norm(f"res{block}.in2", conv(f"res{block}.conv2", y))
    for index in (1, 2):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = torch.relu(norm(f"in{index + 3}", conv(f"deconv{index}", x)))
    return conv("deconv3", x)


@pytest.mark.parametrize(("widths", "residuals"), [((4, 6, 8), 5), ((3, 5, 7), 2), ((8, 8, 8), 12)])
def test_the_network_is_rebuilt_from_its_tensors(widths: tuple[int, int, int], residuals: int) -> None:
    state = example(widths, residuals)
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    for height, width in ((16, 28), (13, 22)):
        content = torch.rand(2, 3, height, width)
        wanted = paint(state, content * 255, residuals)
        assert wanted.min() < 0
        assert wanted.max() > 255
        assert torch.allclose(network.module(content), (wanted / 255).clamp(0, 1), atol=1e-5)
        assert wanted.shape[2:] == (-(-height // 4) * 4, -(-width // 4) * 4)
    assert network.facts["size_multiple"] == 4


def test_the_port_whose_last_layers_are_called_up_works_in_imagenets_range() -> None:
    state = {key: tensor / 200 if key.startswith("deconv3") else tensor for key, tensor in example().items()}
    inner = {"deconv1.": "up1.conv2d.", "deconv2.": "up2.conv2d.", "deconv3.": "up3."}
    ported = {}
    for key, tensor in state.items():
        ported[next((key.replace(old, new) for old, new in inner.items() if key.startswith(old)), key)] = tensor
    assert "up1.conv2d.conv2d.weight" in ported
    assert FAMILY.detect(ported)
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    content = torch.rand(2, 3, 16, 20)
    wanted = (paint(state, (content - mean) / deviation, 5) * deviation + mean).clamp(0, 1)
    network = FAMILY.rebuild(ported, {})
    assert wanted.std() > 0.05
    assert torch.allclose(network.module(content), wanted, atol=1e-5)
    assert {fact.name: fact.value for fact in network.inferred}["value range"] == "as ImageNet's"


def test_statistics_of_old_files_are_left_out() -> None:
    state = example()
    old = dict(state)
    for key, tensor in state.items():
        if tensor.ndim == 1 and ".conv2d." not in key and key.endswith(".weight"):
            old |= {f"{key[:-6]}running_{name}": torch.rand(tensor.shape) for name in ("mean", "var")}
    assert len(old) > len(state)
    content = torch.rand(1, 3, 16, 16)
    assert torch.equal(FAMILY.rebuild(old, {}).module(content), FAMILY.rebuild(state, {}).module(content))


@pytest.mark.parametrize("key", ["conv1.conv2d.weight", "in1.weight", "deconv3.conv2d.weight"])
def test_near_misses_are_not_taken(key: str) -> None:
    state = example()
    del state[key]
    assert not FAMILY.detect(state)
    with pytest.raises(CheckpointError, match="no fast neural style"):
        FAMILY.rebuild(state, {})


def test_what_is_missing_or_left_over_is_refused() -> None:
    state = example()
    with pytest.raises(CheckpointError, match="almost a fast neural style"):
        FAMILY.rebuild({**state, "in6.weight": torch.zeros(4)}, {})
    del state["deconv1.conv2d.weight"]
    with pytest.raises(CheckpointError, match=r"deconv1\.conv2d\.weight is missing"):
        FAMILY.rebuild(state, {})


def test_the_file_equals_the_network(tmp_path: Path) -> None:
    path = tmp_path / "candy.pth"
    torch.save(example(residuals=1), path)
    assert export_checkpoint(path).manifest.family == "fast-neural-style"
