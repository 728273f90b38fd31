"""Film and sound files opened with suspicion: the container is told from the bytes, and no other file is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from ganplugin.errors import DependencyError, ImageError

if TYPE_CHECKING:
    import av

__all__ = ["av_errors", "container_of", "open_container", "require_av"]

_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
_TRANSPORT_PACKET: Final = 188


def require_av() -> None:
    """Raise `DependencyError` unless PyAV is installed."""
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            "films need PyAV", fix='pip install "ganplugin[video]", or write .webp or .gif'
        ) from error


def container_of(head: bytes, path: Path) -> str:
    """Return FFmpeg's name of the container that starts with these bytes.

    Playlists, which name other files and places on the network, are none of them.
    Raises `ImageError` if it is none that is read.
    """
    signs = {
        "mov": head[4:8] in _BOXES,
        "matroska": head[:4] == b"\x1a\x45\xdf\xa3",
        "avi": head[:4] == b"RIFF" and head[8:12] == b"AVI ",
        "mpegts": head[:1] == b"\x47" == head[_TRANSPORT_PACKET : _TRANSPORT_PACKET + 1],
        "wav": head[:4] == b"RIFF" and head[8:12] == b"WAVE",
        "flac": head[:4] == b"fLaC",
        "ogg": head[:4] == b"OggS",
        "mp3": head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"),
    }
    found = next((name for name, fits in signs.items() if fits), None)
    if found is None:
        raise ImageError("is no film, or is damaged", where=path, fix="use MP4, MOV, MKV, WebM, GIF, WebP or APNG")
    return found


def open_container(stream: BinaryIO, container_format: str) -> av.container.InputContainer:
    """Open a film or sound file for reading. Raises what PyAV raises; see `av_errors`."""
    require_av()
    import av

    # An open file, not its name: names can be playlists and addresses.
    return av.open(stream, "r", format=container_format, metadata_errors="replace")


@contextlib.contextmanager
def av_errors(where: object) -> Iterator[None]:
    """Turn what PyAV raises while it reads into an `ImageError` that names ``where``; an ``OSError`` passes."""
    require_av()
    import av

    try:
        yield
    except av.error.FFmpegError as error:
        reason = str(error.strerror).lower()
        raise ImageError(f"is damaged or cut short ({reason})", where=where, fix="get or export it again") from error
