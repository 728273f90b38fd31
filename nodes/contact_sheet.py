"""Many pictures on one sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, Origin, joined_origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ContactSheetOutputs(NodeOutputs):
    """One picture: the sheet."""

    images: Images


class ContactSheet(Node):
    """Lay pictures out in a grid with even gaps, each whole and in its own proportions."""

    id: ClassVar[str] = "GanPluginContactSheet"
    title: ClassVar[str] = "Contact Sheet"
    Outputs: ClassVar[type[NodeOutputs]] = ContactSheetOutputs

    images: Images = Field(description="pictures to lay out, in reading order")
    columns: int = Field(default=0, ge=0, le=1000, description="pictures a row; 0 makes the sheet nearly square")
    captions: bool = Field(default=False, description="write the name below each picture")
    cell: int = Field(default=0, ge=0, le=4096, description="longest side of a picture in pixels; 0 chooses")

    def run(self, context: Context) -> ContactSheetOutputs:
        """Lay the sheet out when it is looked at."""

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            from ganplugin.sheets import contact_sheet

            pictures = list(context.track(self.images, "Sheet", len(self.images)))
            names = [origin.name for origin in self.images.origins()] if self.captions else None
            return [contact_sheet(pictures, columns=self.columns, cell=self.cell or None, labels=names)]

        recipe = self.recipe()

        def origin(index: int) -> Origin:
            return joined_origin(self.images.origins(), recipe, "sheet")

        return ContactSheetOutputs(images=Images(1 if len(self.images) else 0, render, origin, recipe))
