"""What tells ComfyUI that a file behind a node has changed; it is stored in pictures, so that it holds no path."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganplugin.errors import GanPluginError
from ganplugin.nodes.base import Node
from ganplugin.nodes.comfyui.folders import host_folders
from ganplugin.nodes.latent_files import LoadLatents
from ganplugin.nodes.load_images import LoadImages
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.load_video import LoadVideo

__all__ = ["FINGERPRINTS"]

_LENGTH = 16


def _of_model(given: Mapping[str, Any]) -> str:
    from ganplugin.library import resolve_model
    from ganplugin.session_cache import model_digest

    try:
        found = resolve_model(str(given.get("model")), host_folders().models)
        return model_digest(found.path)[:_LENGTH]
    except GanPluginError as error:
        return _short(error.what)


def _of_files(given: Mapping[str, Any]) -> str:
    from ganplugin.nodes.load_images import found_files

    try:
        files = found_files(str(given.get("path")), host_folders().inputs)
        return _short(*(_state(path) for path, _ in files))
    except GanPluginError as error:
        return _short(error.what)


def _state(path: Path) -> str:
    stat = path.stat()
    return f"{path.name} {stat.st_size} {stat.st_mtime_ns}"


def _short(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:_LENGTH]


def _of_file(given: Mapping[str, Any]) -> str:
    places = [folder / str(given.get("path")) for folder in host_folders().inputs]
    return _short(*(_state(path) for path in places if path.is_file()))


FINGERPRINTS: dict[type[Node], Callable[[Mapping[str, Any]], str]] = {
    LoadModel: _of_model,
    LoadImages: _of_files,
    LoadLatents: _of_file,
    LoadVideo: _of_file,
}
"""Nodes that read files, with what changes when the file does."""
