"""Where models are: builtins, files, and folders of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ganplugin.builtin import builtin_file, catalog
from ganplugin.errors import FileError, InputError
from ganplugin.files import os_errors
from ganplugin.registry import did_you_mean

__all__ = ["ModelReference", "model_folders", "portable_name", "resolve_model", "split_style"]

BUILTIN_PREFIX = "builtin:"
CHECKPOINT_SUFFIXES = frozenset({".pt", ".pth", ".pkl", ".ckpt", ".safetensors", ".tar", ".bin"})


@dataclass(frozen=True)
class ModelReference:
    """A model file on disk, the name that recipes call it by, and the style chosen in it, if any."""

    path: Path
    name: str
    style: str | None = None
    sha256: str | None = None


def model_folders() -> tuple[Path, ...]:
    """Return the folders that are searched for model files, once each: here, ``models``, and ``$GANPLUGIN_MODELS``."""
    extra = [Path(entry) for entry in os.environ.get("GANPLUGIN_MODELS", "").split(os.pathsep) if entry]
    unique: dict[Path, Path] = {}
    for folder in (Path(), Path("models"), *extra):
        unique.setdefault(folder.resolve(), folder)
    return tuple(unique.values())


def resolve_model(text: str, folders: tuple[Path, ...] = ()) -> ModelReference:
    """Find the model that ``text`` names: ``builtin:NAME``, a path, or either with ``#STYLE``.

    A relative path is looked for in ``folders``, then in those of `model_folders`. A file whose own name holds a ``#``
    comes before a style. Raises `InputError` for an unknown builtin (with the nearest name) or a checkpoint that is not
    exported yet, and `FileError` if there is no such file.
    """
    if text.startswith(BUILTIN_PREFIX):
        return _resolve_builtin(text)
    whole = _search(text, folders)
    bare, style = (text, "") if whole is not None else split_style(text)
    path = whole or _search(bare, folders) or _missing(bare)
    if path.suffix.lower() in CHECKPOINT_SUFFIXES:
        raise InputError("is a checkpoint, not a model file", where=text, fix=f"run: ganplugin export {bare}")
    home = next((folder for folder in folders if path.is_relative_to(folder)), None)
    return ModelReference(path, portable_name(path, home) + (f"#{style}" if style else ""), style or None)


def split_style(name: str) -> tuple[str, str]:
    """Split ``NAME#STYLE`` at its last ``#``; the style is empty if there is none."""
    bare, sign, style = name.rpartition("#")
    return (bare, style) if sign else (name, "")


def _resolve_builtin(text: str) -> ModelReference:
    name, style = split_style(text.removeprefix(BUILTIN_PREFIX))
    known = catalog()
    if name not in known:
        raise InputError(f"there is no builtin model {name!r}", where=text, fix=did_you_mean(name, known))
    entry = known[name]
    return ModelReference(builtin_file(entry), text, style or entry.style, entry.sha256)


def _search(bare: str, first: tuple[Path, ...]) -> Path | None:
    if not bare:
        return None
    folders = (Path(),) if Path(bare).is_absolute() else (*first, *model_folders())
    for folder in folders:
        path = folder / bare
        with os_errors(path):
            if path.is_file():
                return path
    return None


def _missing(bare: str) -> NoReturn:
    if bare == "":
        raise InputError("no model is named", where="model", fix="name a file or builtin:NAME; see: ganplugin models")
    if Path(bare).is_dir():
        raise FileError("is a folder, not a model file", where=bare, fix="name an .onnx file in it")
    hint = did_you_mean(bare, catalog()) if "/" not in bare and "." not in bare else "check the path"
    fix = hint.replace("did you mean '", f"did you mean '{BUILTIN_PREFIX}") if "did you" in hint else hint
    raise FileError(
        "there is no such model file", where=bare, fix=fix if "known" not in fix else "see: ganplugin models"
    )


def portable_name(path: Path, home: Path | None = None) -> str:
    """Name a file without giving away folders outside ``home`` (the working folder if None); links keep their names.

    Bytes that are no UTF-8 are replaced, so that the name can be written anywhere.
    """
    here = (home or Path.cwd()).resolve()
    whole = path.parent.resolve() / path.name
    name = whole.relative_to(here).as_posix() if whole.is_relative_to(here) else path.name
    return name.encode(errors="surrogateescape").decode(errors="replace")


def builtin_styles() -> tuple[str, ...]:
    """Return the references of the embedded styles, each one painting."""
    return tuple(f"{BUILTIN_PREFIX}{name}" for name, entry in catalog().items() if entry.style is not None)


def find_model_files() -> tuple[Path, ...]:
    """Return the ``.onnx`` files in the folders that `resolve_model` searches, by name."""
    return tuple(sorted(path for folder in model_folders() if folder.is_dir() for path in folder.glob("*.onnx")))
