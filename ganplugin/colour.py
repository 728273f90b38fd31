"""Give a stylised picture back the colours of the picture that it was made from.

All functions take float32 [h, w, 3] in 0..1, both pictures of one size, and return float32 [h, w, 3] in 0..1. They work
in bands of rows, so that a large picture needs no more memory than itself. ``into`` is where to put the result, which
may be the stylised picture itself; None makes a new one.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import InputError
from ganplugin.registry import did_you_mean
from ganplugin.sizing import row_bands

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


def preserve_colour(mode: ColourMode, stylised: Pixels, content: Pixels, *, into: Pixels | None = None) -> Pixels:
    """Return ``stylised`` with the colours of ``content``, by the way that ``mode`` names ("off" changes nothing).

    Raises `InputError` for an unknown mode or pictures of different sizes.
    """
    ways = {"luminance": keep_luminance_of, "statistics": match_statistics, "histogram": match_histogram}
    if mode == "off":
        return stylised
    if mode not in ways:
        raise InputError(f"there is no colour mode {mode!r}", fix=did_you_mean(mode, COLOUR_MODES))
    return ways[mode](stylised, content, into=into)


def keep_luminance_of(stylised: Pixels, content: Pixels, *, into: Pixels | None = None) -> Pixels:
    """Combine the brightness of ``stylised`` with the hue and chroma of ``content``.

    As Gatys et al. 2016 ("Preserving Color in Neural Artistic Style Transfer"), in YIQ. Where the sum would leave
    0..1, chroma is reduced and brightness and hue are kept.
    """
    result = _result(stylised, content, into)
    for rows in row_bands(stylised):
        result[rows] = _luminance_kept(stylised[rows], content[rows])
    return result


def _luminance_kept(stylised: Pixels, content: Pixels) -> Pixels:
    luminance = np.clip(stylised, 0, 1) @ _LUMA
    chroma = content - (content @ _LUMA)[..., None]
    # The largest factor for which luminance + factor * chroma stays within 0..1 in each channel.
    room = np.where(chroma > 0, 1 - luminance[..., None], luminance[..., None])
    factor = np.min(room / np.maximum(np.abs(chroma), 1e-6), axis=2, keepdims=True)
    return _clipped(luminance[..., None] + np.minimum(factor, 1) * chroma)


def match_statistics(stylised: Pixels, content: Pixels, *, into: Pixels | None = None) -> Pixels:
    """Map the colours of ``stylised`` linearly so that mean and covariance become those of ``content``.

    The linear Monge-Kantorovich map (Pitié and Kokaram 2007): of all such maps the one that moves colours least.
    """
    result = _result(stylised, content, into)
    (mean, spread), (wanted_mean, wanted_spread) = _statistics(stylised), _statistics(content)
    root, inverse = _power(spread, 0.5), _power(spread, -0.5)
    transport = inverse @ _power(root @ wanted_spread @ root, 0.5) @ inverse
    for rows in row_bands(stylised):
        mapped = (_colours(stylised[rows]) - mean) @ transport + wanted_mean
        result[rows] = _clipped(mapped.reshape(stylised[rows].shape))
    return result


def match_histogram(stylised: Pixels, content: Pixels, *, into: Pixels | None = None) -> Pixels:
    """Give each channel of ``stylised`` the distribution of values that it has in ``content``."""
    result = _result(stylised, content, into)
    edges = np.linspace(0, 1, _BINS + 1)
    # Interpolating in a distribution needs it strictly rising: empty bins get a share too small to see.
    rising = [
        [_cumulative(picture, channel, edges) + np.linspace(0, 1e-9, _BINS + 1) for picture in (stylised, content)]
        for channel in range(3)
    ]
    for rows in row_bands(stylised):
        channels = [_matched(stylised[rows][..., i], edges, *rising[i]) for i in range(3)]
        result[rows] = _clipped(np.stack(channels, axis=2))
    return result


def _matched(
    source: Pixels, edges: NDArray[np.float64], has: NDArray[np.float64], wants: NDArray[np.float64]
) -> NDArray[np.float64]:
    matched: NDArray[np.float64] = np.interp(np.interp(source, edges, has), wants, edges)
    return matched


def _cumulative(picture: Pixels, channel: int, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    values = (np.clip(picture[rows][..., channel], 0, 1) for rows in row_bands(picture))
    counts = np.sum([np.histogram(part, bins=edges)[0] for part in values], axis=0)
    total = picture.shape[0] * picture.shape[1]
    cumulative: NDArray[np.float64] = np.concatenate([[0.0], np.cumsum(counts) / max(total, 1)])
    return cumulative


def _colours(pixels: Pixels) -> NDArray[np.float64]:
    return pixels.reshape(-1, 3).astype(np.float64)


def _statistics(picture: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean [3] and covariance [3, 3] of a picture's colours."""
    total = picture.shape[0] * picture.shape[1]
    mean = np.sum([_colours(picture[rows]).sum(axis=0) for rows in row_bands(picture)], axis=0) / total
    centred = (_colours(picture[rows]) - mean for rows in row_bands(picture))
    spread = np.sum([part.T @ part for part in centred], axis=0)
    return mean, spread / total + _FLAT * np.eye(3)


def _power(symmetric: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(symmetric)
    powers: NDArray[np.float64] = (vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T
    return powers


def _clipped(pixels: NDArray[np.floating]) -> Pixels:
    clipped: Pixels = np.clip(pixels, 0, 1).astype(np.float32)
    return clipped


def _result(stylised: Pixels, content: Pixels, into: Pixels | None) -> Pixels:
    if stylised.ndim != 3 or stylised.shape[2] != 3 or stylised.shape != content.shape or 0 in stylised.shape:
        raise InputError(
            f"colours need two [h, w, 3] pictures of one size, not {list(stylised.shape)} and {list(content.shape)}"
        )
    return np.empty_like(stylised, np.float32) if into is None else into
