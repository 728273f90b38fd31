"""From the pixels of a piece to its files."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ganplugin.images import encode_picture
from ganplugin.levels import from_uint8
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.save_video import SaveVideo
from ganplugin.nodes.values import Images, Origin, RenderBoth, joined_origin
from ganplugin.provenance import Enlarge
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
        written = []
        for name in names:
            output = self.outputs[name.output]
            pixels = resize_levels(levels, name.size, output.enlarge) if name.size else levels
            text = provenance_text(origin, name.format, _piece_text(piece), name.size, output.enlarge)
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
        shown = replace(frames, render=_resized(frames, name.size, output.enlarge)) if name.size else frames
        with self.storage.film(name.path) as place:
            request = SaveVideo(images=shown, path=str(place), fps=output.fps, overwrite=True)
            origin = joined_origin(frames.origins(), request.recipe(), "film")
            text = provenance_text(origin, name.format, _piece_text(piece))
            request.write(place, text, context)
            digest, size = _digest_and_size(place)
        height, width = shown[0].shape[:2]
        return WrittenFile(path=name.path, sha256=digest, bytes=size, width=width, height=height)


@dataclass(frozen=True, eq=False)
class _Resized:
    """The frames of a film at another size, by way of the levels that they have on disk."""

    frames: Images
    side: int
    enlarge: Enlarge

    def render(self, start: int, stop: int) -> list[NDArray[np.float32]]:
        """Return frames as floats."""
        return [from_uint8(frame) for frame in self.levels(start, stop)]

    def levels(self, start: int, stop: int) -> list[NDArray[np.uint8]]:
        """Return frames as levels."""
        return [resize_levels(frame, self.side, self.enlarge) for frame in self.frames.levels(start, stop)]


def _resized(frames: Images, side: int, enlarge: Enlarge) -> RenderBoth:
    resized = _Resized(frames, side, enlarge)
    return RenderBoth(resized.render, resized.levels)


def _piece_text(piece: Piece) -> dict[str, str]:
    """Return what a file says of its place in the series."""
    return {"series": json.dumps({"piece": piece.index, "traits": dict(piece.traits)}, ensure_ascii=False)}


def _record(path: str, data: bytes, pixels: NDArray[np.uint8]) -> WrittenFile:
    height, width = pixels.shape[:2]
    return WrittenFile(path=path, sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), width=width, height=height)


def _digest_and_size(path: Path) -> tuple[str, int]:
    from ganplugin.files import file_digest

    return file_digest(path), path.stat().st_size
