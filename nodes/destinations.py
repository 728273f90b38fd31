"""Which files a node writes, and what becomes of those that are in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ganplugin.files import existing
from ganplugin.nodes.context import Existing

__all__ = ["free_path", "holds", "numbered"]


def free_path(path: Path, policy: Existing, *, overwrite: bool) -> Path:
    """Return the file to write for ``path``: itself, or with a number behind its name where the policy says so.

    Raises `FileError` if it exists and may be neither replaced nor numbered.
    """
    if overwrite:
        return path
    if policy == "number":
        return next(candidate for candidate in numbered(path) if not candidate.exists())
    existing((path,))
    return path


def numbered(path: Path) -> Iterator[Path]:
    """Yield the path, then the same with -2, -3 … behind its stem."""
    yield path
    number = 2
    while True:
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1


def holds(path: Path, text: Callable[[], Mapping[str, str]]) -> bool:
    """Tell whether ``path`` is a picture or film with the recipe of ``text``, and need not be made again."""
    from ganplugin.errors import GanPluginError
    from ganplugin.provenance import TEXT_KEY
    from ganplugin.video import read_video_text

    if not path.is_file():
        return False
    try:
        return read_video_text(path).get(TEXT_KEY) == text()[TEXT_KEY]
    except GanPluginError:
        return False
