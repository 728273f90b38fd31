"""Where tiles lie in a picture, and what part of a feature map lies under a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganplugin.tiling.maps import Map

__all__ = ["Span", "Window", "tiles"]


@dataclass(frozen=True)
class Span:
    """One side of a window: picture pixels ``start`` to ``stop``, along a side of ``whole``."""

    start: int
    stop: int
    whole: int

    def grown(self, before: int, after: int, align: int) -> Span:
        """Return the span with so many pixels more, where there are any, its ends on multiples of ``align``."""
        start = max(0, self.start - before) // align * align
        stop = -(-(self.stop + after) // align) * align
        return Span(start, min(self.whole, stop), self.whole)

    def under(self, side: int, stride: object) -> slice:
        """Return the part of a map's ``side`` that lies under the span."""
        first = int(self.start / stride)  # type: ignore[operator]
        return slice(first, side if self.stop == self.whole else int(self.stop / stride))  # type: ignore[operator]


@dataclass(frozen=True)
class Window:
    """A part of the picture."""

    rows: Span
    columns: Span

    def grown(self, before: int, after: int, align: int) -> Window:
        """Return the window with a margin; see `Span.grown`."""
        return Window(self.rows.grown(before, after, align), self.columns.grown(before, after, align))

    def under(self, found: Map) -> tuple[slice, slice]:
        """Return the rows and columns of a map that lie under the window."""
        return self.rows.under(found.height, found.stride), self.columns.under(found.width, found.stride)

    def inside(self, other: Window, found: Map) -> tuple[slice, slice]:
        """Return the rows and columns that this window takes of what a map has under the ``other``."""
        rows, columns = (
            slice(mine.start - its.start, mine.stop - its.start)
            for mine, its in zip(self.under(found), other.under(found), strict=True)
        )
        return rows, columns


def tiles(whole: tuple[int, int], sides: tuple[int, int], align: int) -> Iterator[Window]:
    """Yield the tiles of a picture, about ``sides`` (height, width) large, their corners on multiples of ``align``."""
    for rows in _spans(whole[0], max(align, sides[0]), align):
        for columns in _spans(whole[1], max(align, sides[1]), align):
            yield Window(rows, columns)


def _spans(whole: int, side: int, align: int) -> list[Span]:
    """Cut a side into equal parts: a last one of a few pixels would be all margin."""
    count = min(max(1, -(-whole // side)), max(1, whole // align))
    edges = [whole * index // count // align * align for index in range(count)]
    return [Span(start, stop, whole) for start, stop in zip(edges, [*edges[1:], whole], strict=True)]
