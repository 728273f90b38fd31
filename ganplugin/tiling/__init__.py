"""Style networks run over pictures of any size in bounded memory: stage by stage, tile by tile, without a difference.

A network is cut wherever it looks at the whole picture (`graph`), into stages (`stages`) that are small networks of
their own (`segments`). A stage runs over the picture in windows, each as if it were a picture; what lies nearer to a
window's edge than the stage looks is thrown away (`operators`, `windows`). Statistics are gathered over all tiles
(`statistics`), and the feature maps that later stages need wait in files (`scratch`).
"""

from __future__ import annotations

from ganplugin.tiling.maps import Uncuttable
from ganplugin.tiling.painter import Run, TilePainter

__all__ = ["Run", "TilePainter", "Uncuttable"]
