"""The demonstration: a list of ordinary commands on builtin models, and the photograph that they paint."""

from __future__ import annotations

from pathlib import Path

from ganplugin.builtin import catalog, demo_photo
from ganplugin.files import atomic_write
from ganplugin.library import builtin_styles

__all__ = ["demo_commands", "write_photo"]


def write_photo(folder: Path, *, overwrite: bool) -> Path:
    """Copy the embedded photograph into the folder and return its path. Raises `FileError` if one is there."""
    source = demo_photo()
    path = folder / source.name
    with atomic_write(path, overwrite=overwrite) as part:
        part.write_bytes(source.read_bytes())
    return path


def demo_commands(folder: Path, photo: Path, film_suffix: str) -> list[list[str]]:
    """Return the demonstration as arguments of ``ganplugin``, one list a command.

    Samples with a contact sheet and a seamless film from each generator, the photo in each style, and all styles on
    one sheet.
    """
    generators = [name for name, entry in catalog().items() if entry.kind == "generator"]
    return [
        *(_sample(name, folder) for name in generators),
        *(_walk(name, folder, film_suffix) for name in generators),
        *(_style(style, photo, folder) for style in builtin_styles()),
        ["sheet", str(photo), "--captions", "--columns", "4", "--out", str(folder)],
    ]


def _sample(name: str, folder: Path) -> list[str]:
    return ["sample", f"builtin:{name}", "--seeds", "0-15", "--sheet", "--out", str(folder / name)]


def _walk(name: str, folder: Path, suffix: str) -> list[str]:
    film = folder / f"{name}-walk{suffix}"
    return ["interpolate", f"builtin:{name}", "--frames", "150", "--scale", "4", "--out", str(film)]


def _style(style: str, photo: Path, folder: Path) -> list[str]:
    return ["style", style, str(photo), "--out", str(folder / "styles")]
