"""What StyleGAN3's tensors tell only in part: margin, cutoff, taps of the filters (Karras et al. 2021, appendix C).

A pickle says them. For a state dict the sides of the layers and the first filter are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.lowpass import sinc_lowpass
from ganplugin.models.network import StateDict
from ganplugin.models.nvlabs import CLAMP, MAPPING_RATE, said_number
from ganplugin.models.setting import Setting

__all__ = ["SETTINGS", "LayerName", "Words", "factor_of", "words_of"]

_MARGIN: Final = Setting("margin_size", "margin around the picture in pixels", 10.0, least=0.0)
_SCALE: Final = Setting("output_scale", "scale of the output", 0.25, least=1e-6)
_CUTOFF: Final = Setting("first_cutoff", "cutoff of the input in cycles", 2.0, least=1e-6)
_FILTER_SIZE: Final = Setting("filter_size", "filter taps for each factor", 6, least=1)

SETTINGS: Final = (MAPPING_RATE, CLAMP, _MARGIN, _SCALE, _CUTOFF, _FILTER_SIZE)
"""What can be given with ``--set``."""

_FIRST_STOPBAND: Final = 2**2.1
"""The least stopband of the first layer in cycles. It is felt in pictures of 8 pixels alone."""

_OVERSAMPLING: Final = 2
"""The factor of the leaky ReLU in a layer that keeps its sampling rate, as the first one does."""

_FILTER_TOLERANCE: Final = 1e-4

LayerName = tuple[str, int]
"""A layer's name and the side of its maps."""


@dataclass(frozen=True)
class Words:
    """What tensors do not tell, or only in part."""

    clamp: HyperParameter
    margin: HyperParameter
    scale: HyperParameter
    cutoff: HyperParameter
    filter_size: HyperParameter

    @property
    def all(self) -> tuple[HyperParameter, ...]:
        """All of them."""
        return (self.clamp, self.margin, self.scale, self.cutoff, self.filter_size)


def words_of(state: StateDict, config: Mapping[str, object], names: tuple[LayerName, ...]) -> Words:
    """Return what was given, or said by the file, or follows from the layers' sides and filters, or is common.

    The first filter is designed again: if it differs, the cutoff or the margin is another than we think. Raises
    `CheckpointError` then, or if there is no such filter.
    """
    kwargs = config.get("_init_kwargs")
    known = {**kwargs, **config} if isinstance(kwargs, Mapping) else config
    first = f"synthesis.{names[0][0]}"
    taps = state.get(f"{first}.up_filter")
    if taps is None or taps.ndim != 1:
        raise CheckpointError("lacks the filter of its first layer")
    margin, filter_size = _margin(config, names), _filter_size(known, taps, first)
    rate = names[0][1] - 2 * float(margin.value)
    cutoff = _cutoff(known, taps, rate, factor_of(taps, int(filter_size.value)))
    return Words(
        clamp=said_number(CLAMP, config, first, "conv_clamp"),
        margin=margin,
        scale=said_number(_SCALE, config, "synthesis", "output_scale"),
        cutoff=cutoff,
        filter_size=filter_size,
    )


def _margin(config: Mapping[str, object], names: tuple[LayerName, ...]) -> HyperParameter:
    """Sides are a sampling rate, which is a power of two, and the margin twice; the last two are the picture's."""
    found = said_number(_MARGIN, config, "synthesis", "margin_size")
    if found.origin != "default":
        return found
    sides = [side for _, side in names[:-2]]
    fitting = [margin for margin in range(min(sides, default=0) // 2) if all(_is_rate(s - 2 * margin) for s in sides)]
    if not fitting or found.value in fitting:
        return found
    return HyperParameter(name=found.name, value=float(fitting[0]), origin="tensor")


def _is_rate(value: int) -> bool:
    """Tell whether a sampling rate is a power of two that can hold the common cutoff."""
    return value > 2 * float(_CUTOFF.default) and value & (value - 1) == 0


def _filter_size(known: Mapping[str, object], taps: Tensor, first: str) -> HyperParameter:
    found = _FILTER_SIZE.read(known)
    if found.origin != "default":
        return found
    modules = known.get("modules")
    said = modules.get(first) if isinstance(modules, Mapping) else None
    factor = said.get("up_factor") if isinstance(said, Mapping) else None
    if isinstance(factor, int) and factor > 0 and len(taps) % factor == 0:
        return HyperParameter(name=found.name, value=len(taps) // factor, origin="metadata")
    if not len(taps) or len(taps) % _OVERSAMPLING:
        return found
    return HyperParameter(name=found.name, value=len(taps) // _OVERSAMPLING, origin="tensor")


def factor_of(taps: Tensor, filter_size: int) -> int:
    """Return by how much a layer's filter, [taps] or [taps, taps], resamples. Raises `CheckpointError` if none fits."""
    if taps.ndim not in (1, 2) or len(set(taps.shape)) != 1:
        raise CheckpointError("has a filter that is not square")
    if not len(taps) or len(taps) % filter_size:
        raise CheckpointError(
            f"has a filter of {len(taps)} taps, which is no multiple of {filter_size}", fix="give --set filter_size=N"
        )
    return len(taps) // filter_size


def _cutoff(known: Mapping[str, object], taps: Tensor, rate: float, factor: int) -> HyperParameter:
    found = _CUTOFF.read(known)
    if rate / 2 <= (float(found.value) if found.origin == "option" else 0):
        raise CheckpointError("has a first layer that is too small for its margin", fix="give --set margin_size=N")
    if _misfit(taps, float(found.value), rate, factor) <= _FILTER_TOLERANCE:
        return found
    best = _nearest_cutoff(taps, rate, factor)
    if found.origin == "option" or _misfit(taps, best, rate, factor) > _FILTER_TOLERANCE:
        raise CheckpointError(
            "was trained with other filters than StyleGAN3's common ones",
            fix="give --set first_cutoff=X, --set margin_size=N or --set filter_size=N as in its training options",
        )
    return HyperParameter(name=found.name, value=best, origin="tensor")


def _misfit(taps: Tensor, cutoff: float, rate: float, factor: int) -> float:
    """By how much the first filter differs from one that is designed for a cutoff in cycles."""
    half_width = max(_FIRST_STOPBAND, rate / 2) - cutoff
    designed = sinc_lowpass(len(taps), cutoff, 2 * half_width, rate * factor)
    return float((designed - taps).abs().max())


def _nearest_cutoff(taps: Tensor, rate: float, factor: int) -> float:
    """The cutoff whose filter differs least, found by trying ever closer ones."""
    best, step = rate / 4, rate / 4
    for _ in range(8):
        tried = [best + step * place / 8 for place in range(-7, 8)]
        best = min(tried, key=lambda cutoff: _misfit(taps, cutoff, rate, factor))
        step /= 6
    return round(best, 3)
