"""Fine detail against real pictures: blur and checkerboards, which features of shrunk pictures hardly see.

A picture's brightness is split into frequencies; the mean power a band, in decibels, is laid beside that of real
pictures. After Durall et al. 2020 ("Watch your Up-Convolution"), who average over the angle.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.train.metrics.backbones.backbone import as_rgb

__all__ = ["BANDS", "band_levels", "lattice_level", "power_spectrum", "spectrum_distance"]

Power = NDArray[np.float64]

BANDS = 16
_LUMA = (0.299, 0.587, 0.114)
_ROUNDING = 1 / 12
_CORNER = 0.5 * 2**0.5
_FINE = 0.25
_NEARBY = 0.08
_LATTICE = tuple((v / 4, h / 4) for v in range(3) for h in range(3) if v or h)


def power_spectrum(levels: Tensor) -> Tensor:
    """Return the power of each frequency of each picture's brightness: [n, h, w], mean and borders removed.

    ``levels`` are uint8 [n, c, h, w]. A Hann window hides that the left border does not go on at the right one. The
    unit is squared levels a pixel: white noise of variance v has power v everywhere.
    """
    luma = (as_rgb(levels) * torch.tensor(_LUMA, device=levels.device).view(1, 3, 1, 1)).sum(1)
    height, width = luma.shape[1:]
    window = torch.outer(_hann(height), _hann(width)).to(luma)
    centred = luma - (luma * window).sum((1, 2), keepdim=True) / window.sum()
    power: Tensor = torch.fft.fft2(centred * window).abs().square() / window.square().sum()
    return power


def _hann(length: int) -> Tensor:
    return torch.hann_window(length + 2, periodic=False)[1:-1]


def _frequencies(power: Power) -> tuple[Power, Power]:
    """Return the vertical and the horizontal frequency of every entry, in periods a pixel, 0..0.5."""
    rows, columns = (np.abs(np.fft.fftfreq(length)) for length in power.shape)
    return np.broadcast_to(rows[:, None], power.shape), np.broadcast_to(columns[None], power.shape)


def band_levels(power: Power) -> tuple[Power, Power]:
    """Return the middle of each band (periods a pixel, up to the corner's 0.71) and its mean power in decibels.

    Bands without an entry, in small pictures, are left out. The rounding to 8 bits is the floor.
    """
    radius = np.hypot(*_frequencies(power))
    edges = np.linspace(0, _CORNER + 1e-9, BANDS + 1)
    band = np.where(radius > 0, np.searchsorted(edges, radius, side="right") - 1, -1)
    present = [index for index in range(BANDS) if (band == index).any()]
    levels = [_decibels(power[band == index].mean()) for index in present]
    return ((edges[:-1] + edges[1:]) / 2)[present], np.array(levels)


def lattice_level(power: Power) -> float:
    """Return by how many decibels patterns of period 2 and 4 stand out from what surrounds them.

    Upsampling leaves power just where both frequencies are multiples of 1/2 (a stride of 2) or of 1/4 (two of them),
    but not both 0: the strongest of these places against the median of its neighbourhood.
    """
    rows, columns = _frequencies(power)
    step = 0.5 / min(power.shape) + 1e-9
    excess = []
    for v, h in _LATTICE:
        away = np.maximum(np.abs(rows - v), np.abs(columns - h))
        around = (away > 3 * step) & (away <= _NEARBY + 3 * step)
        if (away <= step).any() and around.any():
            excess.append(_decibels(power[away <= step].mean()) - _decibels(np.median(power[around])))
    return max(excess, default=0.0)


def _decibels(power: float | np.floating) -> float:
    return float(10 * np.log10(power + _ROUNDING))


def spectrum_distance(made: Power, real: Power) -> dict[str, float]:
    """Compare two mean power spectra of equal shape.

    ``spectrum``: root mean square difference of the bands in dB, 0 if equal. ``sharpness``: mean difference of the
    bands finer than 4 pixels a period in dB, below 0 for blur, above 0 for grain. ``checkerboard``: by how many dB
    a lattice stands out more than in real pictures.
    """
    middle, made_levels = band_levels(made)
    difference = made_levels - band_levels(real)[1]
    return {
        "spectrum": float(np.sqrt(np.mean(np.square(difference)))),
        "sharpness": float(difference[middle > _FINE].mean()),
        "checkerboard": lattice_level(made) - lattice_level(real),
    }
