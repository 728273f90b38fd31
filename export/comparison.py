"""What was computed, held against what should have been: errors, 8-bit levels, PSNR, and signs of life."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ganplugin.errors import ExportError
from ganplugin.export.cases import Array
from ganplugin.manifest import Kind, Verification
from ganplugin.sessions import load_onnxruntime

__all__ = ["HALF", "SINGLE", "Bar", "Comparison"]


@dataclass(frozen=True)
class Bar:
    """How near is near enough.

    ``error`` bounds differences of pictures (0..1), ``relative`` those of w and scores in parts of the largest value,
    ``psnr`` the pictures' peak signal-to-noise ratio in dB from below.
    """

    error: float
    relative: float
    psnr: float = 0.0


SINGLE: Final = Bar(error=1e-4, relative=1e-4)
"""For files in single precision. An error of 1e-4 is at most one level of an 8-bit picture."""

HALF: Final = Bar(error=1.0, relative=2e-2, psnr=40.0)
"""For files that compute in half precision: pictures are judged as a whole."""

_FLAT: Final = 1e-4
_SAME: Final = 1e-6
_EXACT_PSNR: Final = 200.0


class Comparison:
    """Takes one result after the other, refuses the first that misses the bar, and keeps the figures.

    ``reference`` is what is compared with, in words.
    """

    def __init__(self, kind: Kind, bar: Bar, reference: str) -> None:
        self._kind, self._bar, self._reference = kind, bar, reference
        self._error, self._levels, self._psnr = 0.0, 0, _EXACT_PSNR
        self._spread, self._first, self._differs = 0.0, np.zeros(0, np.float32), False

    def add(self, label: str, name: str, found: Array, wanted: Array) -> None:
        """Compare one output on one case. Raises `ExportError` that says what differs, where, and by how much."""
        if found.shape != wanted.shape:
            raise ExportError(f"on {label}, {name} has the shape {found.shape} instead of {wanted.shape}")
        if not (np.isfinite(found).all() and np.isfinite(wanted).all()):
            raise ExportError(f"on {label}, {name} holds values that are not finite")
        error = float(np.abs(found - wanted).max(initial=0))
        if name == "image":
            self._add_pictures(label, found, wanted, error)
        else:
            error /= max(1.0, float(np.abs(wanted).max(initial=0)))
            self._demand(
                error <= self._bar.relative, label, name, f"{error:.2g} (at most {self._bar.relative:g} may be)"
            )
        self._error = max(self._error, error)
        self._look(name, found)

    def _add_pictures(self, label: str, found: Array, wanted: Array, error: float) -> None:
        self._demand(error <= self._bar.error, label, "image", f"{error:.2g} (at most {self._bar.error:g} may be)")
        psnr = min((_psnr(a, b) for a, b in zip(found, wanted, strict=True)), default=_EXACT_PSNR)
        self._demand(
            psnr >= self._bar.psnr, label, "image", f"a PSNR of {psnr:.1f} dB (at least {self._bar.psnr:g} must be)"
        )
        self._psnr = min(self._psnr, psnr)
        self._levels = max(self._levels, int(np.abs(_bytes(found) - _bytes(wanted)).max(initial=0)))

    def _demand(self, met: bool, label: str, name: str, figure: str) -> None:
        if not met:
            raise ExportError(f"on {label}, {name} differs from {self._reference} by {figure}")

    def _look(self, name: str, found: Array) -> None:
        """Remember whether rows vary within themselves and among each other."""
        if name not in ("image", "score"):
            return
        for row in found:
            self._spread = max(self._spread, float(np.ptp(row)))
            if self._first.size == 0:
                self._first = np.array(row)
            elif row.shape != self._first.shape or float(np.abs(row - self._first).max()) >= _SAME:
                self._differs = True

    def check_alive(self) -> None:
        """Raise `ExportError` if all results are alike: a constant equals its reference and is worth nothing."""
        if self._kind != "scorer" and self._spread < _FLAT:
            raise ExportError("its pictures are of one flat colour: the network is untrained or damaged")
        if not self._differs:
            raise ExportError("it returns the same for every input: the network is untrained or damaged")

    def verification(self, cases: int, reference: str) -> Verification:
        """Return the figures for the manifest. ``reference`` names the version of what was compared with."""
        pictured = self._kind != "scorer"
        return Verification(
            max_error=self._error,
            tolerance=self._bar.relative if self._bar.psnr else self._bar.error,
            levels=self._levels if pictured else None,
            psnr=round(self._psnr, 1) if pictured else None,
            cases=cases,
            runtime=str(load_onnxruntime().__version__),
            reference=reference,
        )


def _psnr(found: Array, wanted: Array) -> float:
    """Peak signal-to-noise ratio in dB of pictures whose peak is 1."""
    noise = float(np.mean(np.square(found.astype(np.float64) - wanted)))
    return _EXACT_PSNR if noise == 0 else min(_EXACT_PSNR, -10 * math.log10(noise))


def _bytes(pictures: Array) -> Array:
    levels: Array = np.rint(pictures.clip(0, 1) * 255)
    return levels
