"""State dicts at the widths that people train, with random weights, where the tests have narrow ones only."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor

from ganplugin.models.any_painting import AnyPainting
from ganplugin.models.vgg import VggFeatures
from ganplugin.train.arbitrary import ArbitraryOptions
from tests.models.states import Draw

__all__ = ["adain", "any_painting", "fastgan", "r3gan", "r3gan_scorer", "rosinality", "rosinality_scorer"]

State = dict[str, Tensor]

_KERNEL = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def _convolution(draw: Draw, name: str, after: int, before: int, kernel: int = 3) -> State:
    return {f"{name}.weight": draw.weight(after, before, kernel, kernel), f"{name}.bias": draw.normal(after)}


def fastgan(size: int, *, prefix: str = "", every_block_double: bool = False) -> State:
    """FastGAN of width 64 and latent 256; Projected GAN's under ``synthesis.`` with two convolutions in each block."""
    draw = Draw(1)
    width = {side: int(64 * factor) for side, factor in {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 0.5}.items()}
    state = {
        **draw.spectral("init.init.0", 256, 2 * width[4], 4, 4, axis=1),
        **draw.norm("init.init.1", 2 * width[4], 0.5),
    }
    sides = [side for side in width if 4 < side <= size]
    for side in sides:
        before, after, name = width[side // 2], width[side], f"feat_{side}"
        state |= draw.spectral(f"{name}.1", 2 * after, before, 3, 3)
        if every_block_double or side in (8, 32, 128):
            state |= {f"{name}.2.weight": draw.normal(1), **draw.norm(f"{name}.3", 2 * after, 0.5)}
            state |= draw.spectral(f"{name}.5", 2 * after, after, 3, 3)
            state |= {f"{name}.6.weight": draw.normal(1), **draw.norm(f"{name}.7", 2 * after, 0.5)}
        else:
            state |= draw.norm(f"{name}.2", 2 * after, 0.5)
    for side, small in {64: 4, 128: 8, 256: 16}.items():
        if side in sides:
            state |= draw.spectral(f"se_{side}.main.1", width[side], width[small], 4, 4)
            state |= draw.spectral(f"se_{side}.main.3", width[side], width[side], 1, 1)
    if not prefix:
        state |= draw.spectral("to_128", 3, width[128], 1, 1)
    state |= draw.spectral("to_big", 3, width[size], 3, 3, bias=bool(prefix))
    return {prefix + key: tensor for key, tensor in state.items()}


def r3gan(widths: tuple[int, ...] = (192, 192, 128, 96, 48)) -> State:
    """An R3GAN of one block a stage, expansion 2, from 4 pixels up; the latent has 64 values."""
    draw = Draw(2)
    state: State = {
        "MainLayers.0.Layers.0.Basis": draw.normal(widths[0], 4, 4, scale=1),
        "MainLayers.0.Layers.0.LinearLayer.weight": draw.weight(widths[0], 64),
    }
    for stage, width in enumerate(widths):
        if stage:
            state |= _r3gan_step(draw, f"MainLayers.{stage}.Layers.0", width, widths[stage - 1])
        state |= _r3gan_block(draw, f"MainLayers.{stage}.Layers.1", width)
    return state | {"AggregationLayer.Layer.weight": draw.weight(3, widths[-1], 1, 1) / 10}


def r3gan_scorer(widths: tuple[int, ...] = (48, 96, 128, 192, 192)) -> State:
    """The discriminator of `r3gan`, down to 4 pixels."""
    draw = Draw(5)
    state: State = {"ExtractionLayer.Layer.weight": draw.weight(widths[0], 3, 1, 1)}
    for stage, width in enumerate(widths):
        state |= _r3gan_block(draw, f"MainLayers.{stage}.Layers.0", width)
        if stage < len(widths) - 1:
            state |= _r3gan_step(draw, f"MainLayers.{stage}.Layers.1", widths[stage + 1], width)
    end = f"MainLayers.{len(widths) - 1}.Layers.1"
    basis = {f"{end}.Basis.weight": draw.weight(widths[-1], 1, 4, 4)}
    return state | basis | {f"{end}.LinearLayer.weight": draw.weight(1, widths[-1])}


def _r3gan_block(draw: Draw, name: str, width: int, group: int = 16) -> State:
    inner = 2 * width
    return {
        f"{name}.LinearLayer1.Layer.weight": draw.weight(inner, width, 1, 1),
        f"{name}.LinearLayer2.Layer.weight": draw.weight(inner, group, 3, 3),
        f"{name}.LinearLayer3.Layer.weight": draw.weight(width, inner, 1, 1) / 4,
        f"{name}.NonLinearity1.Bias": draw.normal(inner),
        f"{name}.NonLinearity2.Bias": draw.normal(inner),
    }


def _r3gan_step(draw: Draw, name: str, after: int, before: int) -> State:
    wider = {f"{name}.LinearLayer.Layer.weight": draw.weight(after, before, 1, 1)} if after != before else {}
    return {f"{name}.Resampler.Kernel": _KERNEL, **wider}


def rosinality(widths: tuple[int, ...], w_dim: int = 512, depth: int = 8) -> State:
    """A StyleGAN2 in rosinality's layout, ``widths`` from 4 pixels up."""
    draw, state = Draw(3), State()
    for index in range(1, depth + 1):
        state |= {
            f"style.{index}.weight": 100 * draw.normal(w_dim, w_dim, scale=1),
            f"style.{index}.bias": torch.zeros(w_dim),
        }
    state["input.input"] = draw.normal(1, widths[0], 4, 4, scale=1)

    def layer(name: str, after: int, before: int, kernel: int) -> None:
        state[f"{name}.conv.weight"] = draw.normal(1, after, before, kernel, kernel, scale=1)
        state[f"{name}.conv.modulation.weight"] = draw.normal(before, w_dim, scale=1)
        state[f"{name}.conv.modulation.bias"] = torch.ones(before)

    def styled(name: str, after: int, before: int) -> None:
        layer(name, after, before, 3)
        state[f"{name}.noise.weight"], state[f"{name}.activate.bias"] = draw.normal(1), draw.normal(after)

    def picture(name: str, before: int) -> None:
        layer(name, 3, before, 1)
        state[f"{name}.bias"] = draw.normal(1, 3, 1, 1)

    styled("conv1", widths[0], widths[0])
    picture("to_rgb1", widths[0])
    for stage, after in enumerate(widths[1:]):
        styled(f"convs.{2 * stage}", after, widths[stage])
        state[f"convs.{2 * stage}.conv.blur.kernel"] = 4 * _KERNEL
        styled(f"convs.{2 * stage + 1}", after, after)
        picture(f"to_rgbs.{stage}", after)
        state[f"to_rgbs.{stage}.upsample.kernel"] = 4 * _KERNEL
    sides = [4, *(8 << index // 2 for index in range(2 * (len(widths) - 1)))]
    return state | {f"noises.noise_{index}": draw.normal(1, 1, side, side) for index, side in enumerate(sides)}


def rosinality_scorer(widths: tuple[int, ...]) -> State:
    """The discriminator of `rosinality`, ``widths`` from the full size down to 4 pixels."""
    draw, last = Draw(6), widths[-1]
    state = _convolution(draw, "convs.0.0", widths[0], 3, 1)
    state["convs.0.1.bias"] = state.pop("convs.0.0.bias")
    for index, (before, after) in enumerate(pairwise(widths), start=1):
        name = f"convs.{index}"
        state |= {
            f"{name}.conv1.0.weight": draw.normal(before, before, 3, 3, scale=1),
            f"{name}.conv1.1.bias": draw.normal(before),
            f"{name}.conv2.0.kernel": _KERNEL,
            f"{name}.conv2.1.weight": draw.normal(after, before, 3, 3, scale=1),
            f"{name}.conv2.2.bias": draw.normal(after),
            f"{name}.skip.0.kernel": _KERNEL,
            f"{name}.skip.1.weight": draw.normal(after, before, 1, 1, scale=1),
        }
    return state | {
        "final_conv.0.weight": draw.normal(last, last + 1, 3, 3, scale=1),
        "final_conv.1.bias": draw.normal(last),
        "final_linear.0.weight": draw.normal(last, 16 * last, scale=1),
        "final_linear.0.bias": draw.normal(last),
        "final_linear.1.weight": draw.normal(1, last, scale=1),
        "final_linear.1.bias": draw.normal(1),
    }


_DECODER: Mapping[int, tuple[int, int]] = {
    1: (256, 512), 5: (256, 256), 8: (256, 256), 11: (256, 256), 14: (128, 256),
    18: (128, 128), 21: (64, 128), 25: (64, 64), 28: (3, 64),
}  # fmt: skip
_ENCODER: Mapping[int, tuple[int, int]] = {
    2: (64, 3), 5: (64, 64), 9: (128, 64), 12: (128, 128), 16: (256, 128),
    19: (256, 256), 22: (256, 256), 25: (256, 256), 29: (512, 256),
}  # fmt: skip


def adain() -> State:
    """AdaIN's decoder and its VGG encoder up to relu4_1, under the names of their roles."""
    draw = Draw(4)
    state = {"encoder.0.weight": torch.eye(3).view(3, 3, 1, 1), "encoder.0.bias": torch.zeros(3)}
    for role, places in (("decoder", _DECODER), ("encoder", _ENCODER)):
        for place, (after, before) in places.items():
            state |= _convolution(draw, f"{role}.{place}", after, before)
    return state


def any_painting() -> State:
    """Our own network for any painting, as it is trained, with the first two blocks of a VGG-16."""
    draw, options = Draw(1), ArbitraryOptions()
    eye = VggFeatures(
        [(draw.weight(after, before, 3, 3), draw.normal(after)) for before, after in pairwise((3, 64, 64, 128, 128))],
        mean=torch.full((3,), 0.5),
        std=torch.full((3,), 0.25),
        blocks=2,
    )
    return AnyPainting(options.network, eye, side=options.side, hidden=options.hidden).state_dict()
