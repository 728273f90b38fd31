"""Fast neural style (Johnson et al. 2016) in the layout of PyTorch's example: one style a file, such as ``candy.pth``.

The network works on 0..255 in and out; that of Gordić's port, whose last layers are called ``up1`` to ``up3``, on
pictures normalised as ImageNet's. Widths and the number of residual blocks are read from the tensors; old files also
carry running statistics of their instance normalisations, which act on nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.translation import conv_shape, load_strictly

__all__ = ["FAMILY", "FastStyle"]

_MULTIPLE: Final = 4
_LEVELS: Final = 255
_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)
"""Mean and deviation of ImageNet's colours, as torchvision states them."""

_PORTED: Final = re.compile(r"^up([123])\.(?:conv2d\.)?(conv2d\.\w+)$")
_RESIDUAL: Final = re.compile(r"^res([1-9]\d?)\.conv1\.conv2d\.weight$")
_SIGNATURE: Final = ("conv1.conv2d.weight", "in1.weight", "conv3.conv2d.weight", "res1.conv1.conv2d.weight")
_Shape = tuple[int, int, int]
_LAST: Final = "deconv3.conv2d.weight"


class _PaddedConv(nn.Module):
    """Reflection padding and a convolution of a certain shape."""

    def __init__(self, shape: _Shape, stride: int = 1) -> None:
        super().__init__()
        after, before, kernel = shape
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(before, after, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2d(self.reflection_pad(x))  # type: ignore[no-any-return]


class _Residual(nn.Module):
    def __init__(self, first: _Shape, second: _Shape) -> None:
        super().__init__()
        self.conv1, self.in1 = _PaddedConv(first), _norm(first)
        self.conv2, self.in2 = _PaddedConv(second), _norm(second)

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.in2(self.conv2(torch.relu(self.in1(self.conv1(x)))))
        return x + inner


def _norm(shape: _Shape) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(shape[0], affine=True)


class FastStyle(nn.Module):
    """Photos 0..1 [batch, 3, h, w] to paintings 0..1, with sides rounded up to multiples of 4.

    ``state`` gives the shapes, under the names of the example; its numbers are not loaded. ``scale`` and ``offset``
    [1, 3, 1, 1] turn 0..1 into the network's own range. Raises `CheckpointError` if a tensor is missing or no
    convolution's.
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, state: StateDict, residuals: int, scale: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("offset", offset, persistent=False)
        downs, ups = [f"conv{i}" for i in (1, 2, 3)], ["deconv1", "deconv2"]
        shapes = {name: conv_shape(state, f"{name}.conv2d") for name in [*downs, *ups, "deconv3"]}
        layers: dict[str, nn.Module] = {}
        for index, name in enumerate(downs, start=1):
            layers[name], layers[f"in{index}"] = _PaddedConv(shapes[name], min(index, 2)), _norm(shapes[name])
            layers[f"relu{index}"] = nn.ReLU()
        for name in (f"res{i + 1}" for i in range(residuals)):
            layers[name] = _Residual(*(conv_shape(state, f"{name}.conv{i}.conv2d") for i in (1, 2)))
        for index, name in enumerate(ups, start=4):
            layers[f"larger{index}"] = nn.Upsample(scale_factor=2)
            layers[name], layers[f"in{index}"] = _PaddedConv(shapes[name]), _norm(shapes[name])
            layers[f"relu{index}"] = nn.ReLU()
        layers["deconv3"] = _PaddedConv(shapes["deconv3"])
        self._order = tuple(layers)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, content: Tensor) -> Tensor:
        """Return the paintings."""
        x = content * self.scale + self.offset
        for name in self._order:
            x = self.get_submodule(name)(x)
        return ((x - self.offset) / self.scale).clamp(0, 1)


def _range(*, ported: bool) -> tuple[Tensor, Tensor]:
    """Return the factor and what is added to it that turn 0..1 into the network's range."""
    if ported:
        deviation = torch.tensor(_DEVIATION).view(1, 3, 1, 1)
        return 1 / deviation, -torch.tensor(_MEAN).view(1, 3, 1, 1) / deviation
    return torch.full((1, 3, 1, 1), float(_LEVELS)), torch.zeros(1, 3, 1, 1)


def _renamed(state: StateDict) -> dict[str, Tensor]:
    """Return the tensors under the names of PyTorch's example."""
    return {_PORTED.sub(r"deconv\1.\2", key): tensor for key, tensor in state.items()}


def _detect(state: StateDict) -> bool:
    state = _renamed(state)
    return all(key in state for key in _SIGNATURE) and _LAST in state and state[_LAST].shape[:1] == (3,)


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no fast neural style network")
    ported = _LAST not in state
    state = _renamed(state)
    residuals = sum(_RESIDUAL.match(key) is not None for key in state)
    module = FastStyle(state, residuals, *_range(ported=ported))
    load_strictly(module, state, "a fast neural style network")
    widths = [state[f"conv{index}.conv2d.weight"].shape[0] for index in (1, 2, 3)]
    return Network(
        kind="style",
        module=eval_mode(module),
        inputs=(GraphInput("content", ("batch", 3, "height", "width")),),
        outputs=("image",),
        facts={"channels": "RGB", "size_multiple": _MULTIPLE, "minimum_size": 2 * _MULTIPLE},
        inferred=(
            HyperParameter(name="widths", value=", ".join(map(str, widths)), origin="tensor"),
            HyperParameter(name="residual blocks", value=residuals, origin="tensor"),
            HyperParameter(name="value range", value="as ImageNet's" if ported else "0..255", origin="default"),
            HyperParameter(name="padding", value="reflection", origin="default"),
        ),
    )


FAMILY = Family(
    id="fast-neural-style",
    title="fast neural style network",
    kind="style",
    licence="The example code is BSD-3-Clause; the rights in the weights are those of whoever trained them.",
    detect=_detect,
    rebuild=_rebuild,
    signature=("conv1.conv2d.weight", "in1.weight", "res1.conv1.conv2d.weight", "deconv3.conv2d.weight"),
)
