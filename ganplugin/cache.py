"""Where files lie that can be made or fetched again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["assets_folder", "cache_folder"]


def cache_folder() -> Path:
    """Return the folder for files that can be made again: ``$GANPLUGIN_CACHE``, else the platform's cache folder."""
    named = os.environ.get("GANPLUGIN_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "ganplugin"


def assets_folder() -> Path:
    """Return the folder for pictures and weights that scripts/fetch_assets.py brings, one sub-folder an asset."""
    return cache_folder() / "assets"
