"""What scripts/fetch_assets.py brings to this machine, where a command is not told what to use."""

from __future__ import annotations

from pathlib import Path

from ganplugin.cache import assets_folder
from ganplugin.errors import TrainingError

__all__ = ["find_photos"]


def find_photos() -> Path:
    """Return the folder of fetched photos. Raises `TrainingError` with the ways to get some if there is none."""
    photos = assets_folder() / "photos"
    if photos.is_dir():
        return photos
    raise TrainingError(
        "no photos to learn on were found on this machine",
        where="--photos",
        fix="name a folder of your own (50 or more are good), or run scripts/fetch_assets.py --only photos in a clone",
    )
