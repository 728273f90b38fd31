"""One picture brought to frames of the policy's size and channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ganplugin.errors import InputError
from ganplugin.train.pictures.policy import Policy

__all__ = ["check_policy", "cut", "cut_patches", "needed_size"]

Frames = NDArray[np.uint8]

_LANCZOS = Image.Resampling.LANCZOS
_PATCH_RANGE = 4.0


def check_policy(policy: Policy) -> None:
    """Raise `InputError` for a policy whose parts do not go together."""
    if policy.way == "patches" and not policy.count:
        raise InputError("patches need a number of them", fix="add --count 10000")
    if policy.way != "patches" and policy.count:
        raise InputError("--count is for patches", fix="add --policy patches")
    if policy.way == "pad" and policy.pad == "clear" and policy.channels != 4:
        raise InputError("only pictures with alpha can be clear at the border", fix="add --channels 4")


def needed_size(policy: Policy) -> tuple[int, int] | None:
    """Return the width and height that a decoder must at least give; None where every pixel counts."""
    return None if policy.way == "patches" else (policy.width, policy.height)


def cut(image: Image.Image, policy: Policy) -> Frames:
    """Return an RGB or RGBA picture whole or its middle, as uint8 [1, c, h, w]."""
    size = policy.width, policy.height
    laid = _laid(image, policy)
    if policy.way == "squash":
        return _planes(laid.resize(size, _LANCZOS), policy)
    if policy.way == "pad":
        return _planes(_padded(laid, policy), policy)
    return _planes(ImageOps.fit(laid, size, _LANCZOS), policy)


def cut_patches(image: Image.Image, policy: Policy, count: int, random: np.random.Generator) -> Frames:
    """Return ``count`` random pieces of a picture, uint8 [count, c, h, w].

    A piece has the policy's proportions; its side is log-uniform from the policy's size to four times that, or to
    what the picture has. Raises `InputError` for a picture that is smaller than the policy's size.
    """
    largest = min(image.width / policy.width, image.height / policy.height, _PATCH_RANGE)
    if largest < 1:
        raise InputError(f"{image.width} x {image.height} is too small for patches", fix="choose a smaller --size")
    laid = _laid(image, policy)
    # Pillow scales RGBA by way of this mode: once for the picture, not once for each piece.
    source = laid.convert("RGBa") if laid.mode == "RGBA" else laid
    return np.concatenate([_planes(_piece(source, largest, policy, random), policy) for _ in range(count)])


def _piece(source: Image.Image, largest: float, policy: Policy, random: np.random.Generator) -> Image.Image:
    scale = largest ** random.random()
    width, height = policy.width * scale, policy.height * scale
    left, top = random.random() * (source.width - width), random.random() * (source.height - height)
    box = left, top, min(left + width, source.width), min(top + height, source.height)
    piece = source.resize((policy.width, policy.height), _LANCZOS, box=box)
    return piece.convert("RGBA") if piece.mode == "RGBa" else piece


def _laid(image: Image.Image, policy: Policy) -> Image.Image:
    """Return the picture as RGBA if alpha is kept, else as RGB on the background."""
    if policy.channels == 4:
        return image.convert("RGBA")
    if image.mode != "RGBA":
        return image
    ground = Image.new("RGBA", image.size, (*policy.background, 255))
    ground.alpha_composite(image)
    return ground.convert("RGB")


def _padded(image: Image.Image, policy: Policy) -> Image.Image:
    scale = min(policy.width / image.width, policy.height / image.height)
    inside = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = image.resize(inside, _LANCZOS)
    left, top = (policy.width - small.width) // 2, (policy.height - small.height) // 2
    if policy.pad == "mirror":
        right, bottom = policy.width - small.width - left, policy.height - small.height - top
        return Image.fromarray(np.pad(np.asarray(small), ((top, bottom), (left, right), (0, 0)), mode="symmetric"))
    level = 255 if policy.pad == "white" else 0
    colour = (level,) * 3 if small.mode == "RGB" else (level, level, level, 0 if policy.pad == "clear" else 255)
    canvas = Image.new(small.mode, (policy.width, policy.height), colour)
    canvas.paste(small, (left, top))
    return canvas


def _planes(image: Image.Image, policy: Policy) -> Frames:
    pixels = np.asarray(image.convert("L") if policy.channels == 1 else image)
    if policy.channels == 1:
        return pixels[None, None]
    if policy.channels == 4:
        # What nobody sees should not be left to chance: a network would learn it.
        pixels = np.where(pixels[..., 3:] > 0, pixels, np.array([*policy.background, 0], np.uint8))
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
