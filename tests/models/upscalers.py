"""ESRGAN's networks as their papers and files have them, written plainly, and the package that rebuilds them."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.states import Draw, State

GROWTH = 32
"""Channels that each convolution of a dense block adds: the same in every file."""


def need_spandrel() -> None:
    """Skip the test where spandrel is missing."""
    try:
        import_spandrel()
    except ImportError as error:
        if error.name != "spandrel":
            raise
        pytest.skip("spandrel is not installed")


def import_spandrel() -> None:
    """Import spandrel; where only torchvision is missing, or does not fit the torch, a stand-in takes its place."""
    try:
        import spandrel  # noqa: F401
    except (ImportError, RuntimeError) as error:
        if isinstance(error, ImportError) and error.name == "spandrel":
            raise
        _import_beside_a_stand_in()


def _import_beside_a_stand_in() -> None:
    """Import spandrel without torchvision, from which it takes three names for architectures that are not used here."""
    kept = {name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] == "torchvision"}
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
        sys.modules[name] = ModuleType(name)
    for name in ("InterpolationMode", "rotate", "normalize"):
        setattr(sys.modules["torchvision.transforms.functional"], name, None)
    try:
        import spandrel  # noqa: F401
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules.update(kept)


def rrdb_state(*, width: int = 6, blocks: int = 2, ups: int = 2, unshuffle: int = 1, plus: bool = False) -> State:
    """A file of BasicSR and Real-ESRGAN: `blocks` triple dense blocks, `ups` doublings after them."""
    draw, state = Draw(3), State()

    def conv(name: str, after: int, before: int, kernel: int = 3, *, bias: bool = True) -> None:
        state[f"{name}.weight"] = draw.weight(after, before, kernel, kernel)
        if bias:
            state[f"{name}.bias"] = draw.normal(after)

    conv("conv_first", width, 3 * unshuffle**2)
    for block in range(blocks):
        for dense in (1, 2, 3):
            name = f"body.{block}.rdb{dense}"
            for layer in range(5):
                conv(f"{name}.conv{layer + 1}", GROWTH if layer < 4 else width, width + layer * GROWTH)
            if plus:
                conv(f"{name}.conv1x1", GROWTH, width, 1, bias=False)
    conv("conv_body", width, width)
    for up in range(ups):
        conv(f"conv_up{up + 1}", width, width)
    conv("conv_hr", width, width)
    conv("conv_last", 3, width)
    return {**state, "conv_last.weight": 0.3 * state["conv_last.weight"], "conv_last.bias": torch.full((3,), 0.5)}


def rrdb(state: State, x: Tensor, *, unshuffle: int = 1) -> Tensor:
    """What the network of `rrdb_state` computes (Wang et al. 2018; with 1 x 1 paths: ESRGAN+), unclamped."""

    def conv(name: str, x: Tensor) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state.get(f"{name}.bias"), padding=weight.shape[2] // 2)

    def dense(name: str, x: Tensor) -> Tensor:
        known = [x]
        for layer in (1, 2, 3, 4):
            grown = F.leaky_relu(conv(f"{name}.conv{layer}", torch.cat(known, 1)), 0.2)
            if f"{name}.conv1x1.weight" in state and layer in (2, 4):
                grown = grown + (conv(f"{name}.conv1x1", x) if layer == 2 else known[2])
            known.append(grown)
        return x + 0.2 * conv(f"{name}.conv5", torch.cat(known, 1))

    first = y = conv("conv_first", F.pixel_unshuffle(x, unshuffle))
    for block in sorted({key.split(".")[1] for key in state if key.startswith("body.")}, key=int):
        inner = y
        for number in (1, 2, 3):
            inner = dense(f"body.{block}.rdb{number}", inner)
        y = y + 0.2 * inner
    y = first + conv("conv_body", y)
    for up in sorted({key.split(".")[0] for key in state if key.startswith("conv_up")}):
        y = F.leaky_relu(conv(up, F.interpolate(y, scale_factor=2, mode="nearest")), 0.2)
    return conv("conv_last", F.leaky_relu(conv("conv_hr", y), 0.2))


def renamed(state: State, layout: str) -> State:
    """The same network in the names of `basicsr`, `bsrgan` or the `old` ESRGAN."""
    ups = sum(key.startswith("conv_up") for key in state) // 2
    blocks = len({key.split(".")[1] for key in state if key.startswith("body.")})
    names = {
        "basicsr": [],
        "bsrgan": [
            (r"^body\.(\d+)\.rdb(\d)", r"RRDB_trunk.\1.RDB\2"),
            ("^conv_body", "trunk_conv"),
            ("^conv_up", "upconv"),
            ("^conv_hr", "HRconv"),
        ],
        "old": [
            ("^conv_first", "model.0"),
            (r"^body\.(\d+)\.rdb(\d)\.(conv1x1)\.", r"model.1.sub.\1.RDB\2.\3."),
            (r"^body\.(\d+)\.rdb(\d)\.(conv\d)\.", r"model.1.sub.\1.RDB\2.\3.0."),
            ("^conv_body", f"model.1.sub.{blocks}"),
            *((f"^conv_up{up}", f"model.{3 * up}") for up in range(1, ups + 1)),
            ("^conv_hr", f"model.{3 * ups + 2}"),
            ("^conv_last", f"model.{3 * ups + 4}"),
        ],
    }[layout]
    found = {}
    for key, tensor in state.items():
        for pattern, replacement in names:
            key = re.sub(pattern, replacement, key)
        found[key] = tensor
    return found


def compact_state(*, width: int = 6, convs: int = 2, scale: int = 2) -> State:
    """A file of Real-ESRGAN's compact network, such as ``realesr-general-x4v3.pth``."""
    draw, state = Draw(4), State()
    widths = [3, *[width] * (convs + 1), 3 * scale**2]
    for layer, (before, after) in enumerate(pairwise(widths)):
        state[f"body.{2 * layer}.weight"] = 0.5 * draw.weight(after, before, 3, 3)
        state[f"body.{2 * layer}.bias"] = 0.3 * draw.normal(after)
        if layer <= convs:
            state[f"body.{2 * layer + 1}.weight"] = draw.normal(after)
    return state


def compact(state: State, x: Tensor, scale: int) -> Tensor:
    """What the network of `compact_state` computes, unclamped."""
    y, last = x, max(int(key.split(".")[1]) for key in state)
    for layer in range(0, last + 1, 2):
        y = F.conv2d(y, state[f"body.{layer}.weight"], state[f"body.{layer}.bias"], padding=1)
        y = F.prelu(y, state[f"body.{layer + 1}.weight"]) if layer < last else y
    return F.pixel_shuffle(y, scale) + F.interpolate(x, scale_factor=scale, mode="nearest")
