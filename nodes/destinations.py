"""Which files a node writes, and what becomes of those that are in the way."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from itertools import count
from pathlib import Path

from ganplugin.files import existing, os_errors
from ganplugin.nodes.context import Existing

__all__ = ["free_path", "holds"]


def free_path(path: Path, policy: Existing, *, overwrite: bool, planned: Container[Path] = ()) -> Path:
    """Return the file to write for ``path``: itself, or with a number behind its name where the policy says so.

    A numbered name is none of those that are ``planned`` for others.
    Raises `FileError` if it exists and may be neither replaced nor numbered.
    """
    if overwrite:
        return path
    if policy == "number" and _is_taken(path):
        return next(other for other in _numbered(path) if not (_is_taken(other) or other in planned))
    existing((path,))
    return path


def _is_taken(path: Path) -> bool:
    with os_errors(path):
        return path.is_symlink() or path.exists()


def _numbered(path: Path) -> Iterator[Path]:
    """Yield the path with -2, -3 … behind its stem."""
    return (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))


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
