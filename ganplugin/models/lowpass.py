"""Low-pass filters of StyleGAN3 (Karras et al. 2021, appendix C): Kaiser's window on an ideal filter.

They are stored in every file; designing them again tells whether a file was made with the settings that we think.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["jinc_lowpass", "sinc_lowpass"]


def _window(taps: int, width: float, rate: float) -> Tensor:
    """Kaiser's window (1974) for a transition band of ``width``, by his estimate of the attenuation in dB."""
    attenuation = 2.285 * (taps - 1) * math.pi * width / (rate / 2) + 7.95
    beta = 0.0
    if attenuation > 50:
        beta = 0.1102 * (attenuation - 8.7)
    elif attenuation > 21:
        beta = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    return torch.kaiser_window(taps, periodic=False, beta=beta, dtype=torch.float64)


def _times(taps: int) -> Tensor:
    """The taps' places in samples, centred on 0."""
    return torch.arange(taps, dtype=torch.float64) - (taps - 1) / 2


def sinc_lowpass(taps: int, cutoff: float, width: float, rate: float) -> Tensor:
    """Return a separable filter [taps] with the sum 1.

    ``cutoff`` is the middle and ``width`` the whole of the transition band, in the unit of the sampling ``rate``.
    """
    row = torch.sinc(2 * cutoff / rate * _times(taps)) * _window(taps, width, rate)
    return (row / row.sum()).float()


def jinc_lowpass(taps: int, cutoff: float, width: float, rate: float) -> Tensor:
    """Return the rotationally symmetric filter [taps, taps] with the sum 1, as `sinc_lowpass`. ``taps`` is even."""
    times = _times(taps) / rate
    radius = math.pi * torch.hypot(times[:, None], times[None, :])
    kernel: Tensor = torch.special.bessel_j1(2 * cutoff * radius) / radius
    window = _window(taps, width, rate)
    kernel = kernel * torch.outer(window, window)
    return (kernel / kernel.sum()).float()
