"""Give a stylised picture back the colours of the picture that it was made from.

All functions take float32 [h, w, 3] in 0..1, both pictures of one size, and return float32 [h, w, 3] in 0..1.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import InputError
from ganplugin.registry import did_you_mean

__all__ = [
    "COLOUR_MODES",
    "ColourMode",
    "keep_luminance_of",
    "match_histogram",
    "match_statistics",
    "preserve_colour",
]

Pixels = NDArray[np.float32]
ColourMode = Literal["off", "luminance", "statistics", "histogram"]

COLOUR_MODES: Final[tuple[ColourMode, ...]] = get_args(ColourMode)
"""The ways of `preserve_colour`, by name."""

_LUMA: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # Rec. 601, the Y of YIQ
_BINS: Final = 1024
_FLAT: Final = 1e-5  # added to variances: a flat picture has no covariance to invert


def preserve_colour(mode: ColourMode, stylised: Pixels, content: Pixels) -> Pixels:
    """Return ``stylised`` with the colours of ``content``, by the way that ``mode`` names ("off" changes nothing).

    Raises `InputError` for an unknown mode or pictures of different sizes.
    """
    ways = {"luminance": keep_luminance_of, "statistics": match_statistics, "histogram": match_histogram}
    if mode == "off":
        return stylised
    if mode not in ways:
        raise InputError(f"there is no colour mode {mode!r}", fix=did_you_mean(mode, COLOUR_MODES))
    return ways[mode](stylised, content)


def keep_luminance_of(stylised: Pixels, content: Pixels) -> Pixels:
    """Combine the brightness of ``stylised`` with the hue and chroma of ``content``.

    As Gatys et al. 2016 ("Preserving Color in Neural Artistic Style Transfer"), in YIQ. Where the sum would leave
    0..1, chroma is reduced and brightness and hue are kept.
    """
    _check_sizes(stylised, content)
    luminance = np.clip(stylised, 0, 1) @ _LUMA
    chroma = content - (content @ _LUMA)[..., None]
    # The largest factor for which luminance + factor * chroma stays within 0..1 in each channel.
    room = np.where(chroma > 0, 1 - luminance[..., None], luminance[..., None])
    factor = np.min(room / np.maximum(np.abs(chroma), 1e-6), axis=2, keepdims=True)
    return _clipped(luminance[..., None] + np.minimum(factor, 1) * chroma)


def match_statistics(stylised: Pixels, content: Pixels) -> Pixels:
    """Map the colours of ``stylised`` linearly so that mean and covariance become those of ``content``.

    The linear Monge-Kantorovich map (Pitié and Kokaram 2007): of all such maps the one that moves colours least.
    """
    _check_sizes(stylised, content)
    source, target = stylised.reshape(-1, 3).astype(np.float64), content.reshape(-1, 3).astype(np.float64)
    root = _power(_covariance(source), 0.5)
    inverse = _power(_covariance(source), -0.5)
    transport = inverse @ _power(root @ _covariance(target) @ root, 0.5) @ inverse
    mapped = (source - source.mean(axis=0)) @ transport + target.mean(axis=0)
    return _clipped(mapped.reshape(stylised.shape))


def match_histogram(stylised: Pixels, content: Pixels) -> Pixels:
    """Give each channel of ``stylised`` the distribution of values that it has in ``content``."""
    _check_sizes(stylised, content)
    channels = [_match_channel(stylised[..., i], content[..., i]) for i in range(3)]
    return _clipped(np.stack(channels, axis=2))


def _match_channel(source: Pixels, target: Pixels) -> NDArray[np.float64]:
    edges = np.linspace(0, 1, _BINS + 1)
    shares = [_cumulative(values, edges) for values in (source, target)]
    # Interpolating in a distribution needs it strictly rising: empty bins get a share too small to see.
    rising = [share + np.linspace(0, 1e-9, _BINS + 1) for share in shares]
    matched: NDArray[np.float64] = np.interp(np.interp(source, edges, rising[0]), rising[1], edges)
    return matched


def _cumulative(values: Pixels, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = np.histogram(np.clip(values, 0, 1), bins=edges)[0]
    cumulative: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(counts) / max(values.size, 1)])
    return cumulative


def _covariance(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = colours - colours.mean(axis=0)
    covariance: NDArray[np.float64] = centred.T @ centred / len(colours) + _FLAT * np.eye(3)
    return covariance


def _power(symmetric: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(symmetric)
    powers: NDArray[np.float64] = (vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T
    return powers


def _clipped(pixels: NDArray[np.floating]) -> Pixels:
    clipped: Pixels = np.clip(pixels, 0, 1).astype(np.float32)
    return clipped


def _check_sizes(stylised: Pixels, content: Pixels) -> None:
    if stylised.ndim != 3 or stylised.shape[2] != 3 or stylised.shape != content.shape or 0 in stylised.shape:
        raise InputError(
            f"colours need two [h, w, 3] pictures of one size, not {list(stylised.shape)} and {list(content.shape)}"
        )
