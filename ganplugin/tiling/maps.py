"""What is known of a feature map without computing it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["Map", "Reach", "Uncuttable"]


class Uncuttable(Exception):  # noqa: N818 - a fact about a network, which its caller tells in its own words
    """The network does something that tiles cannot follow; the text says what."""


@dataclass(frozen=True)
class Map:
    """A feature map of one whole picture: its size, and how many picture pixels lie between two of its pixels.

    Its shape is [1, channels, height, width], or, with ``rows``, that flattened to [1, rows, the rest].
    """

    channels: int
    height: int
    width: int
    stride: Fraction = Fraction(1)
    rows: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its tensor."""
        if not self.rows:
            return (1, self.channels, self.height, self.width)
        return (1, self.rows, self.channels * self.height * self.width // self.rows)

    @property
    def values_a_pixel(self) -> Fraction:
        """How many numbers it holds for each pixel of the picture."""
        return self.channels / (self.stride * self.stride)

    def covers(self, height: int, width: int) -> bool:
        """Tell whether it lies over a picture of this size, with neither a margin around nor one cut away."""
        sides = ((self.height, height), (self.width, width))
        return all(abs(side * self.stride - whole) < max(self.stride, Fraction(1)) for side, whole in sides)


@dataclass(frozen=True)
class Reach:
    """How far a pixel looks: pixel ``i`` needs the picture from ``stride * i + low`` up to ``stride * i + high``."""

    low: Fraction
    high: Fraction

    def grown(self, low: Fraction, high: Fraction) -> Reach:
        """Return the reach of what looks from ``low`` to ``high`` around pixels of this reach."""
        return Reach(self.low + low, self.high + high)

    def joined(self, other: Reach) -> Reach:
        """Return the reach of what depends on both."""
        return Reach(min(self.low, other.low), max(self.high, other.high))
