"""Sample sheets: pictures of fixed latents or photos, side by side, so that progress can be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from ganplugin.files import atomic_write

__all__ = ["save_grid", "tile"]


def tile(images: Tensor, columns: int) -> Image.Image:
    """Return pictures [n, 1 | 3 | 4, h, w], 0..1, as one sheet with ``columns`` a row and 2 px of white between.

    What is clear is white.
    """
    images = _shown(images)
    count, _, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 2) - 2, columns * (width + 2) - 2, 3), 255, np.uint8)
    pixels = (images.detach().float().cpu().clamp(0, 1) * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    for index, picture in enumerate(pixels):
        top, left = index // columns * (height + 2), index % columns * (width + 2)
        sheet[top : top + height, left : left + width] = picture
    return Image.fromarray(sheet)


def _shown(images: Tensor) -> Tensor:
    """Return the pictures as colours, alpha over white."""
    if images.shape[1] == 4:
        alpha = images[:, 3:].clamp(0, 1)
        return images[:, :3] * alpha + (1 - alpha)
    return images.expand(-1, 3, -1, -1)


def save_grid(path: Path, images: Tensor, columns: int) -> None:
    """Write `tile` of the pictures as PNG, whole or not at all."""
    with atomic_write(path, overwrite=True) as part:
        tile(images, columns).save(part, format="PNG")
