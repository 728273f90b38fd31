"""From the pixels of a piece to its files."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ganplugin.images import encode_picture
from ganplugin.nodes.provenance import Writing, provenance_text
from ganplugin.nodes.resized_levels import resized_levels
from ganplugin.nodes.save_video import SaveVideo
from ganplugin.nodes.values import Images, Origin, joined_origin
from ganplugin.provenance import SERIES_KEY
from ganplugin.series.entries import WrittenFile
from ganplugin.series.file import Output
from ganplugin.series.naming import FileName, thumbnail_path
from ganplugin.series.storage import Storage
from ganplugin.sizing import resize_levels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.nodes.context import Context
    from ganplugin.series.plan import Piece

__all__ = ["THUMBNAIL_SIDE", "Encoder"]

THUMBNAIL_SIDE: Final = 320
"""Longer side, in pixels, of the small pictures that the gallery shows."""


@dataclass(frozen=True)
class Encoder:
    """Writes pictures and films of pieces to one place."""

    outputs: tuple[Output, ...]
    storage: Storage

    def picture(
        self, levels: NDArray[np.uint8], origin: Origin, piece: Piece, names: tuple[FileName, ...], frame: int | None
    ) -> tuple[tuple[FileName, WrittenFile], ...]:
        """Write one picture, uint8 [h, w, c], under all its names; ``frame`` is its number where there are several.

        Raises `FileError` if it cannot be written, `ImageError` if a format cannot hold it.
        """
        written, sizes = [], {0: levels}
        for name in names:
            output = self.outputs[name.output]
            if name.size not in sizes:
                sizes[name.size] = resize_levels(levels, name.size, output.enlarge)
            pixels = sizes[name.size]
            writing = Writing(name.size, output.enlarge, output.quality if name.format == "jpg" else 95)
            text = provenance_text(origin, name.format, _piece_text(piece), writing)
            data = encode_picture(pixels, f".{name.format}", text=text, quality=output.quality)
            path = name.path if frame is None else name.sequence % frame
            self.storage.write(path, data)
            written.append((name, _record(path, data, pixels)))
        return tuple(written)

    def thumbnail(self, levels: NDArray[np.uint8], piece: Piece) -> WrittenFile:
        """Write the small picture of a piece."""
        from PIL import Image

        pixels = resize_levels(levels, min(THUMBNAIL_SIDE, max(levels.shape[:2])), "smooth")
        stream = io.BytesIO()
        Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(stream, "WEBP", quality=85, method=2)
        path = thumbnail_path(piece.index)
        self.storage.write(path, stream.getvalue())
        return _record(path, stream.getvalue(), pixels)

    def film(self, frames: Images, piece: Piece, name: FileName, context: Context) -> WrittenFile:
        """Write all pictures of a sequence as one film, frame by frame."""
        output = self.outputs[name.output]
        shown = resized_levels(frames, name.size, output.enlarge)
        with self.storage.film(name.path) as place:
            request = SaveVideo(images=shown, path=str(place), fps=output.fps, overwrite=True)
            origin = joined_origin(frames.origins(), request.recipe(), "film")
            text = provenance_text(origin, name.format, _piece_text(piece), Writing(name.size, output.enlarge))
            request.write(place, text, context)
            digest, size = _digest_and_size(place)
        height, width = shown[0].shape[:2]
        return WrittenFile(path=name.path, sha256=digest, bytes=size, width=width, height=height)


def _piece_text(piece: Piece) -> dict[str, str]:
    """Return what a file says of its place in the series."""
    return {SERIES_KEY: json.dumps({"piece": piece.index, "traits": dict(piece.traits)}, ensure_ascii=False)}


def _record(path: str, data: bytes, pixels: NDArray[np.uint8]) -> WrittenFile:
    height, width = pixels.shape[:2]
    return WrittenFile(path=path, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), width=width, height=height)


def _digest_and_size(path: Path) -> tuple[str, int]:
    from ganplugin.files import file_digest

    return file_digest(path), path.stat().st_size
