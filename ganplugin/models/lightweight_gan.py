"""lightweight-gan (lucidrains' network after Liu et al. 2021): doubling blocks, gates, excitation, attention.

Written from the tensors' shapes and the papers. Versions from 0.12.6 on are known: pixel shuffle (from 1.0) or repeated
pixels, 4 x 4 convolutions with noise (from 0.21) or 3 x 3 ones without, and several kinds of excitation and attention.
Noise maps are inputs with one fixed draw as their defaults. Pictures are linear outputs, 0..1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.linear_attention import attention_key, attention_of
from ganplugin.models.network import VERSION, Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding

__all__ = ["FAMILY", "Blur", "LightweightGenerator"]

_REACH: Final = 3
"""An excitation scales the output of the block that comes so many later."""

_LICENCE: Final = "The code is MIT; the rights in the weights are those of whoever trained them."
_BLOCK: Final = re.compile(r"^layers\.(\d+)\.")
_TAPS: Final = re.compile(r"^layers\.\d+\.0\.1\.f$")
_LEAK: Final = 0.1
_FIRST_KNOWN: Final = (0, 12, 6)


class _Excitation(nn.Module):
    """Gates [batch, after, 1, 1] from a map, which is pooled in one of three ways.

    By attention (``to_k``), by fixed frequencies (``dct_weights``), or, before 0.15, to 4 x 4 means and maxima.
    """

    def __init__(self, state: StateDict, name: str, side: int) -> None:
        super().__init__()
        first, second = state[f"{name}net.0.weight"], state[f"{name}net.2.weight"]
        frequencies = state.get(f"{name}dct_weights")
        self.to_k = nn.Conv2d(first.shape[1], 1, 1) if f"{name}to_k.weight" in state else None
        self.register_buffer("dct_weights", None if frequencies is None else torch.zeros_like(frequencies))
        self.cell = side // first.shape[2]
        self.net = nn.Sequential(
            nn.Conv2d(first.shape[1], first.shape[0], first.shape[2]),
            nn.LeakyReLU(_LEAK),
            nn.Conv2d(second.shape[1], second.shape[0], 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the gates for ``x`` [batch, before, side, side]."""
        gates: Tensor = self.net(self._pooled(x))
        return gates

    def _pooled(self, x: Tensor) -> Tensor:
        if isinstance(self.dct_weights, Tensor):
            weighted: Tensor = x * self.dct_weights
            return weighted.sum(dim=(2, 3), keepdim=True)
        if self.to_k is not None:
            shares: Tensor = self.to_k(x).flatten(2).softmax(dim=2)
            return (x.flatten(2) @ shares.transpose(1, 2))[..., None]
        return torch.cat((F.max_pool2d(x, self.cell), F.avg_pool2d(x, self.cell)), dim=1)


class _SpatialGate(nn.Module):
    """A gate [batch, 1, 2 h, 2 w] for each pixel of a block's output, from the block's input (0.8 to 0.14).

    Channels are split into groups after zeros were put on either side of them; mean and maximum of each count.
    """

    def __init__(self, state: StateDict, name: str) -> None:
        super().__init__()
        width = state[f"{name}net.0.weight"].shape[0]
        self.groups = width // 2
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(width, width, 3, padding=1),
            nn.LeakyReLU(_LEAK),
            nn.Conv2d(width, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the gate for the block whose input is ``x`` [batch, before, h, w]."""
        group = -(-x.shape[1] // self.groups)
        spare = (group - x.shape[1] % group) // 2
        x = F.pad(x, (0, 0, 0, 0, spare, spare))
        x = torch.unflatten(x, 1, (self.groups, x.shape[1] // self.groups))
        gate: Tensor = self.net(torch.cat((x.mean(dim=2), x.amax(dim=2)), dim=1))
        return gate


class _Block(nn.Module):
    """Attention, doubling, a convolution, noise, norm, gate: what the file has of these."""

    def __init__(self, state: StateDict, name: str, side: int) -> None:
        super().__init__()
        self.attention = attention_of(state, f"{name}2.") or attention_of(state, f"{name}3.")
        self.spatial = _SpatialGate(state, f"{name}2.") if f"{name}2.net.0.weight" in state else None
        self.up = _doubling(state, f"{name}0.0.net.0.weight")
        self.blur = Blur(state[f"{name}0.1.f"]) if f"{name}0.1.f" in state else None
        weight = state.get(f"{name}0.2.1.weight", state.get(f"{name}0.2.weight"))
        if weight is None:
            raise LookupError(f"{name}0.2.weight")
        kernel = weight.shape[2]
        self.padding = (kernel // 2, (kernel - 1) // 2) * 2
        self.convolution = nn.Conv2d(weight.shape[1], weight.shape[0], kernel)
        noisy = f"{name}0.3.running_mean" not in state
        self.noise = nn.Parameter(torch.zeros(1)) if noisy else None
        self.norm = nn.BatchNorm2d(weight.shape[0])
        self.excitation = _Excitation(state, f"{name}1.", side) if f"{name}1.net.0.weight" in state else None

    def forward(self, x: Tensor, noises: Iterator[Tensor]) -> Tensor:
        """Return [batch, after, 2 h, 2 w]; takes its noise map, if it adds one, off ``noises``."""
        x = self.up(x)
        if self.blur is not None:
            x = self.blur(x)
        x = self.convolution(F.pad(x, self.padding))
        if self.noise is not None:
            x = x + self.noise * next(noises)
        return F.glu(self.norm(x), dim=1)


def _doubling(state: StateDict, name: str) -> nn.Module:
    if (weight := state.get(name)) is None:
        return nn.Upsample(scale_factor=2)
    return nn.Sequential(nn.Conv2d(weight.shape[1], weight.shape[0], 1), nn.SiLU(), _PixelShuffle())


class _PixelShuffle(nn.Module):
    """Four channels to each map of twice the sides (Shi et al. 2016), columns before rows.

    torch's own becomes a DepthToSpace, on which onnxruntime spends twice the time.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, width, 2 h, 2 w] of ``x`` [batch, 4 width, h, w]."""
        pairs = torch.unflatten(x, 1, (-1, 2))
        rows = torch.unflatten(torch.stack(pairs.unbind(dim=2), dim=4).flatten(3), 1, (-1, 2))
        return torch.stack(rows.unbind(dim=2), dim=3).flatten(2, 3)


class Blur(nn.Module):
    """A separable blur with the taps of the file (1, 2, 1), the map mirrored at its border."""

    kernel: Tensor

    def __init__(self, taps: Tensor) -> None:
        super().__init__()
        kernel = torch.outer(taps.float().flatten(), taps.float().flatten())
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the blurred ``x`` [batch, width, h, w]."""
        width = x.shape[1]
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.kernel.repeat(width, 1, 1, 1), groups=width)


class LightweightGenerator(nn.Module):
    """z [batch, z_dim], noise maps and their strength to pictures 0..1, clamped."""

    def __init__(self, state: StateDict) -> None:
        super().__init__()
        z_dim, first = state["initial_conv.0.weight"].shape[:2]
        count = 1 + max(int(match[1]) for key in state if (match := _BLOCK.match(key)))
        last = state["out_conv.weight"]
        self.z_dim = z_dim
        self.initial_conv = nn.Sequential(nn.ConvTranspose2d(z_dim, first, 4), nn.BatchNorm2d(first), nn.GLU(dim=1))
        self.layers = nn.ModuleList(_Block(state, f"layers.{index}.", 8 << index) for index in range(count))
        self.out_conv = nn.Conv2d(last.shape[1], last.shape[0], 3, padding=1)

    @property
    def blocks(self) -> list[_Block]:
        """The blocks in order."""
        return [layer for layer in self.layers if isinstance(layer, _Block)]

    def forward(self, z: Tensor, *others: Tensor) -> Tensor:
        """Return pictures 0..1. ``others`` are the noise maps and their strength, or nothing if no block adds noise."""
        noises = iter([noise * others[-1] for noise in others[:-1]])
        x = F.normalize(self.initial_conv(z[:, :, None, None]), dim=1)
        gates: dict[int, Tensor] = {}
        for index, block in enumerate(self.blocks):
            gate = None if block.spatial is None else block.spatial(x)
            x = block(x if block.attention is None else block.attention(x), noises)
            if block.excitation is not None:
                gates[index + _REACH] = block.excitation(x)
            if index in gates:
                x = x * gates[index]
            if gate is not None:
                x = x * gate
        pictures: Tensor = self.out_conv(x)
        return pictures.clamp(0, 1)


def _is_generator(state: StateDict) -> bool:
    keys = ("initial_conv.0.weight", "initial_conv.1.running_mean", "out_conv.weight")
    convolution = state.get("layers.0.0.2.1.weight", state.get("layers.0.0.2.weight"))
    return all(key in state for key in keys) and convolution is not None and convolution.ndim == 4


def _renamed(state: StateDict) -> dict[str, Tensor]:
    return {_renamed_key(key, state): tensor for key, tensor in state.items() if not _TAPS.match(key)}


def _renamed_key(key: str, state: StateDict) -> str:
    match = re.match(r"^(layers\.\d+)\.(\d)\.(.*)$", key)
    if match is None:
        return key
    block, part, rest = match.groups()
    if part == "0":
        return f"{block}.{_inner_key(rest, noisy=f'{block}.0.3.running_mean' not in state)}"
    if part == "1" or rest.startswith("net."):
        return f"{block}.{'excitation' if part == '1' else 'spatial'}.{rest}"
    return f"{block}.attention.{attention_key(rest)}"


def _inner_key(rest: str, *, noisy: bool) -> str:
    """Return the name in `_Block` of a tensor of its chain of doubling, blur, convolution, noise and norm."""
    place, _, entry = rest.partition(".")
    if place == "0":
        return entry.replace("net.", "up.")
    if place == "2":
        return f"convolution.{entry.removeprefix('1.')}"
    return "noise" if noisy and rest == "3.weight" else f"norm.{entry}"


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _is_generator(state):
        raise CheckpointError("is no lightweight-gan generator")
    _check_version(config.get(VERSION))
    with rebuilding("a lightweight-gan", state):
        module = LightweightGenerator(state)
        module.load_state_dict(_renamed(state))
    channels, size = module.out_conv.out_channels, 4 << len(module.layers)
    return Network(
        kind="generator",
        module=eval_mode(module),
        inputs=(GraphInput("z", ("batch", module.z_dim)), *_noise_inputs(module)),
        outputs=("image",),
        facts={"z_dim": module.z_dim, "channels": picture_channels(channels), "width": size, "height": size},
        inferred=_told(module, size, channels),
    )


def _check_version(said: object) -> None:
    """Refuse the first versions of a layout that later ones read differently, which no tensor tells."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", str(said))
    if match is not None and (0, 12) <= tuple(map(int, match.groups())) < _FIRST_KNOWN:
        raise CheckpointError(
            f"was written by lightweight-gan {match[0]}, which normalises its first map in another way",
            fix="load it with version 0.12.6 of that package, or train on with it, and save it there",
        )


def _noise_inputs(module: LightweightGenerator) -> tuple[GraphInput, ...]:
    random = torch.Generator().manual_seed(0)
    sides = [8 << index for index, block in enumerate(module.blocks) if block.noise is not None]
    maps = [torch.randn(1, 1, side, side, generator=random) for side in sides]
    if not maps:
        return ()
    return (
        *(GraphInput(f"noise_{i}", ("rows", *noise.shape[1:]), noise) for i, noise in enumerate(maps)),
        GraphInput("noise_strength", (), torch.tensor(1.0)),
    )


def _told(module: LightweightGenerator, size: int, channels: int) -> tuple[HyperParameter, ...]:
    blocks = module.blocks
    sides = {
        name: [str(4 << i) for i, block in enumerate(blocks) if getattr(block, name) is not None]
        for name in ("attention", "excitation", "spatial", "noise")
    }
    drawn = HyperParameter(name="noise", value="one fixed draw of seed 0", origin="default")
    rows: tuple[tuple[str, str | int], ...] = (
        ("latent size", module.z_dim),
        ("picture side", size),
        ("channels", channels),
        ("attention at", ", ".join(sides["attention"]) or "none"),
        ("excitation at", ", ".join(sides["excitation"]) or "none"),
        ("spatial gates at", ", ".join(sides["spatial"]) or "none"),
        ("noise maps", len(sides["noise"])),
    )
    return (
        *(HyperParameter(name=name, value=value, origin="tensor") for name, value in rows),
        *((drawn,) if sides["noise"] else ()),
        HyperParameter(name="leaky slope", value=_LEAK, origin="default"),
    )


FAMILY = Family(
    id="lightweight-gan",
    title="lightweight-gan generator",
    kind="generator",
    licence=_LICENCE,
    detect=_is_generator,
    rebuild=_rebuild,
    signature=("initial_conv.0.weight", "initial_conv.1.running_mean", "layers.0.0.*.weight", "out_conv.weight"),
)
