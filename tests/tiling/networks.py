"""Tiny style networks with whatever real ones are made of, in any order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from tests.tiny_models import GraphBuilder

CHANNELS = 4


class Layers(GraphBuilder):
    """Layers over feature maps of `CHANNELS` channels; weights come from ``seed``."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.random = np.random.RandomState(seed)
        self.first = self.input("content", ("batch", 3, "height", "width"))

    def conv(self, x: str, before: int = CHANNELS, after: int = CHANNELS, kernel: int = 3, **how: Any) -> str:
        weights = self.random.randn(after, before, kernel, kernel) / (before * kernel**2) ** 0.5
        return self.op("Conv", x, self.constant(weights.astype(np.float32)), **how)

    def padded_conv(self, x: str, mode: str, stride: int = 1, kernel: int = 3) -> str:
        margin = kernel // 2
        padded = self.op("Pad", x, self.shape(0, 0, margin, margin, 0, 0, margin, margin), mode=mode)
        return self.conv(padded, kernel=kernel, strides=[stride, stride])

    def side(self, x: str, axis: int) -> str:
        return self.op("Shape", x, start=axis, end=axis + 1)

    def resized(self, x: str, like: str, **how: Any) -> str:
        sizes = self.op("Concat", self.op("Shape", x, end=2), self.side(like, 2), self.side(like, 3), axis=0)
        return self.op("Resize", x, "", "", sizes, **how)

    def instance(self, x: str) -> str:
        scale, shift = (self.random.randn(CHANNELS).astype(np.float32) for _ in range(2))
        return self.op("InstanceNormalization", x, self.constant(scale), self.constant(shift))

    def grouped(self, x: str, groups: int) -> str:
        folded = self.op("Reshape", x, self.shape(0, groups, -1))
        ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
        normal = self.op("InstanceNormalization", folded, self.constant(ones), self.constant(zeros))
        return self.op("Reshape", normal, self.op("Shape", x))

    def centred(self, x: str, *axes: int) -> str:
        """Normalise by the mean and the variance that reductions over ``axes`` give."""
        apart = self.op("Sub", x, self.op("ReduceMean", x, self.shape(*axes)))
        variance = self.op("ReduceMean", self.op("Mul", apart, apart), self.shape(*axes))
        return self.op("Div", apart, self.op("Sqrt", self.op("Add", variance, self.constant(np.float32(1e-3)))))

    def sample_deviation(self, x: str) -> str:
        """Divide by the deviation as AdaIN has it: a sum over one less than the number of pixels."""
        apart = self.op("Sub", x, self.op("ReduceMean", x, self.shape(2, 3)))
        total = self.op("ReduceSum", self.op("Mul", apart, apart), self.shape(2, 3))
        pixels = self.op("Mul", self.side(x, 2), self.side(x, 3))
        count = self.op("Cast", self.op("Sub", pixels, self.shape(1)), to=1)
        return self.op("Div", apart, self.op("Sqrt", self.op("Div", total, count)))

    def gated(self, x: str, pool: str) -> str:
        """Weigh channels by what a pool over the whole picture says of them."""
        return self.op("Mul", x, self.op("Sigmoid", self.conv(self.op(pool, x), kernel=1)))

    def extremes(self, x: str) -> str:
        low, high = (self.op(kind, x, self.shape(2, 3)) for kind in ("ReduceMin", "ReduceMax"))
        return self.op("Div", self.op("Sub", x, low), self.op("Sub", high, low))

    def recoloured(self, x: str) -> str:
        """Mix channels as one multiplication with the picture laid out flat, and divide by the mean square."""
        flat = self.op("Reshape", x, self.shape(0, CHANNELS, -1))
        mixed = self.op("MatMul", self.weights(CHANNELS, CHANNELS), flat)
        squares = self.op("ReduceSumSquare", mixed, self.shape(2))
        scaled = self.op("Div", mixed, self.op("Sqrt", squares))
        return self.op("Reshape", self.op("Tanh", scaled), self.op("Shape", x))

    def down_and_up(self, x: str, **how: Any) -> str:
        """Halve, and enlarge to the very size that was there, odd or even."""
        small = self.op("Relu", self.padded_conv(x, "reflect", stride=2))
        return self.op("Add", self.resized(small, x, **how), x)

    def pooled(self, x: str, kind: str, **how: Any) -> str:
        small = self.op(kind, x, strides=[2, 2], **how)
        return self.op("Sub", x, self.resized(small, x, mode="linear"))

    def shuffled(self, x: str) -> str:
        """Enlarge by sorting channels into places, and come back."""
        large = self.op("DepthToSpace", self.conv(x, after=4 * CHANNELS, kernel=1), blocksize=2)
        return self.conv(self.op("SpaceToDepth", large, blocksize=2), before=4 * CHANNELS, kernel=1)

    def transposed(self, x: str) -> str:
        weights = self.constant((self.random.randn(CHANNELS, CHANNELS, 4, 4) / 8).astype(np.float32))
        large = self.op("ConvTranspose", x, weights, strides=[2, 2], pads=[1, 1, 1, 1])
        return self.conv(large, kernel=4, strides=[2, 2], pads=[1, 1, 1, 1])

    def parted(self, x: str) -> str:
        first = self.op("Slice", x, self.shape(0), self.shape(2), self.shape(1))
        second = self.op("Slice", x, self.shape(2), self.shape(9), self.shape(1))
        return self.op("Concat", self.op("Neg", second), first, axis=1)

    def channel_mean(self, x: str) -> str:
        return self.op("Sub", x, self.op("ReduceMean", x, self.shape(1)))


LAYERS: dict[str, Callable[[Layers, str], str]] = {
    "conv": lambda net, x: net.conv(x, pads=[1, 1, 1, 1]),
    "reflect": lambda net, x: net.padded_conv(x, "reflect", kernel=5),
    "edge": lambda net, x: net.padded_conv(x, "edge"),
    "zeros": lambda net, x: net.padded_conv(x, "constant"),
    "dilated": lambda net, x: net.conv(x, pads=[2, 2, 2, 2], dilations=[2, 2]),
    "instance": Layers.instance,
    "group": lambda net, x: net.grouped(x, 2),
    "layer": lambda net, x: net.grouped(x, 1),
    "reduced": lambda net, x: net.centred(x, 2, 3),
    "reduced-all": lambda net, x: net.centred(x, 1, 2, 3),
    "adain": Layers.sample_deviation,
    "average-gate": lambda net, x: net.gated(x, "GlobalAveragePool"),
    "max-gate": lambda net, x: net.gated(x, "GlobalMaxPool"),
    "extremes": Layers.extremes,
    "flat": Layers.recoloured,
    "linear": lambda net, x: net.down_and_up(x, mode="linear"),
    "aligned": lambda net, x: net.down_and_up(x, mode="linear", coordinate_transformation_mode="align_corners"),
    "nearest": lambda net, x: net.down_and_up(
        x, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
    ),
    "average-pool": lambda net, x: net.pooled(x, "AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    "max-pool": lambda net, x: net.pooled(x, "MaxPool", kernel_shape=[2, 2], ceil_mode=1),
    "shuffled": Layers.shuffled,
    "transposed": Layers.transposed,
    "parted": Layers.parted,
    "channels": Layers.channel_mean,
    "relu": lambda net, x: net.op("Relu", x),
}


def network(path: Path, *layers: str, seed: int = 0) -> Path:
    """Write a style network of these layers, each added to what goes into it, between two convolutions."""
    net = Layers(seed)
    x = net.conv(net.first, before=3, pads=[1, 1, 1, 1])
    for name in layers:
        x = net.op("Add", x, LAYERS[name](net, x)) if seed % 2 else LAYERS[name](net, x)
    return finished(net, net.conv(x, after=3, kernel=1), path)


def finished(net: Layers, x: str, path: Path, **facts: Any) -> Path:
    """Write a network that ends in ``x``."""
    net.op("Sigmoid", x, output="image")
    net.output("image", ("batch", 3, "out_height", "out_width"))
    manifest = Manifest(
        kind="style",
        family="tiny",
        name="layers",
        minimum_size=4,
        licence="made by the tests",
        exporter="tests",
        **facts,
    )
    return write_model(net.model(), manifest, path)
