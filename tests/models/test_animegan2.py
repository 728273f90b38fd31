from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.animegan2 import FAMILY
from ganplugin.models.setting import GIVEN

State = dict[str, Tensor]

UNITS = {
    "block_a": ("block_a.0", "block_a.1", "block_a.2"),
    "block_b": ("block_b.0", "block_b.1"),
    "block_c": ("block_c.0", "block_c.1", "block_c.2", "block_c.3"),
    "block_d": ("block_d.0", "block_d.1"),
    "block_e": ("block_e.0", "block_e.1", "block_e.2"),
}


def example(width: int = 4, seed: int = 2) -> State:
    """A file of the port, key by key, with two inverted blocks: the first widens, the second carries its input."""
    random = torch.Generator().manual_seed(seed)
    state: State = {}

    def conv(name: str, after: int, before: int, kernel: int, *, bias: bool = False) -> None:
        shape = (after, before, kernel, kernel)
        state[f"{name}.weight"] = 1.5 * torch.randn(shape, generator=random) / (before**0.5 * kernel)
        if bias:
            state[f"{name}.bias"] = torch.randn(after, generator=random)

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"] = 0.8 + 0.4 * torch.rand(channels, generator=random)
        state[f"{name}.bias"] = 0.3 * torch.randn(channels, generator=random)

    def unit(name: str, after: int, before: int, kernel: int = 3, *, bias: bool = False) -> None:
        conv(f"{name}.1", after, before, kernel, bias=bias)
        norm(f"{name}.2", after)

    one, two, four, eight = width, 2 * width, 4 * width, 8 * width
    unit("block_a.0", one, 3, 7)
    unit("block_a.1", two, one)
    unit("block_a.2", two, two)
    unit("block_b.0", four, two)
    unit("block_b.1", four, four)
    unit("block_c.0", four, four)
    for name, before in (("block_c.1", four), ("block_c.2", eight)):
        unit(f"{name}.layers.0", 2 * before, before, 1)
        unit(f"{name}.layers.1", 2 * before, 1, bias=True)
        conv(f"{name}.layers.2", eight, 2 * before, 1)
        norm(f"{name}.layers.3", eight)
    unit("block_c.3", four, eight)
    unit("block_d.0", four, four)
    unit("block_d.1", four, four)
    unit("block_e.0", two, four)
    unit("block_e.1", two, two)
    unit("block_e.2", one, two, 7)
    conv("out_layer.0", 3, one, 1)
    return state


def paint(state: State, photo: Tensor, *, align: bool) -> Tensor:
    """What the port computes of a photo -1..1, written out."""

    def norm(name: str, x: Tensor) -> Tensor:
        return F.group_norm(x, 1, state[f"{name}.weight"], state[f"{name}.bias"])

    def unit(name: str, x: Tensor) -> Tensor:
        weight, bias = state[f"{name}.1.weight"], state.get(f"{name}.1.bias")
        halves = name in ("block_a.1", "block_b.0")
        side = weight.shape[2] // 2
        x = F.pad(x, (0, 1, 0, 1) if halves else (side,) * 4, "reflect") if side else x
        groups = weight.shape[0] if weight.shape[1] == 1 else 1
        x = F.conv2d(x, weight, bias, 2 if halves else 1, groups=groups)
        return F.leaky_relu(norm(f"{name}.2", x), 0.2)

    def inverted(name: str, x: Tensor) -> Tensor:
        y = unit(f"{name}.layers.1", unit(f"{name}.layers.0", x))
        y = norm(f"{name}.layers.3", F.conv2d(y, state[f"{name}.layers.2.weight"]))
        return x + y if y.shape == x.shape else y

    def block(name: str, x: Tensor) -> Tensor:
        for step in UNITS[name]:
            x = inverted(step, x) if f"{step}.layers.0.1.weight" in state else unit(step, x)
        return x

    def larger(x: Tensor, like: Tensor) -> Tensor:
        if align:
            return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=True)
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)

    half = block("block_a", photo)
    x = block("block_d", larger(block("block_c", block("block_b", half)), half))
    return torch.tanh(F.conv2d(block("block_e", larger(x, photo)), state["out_layer.0.weight"]))


@pytest.mark.parametrize(("align", "sides"), [(True, (18, 27)), (True, (16, 24)), (False, (16, 24))])
def test_the_network_is_rebuilt_from_its_tensors(align: bool, sides: tuple[int, int]) -> None:
    state = example()
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {} if align else {GIVEN: {"align_corners": "false"}})
    content = torch.rand(2, 3, *sides)
    wanted = (paint(state, content * 2 - 1, align=align) + 1) / 2
    assert wanted.shape == content.shape
    assert wanted.std() > 0.05
    assert torch.allclose(network.module(content), wanted, atol=1e-5)
    assert network.facts["size_multiple"] == (1 if align else 4)


def test_other_widths_and_lengths_load() -> None:
    network = FAMILY.rebuild(example(width=3), {})
    found = {fact.name: fact.value for fact in network.inferred}
    assert (found["width"], found["middle layers"]) == (3, 4)


@pytest.mark.parametrize("key", ["block_a.0.1.weight", "block_c.1.layers.0.1.weight", "out_layer.0.weight"])
def test_near_misses_are_not_taken(key: str) -> None:
    state = example()
    del state[key]
    assert not FAMILY.detect(state)
    with pytest.raises(CheckpointError, match="no AnimeGANv2"):
        FAMILY.rebuild(state, {})


def test_what_is_missing_or_left_over_is_refused() -> None:
    state = example()
    with pytest.raises(CheckpointError, match="almost an AnimeGANv2"):
        FAMILY.rebuild({**state, "block_a.0.2.running_mean2": torch.zeros(4)}, {})
    del state["block_b.0.1.weight"]
    with pytest.raises(CheckpointError, match=r"block_b\.0\.1\.weight is missing"):
        FAMILY.rebuild(state, {})


def test_the_file_equals_the_network(tmp_path: Path) -> None:
    path = tmp_path / "face_paint_512_v2.pt"
    torch.save(example(width=2), path)
    done = export_checkpoint(path)
    assert done.manifest.family == "animegan2"
    assert "non-commercial" in done.manifest.licence
