"""The models that people can pick in ComfyUI: the builtin ones, and the files in its folder ``models/ganplugin``."""

from __future__ import annotations

from pathlib import Path

from ganplugin.builtin import catalog
from ganplugin.errors import InputError
from ganplugin.library import BUILTIN_PREFIX, split_style
from ganplugin.registry import did_you_mean

__all__ = ["FOLDER", "check_model", "model_folders", "model_names", "problem_with", "register_folder"]

FOLDER = "ganplugin"


def register_folder() -> None:
    """Tell ComfyUI of the folder ``models/ganplugin``; folders that its user configured for it stay the first."""
    import folder_paths

    default = str(Path(folder_paths.models_dir) / FOLDER)
    configured, _ = folder_paths.folder_names_and_paths.get(FOLDER, ([], set()))
    folders = [*configured, *([] if default in configured else [default])]
    # add_model_folder_path would take files of any suffix.
    folder_paths.folder_names_and_paths[FOLDER] = (folders, {".onnx"})


def model_folders() -> tuple[Path, ...]:
    """Return the folders that hold the user's models."""
    import folder_paths

    return tuple(Path(folder) for folder in folder_paths.get_folder_paths(FOLDER))


def model_names() -> tuple[str, ...]:
    """Return every name that can be picked; ComfyUI asks again when its window is refreshed."""
    import folder_paths

    builtins = [f"{BUILTIN_PREFIX}{name}" for name in catalog()]
    return (*builtins, *folder_paths.get_filename_list(FOLDER))


def check_model(model: str) -> None:
    """Raise `InputError` for a name that cannot be picked, as one that comes over a link is first seen when it runs."""
    problem = problem_with(model)
    if problem is not None:
        raise InputError(problem, where="model")


def problem_with(model: str | None) -> str | None:
    """Return what is wrong with a picked name, or None; one style of a file may be named behind it, ``NAME#STYLE``.

    Only what can be picked may be loaded: a graph from elsewhere must not open other files of this machine.
    ComfyUI gives None for a name that comes over a link; `check_model` sees it later.
    """
    if model is None:
        return None
    known = model_names()
    if model in known or split_style(model)[0] in known:
        return None
    return f"there is no model {model!r} - {did_you_mean(model, list(known))}"
