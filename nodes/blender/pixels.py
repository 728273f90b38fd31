"""The pixels of Blender's images as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["picture_of"]


def picture_of(values: NDArray[np.float32], *, linear: bool) -> NDArray[np.float32]:
    """Return what an image of Blender shows as a picture: float32 [h, w, 1 | 3 | 4], sRGB, 0..1, straight alpha.

    ``values`` are Blender's, [h, w, 1..4] with the bottom row first. Those of 8-bit images are such levels already;
    those of float images (``linear``) are linear Rec. 709 and multiplied by alpha. An alpha of ones is left out.
    """
    import numpy as np

    upright = values[::-1]
    colour, alpha = (upright[..., :3], upright[..., 3:]) if upright.shape[2] > 2 else (upright[..., :1], None)
    if alpha is None or not alpha.shape[2]:
        return np.ascontiguousarray(_encoded(colour) if linear else colour)
    alpha = np.clip(alpha, 0, 1)
    if linear:
        # In this order Blender does it too, when it saves such an image as a PNG.
        colour = np.divide(_encoded(colour), alpha, out=np.zeros_like(colour), where=alpha > 0)
    whole = np.concatenate([np.clip(colour, 0, 1), alpha], axis=2)
    return whole if alpha.min() < 1 else np.ascontiguousarray(whole[..., :3])


def _encoded(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return linear light as sRGB (IEC 61966-2-1), 0..1; NaN becomes black."""
    import numpy as np

    light = np.nan_to_num(np.clip(linear, 0, 1))
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return encoded.astype(np.float32)
