"""Many pictures on one sheet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, Origin, joined_origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_LARGEST_CELL = 512
_SMALLEST_CELL = 192
_PIXELS = 40_000_000  # of all cells together, well within what a picture may have


def _longest_side(count: int) -> int:
    """Return how large each of so many pictures may be, in pixels, where the user left it open."""
    return max(1, min(_LARGEST_CELL, math.isqrt(_PIXELS // count)))


class ContactSheetOutputs(NodeOutputs):
    """One picture: the sheet."""

    images: Images = Field(description="one picture: the sheet")


class ContactSheet(Node):
    """Lay pictures out in a grid with even gaps, each whole and in its own proportions."""

    id: ClassVar[str] = "GanPluginContactSheet"
    title: ClassVar[str] = "Contact Sheet"
    computes: ClassVar[bool] = True
    Outputs: ClassVar[type[NodeOutputs]] = ContactSheetOutputs

    images: Images = Field(description="pictures to lay out, in reading order")
    columns: int = Field(default=0, ge=0, le=1000, description="pictures a row; 0 makes the sheet nearly square")
    captions: bool = Field(default=False, description="write the name below each picture")
    cell: int = Field(default=0, ge=0, le=4096, description="longest side of a picture in pixels; 0 chooses")

    def run(self, context: Context) -> ContactSheetOutputs:
        """Lay the sheet out when it is looked at."""

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            from ganplugin.sheets import contact_sheet
            from ganplugin.sizing import fit_within

            longest = self.cell or _longest_side(len(self.images))
            tracked = context.track(self.images, "Sheet", len(self.images))
            # Shrunk as they come: a thousand large pictures do not fit in memory.
            pictures = [fit_within(picture, longest) for picture in tracked]
            names = [origin.name for origin in self.images.origins()] if self.captions else None
            cell = longest if self.cell or longest < _SMALLEST_CELL else None
            return [contact_sheet(pictures, columns=self.columns, cell=cell, labels=names)]

        recipe = self.recipe()

        def origin(index: int) -> Origin:
            return joined_origin(self.images.origins(), recipe, "sheet")

        return ContactSheetOutputs(images=Images(1 if len(self.images) else 0, render, origin, recipe))
