"""The rate at which this machine multiplies matrices: the ceiling that convolutions are held against."""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["FLOP", "multiplication"]

_SIZE = 2048

FLOP = 2 * _SIZE**3
"""Floating point operations of one `multiplication`."""


def multiplication() -> Callable[[], object]:
    """Return an action that multiplies two square float32 matrices."""
    a, b = torch.rand(_SIZE, _SIZE), torch.rand(_SIZE, _SIZE)
    out = torch.empty(_SIZE, _SIZE)
    return lambda: torch.mm(a, b, out=out)
