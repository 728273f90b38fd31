"""What was decided of a foreign network before its graph is wrapped."""

from __future__ import annotations

from dataclasses import dataclass

from ganplugin.export.foreign import Foreign
from ganplugin.export.roles import Layout, Roles
from ganplugin.export.value_ranges import UNIT, ValueRange

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """``taken`` and ``given`` are the values for black and white that go in and come out.

    ``output_shape`` is that of one run, as the network returns it, and ``output_layout`` tells its axes (None for
    scores).
    """

    foreign: Foreign
    roles: Roles
    taken: ValueRange = UNIT
    given: ValueRange = UNIT
    output_shape: tuple[int, ...] = ()
    output_layout: Layout | None = None

    @property
    def output_picture(self) -> tuple[int, int, int]:
        """Channels, height and width of the pictures that come out."""
        _, *axes = self.output_shape
        if self.output_layout == "nhwc":
            axes = [axes[2], axes[0], axes[1]]
        channels, height, width = axes
        return channels, height, width
