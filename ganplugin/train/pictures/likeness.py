"""Which pictures are nearly the same: found by a difference hash, confirmed on small thumbnails.

The hash is a dHash (N. Krawetz, "Kind of like that", 2013) of 128 bits: whether brightness rises from each of 8 x 8
places to the right (64 bits) and downwards (64 bits). A rise of less than 3 levels counts as none, so that flat
grounds do not flicker. Two pictures are nearly the same if at most `MOST_BITS` of their bits differ and their
thumbnails differ by at most `MOST_LEVELS` levels (of 255) on average. So a picture saved again, made smaller or a bit
brighter is found; one that is mirrored, turned or cut differently is not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BITS", "MOST_LEVELS", "SIDE", "groups_of", "thumbnails"]

SIDE = 16
"""Thumbnails have 16 x 16 pixels, RGB over white."""

MOST_BITS = 8
MOST_LEVELS = 3.0
_RISE = 3.0
_BLOCK = 1024
_PAIRS = 200_000
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

Thumbs = NDArray[np.uint8]
Groups = NDArray[np.int64]


def thumbnails(pictures: NDArray[np.uint8]) -> Thumbs:
    """Return uint8 [n, 16, 16, 3] of pictures [n, 1 | 3 | 4, h, w]: each pixel the mean of its area, over white."""
    count, channels, height, width = pictures.shape
    down, across = _areas(height, SIDE), _areas(width, SIDE)
    rgb = pictures[:, :3].astype(np.float32)
    if channels == 4:
        alpha = pictures[:, 3:].astype(np.float32) / 255
        rgb = np.asarray(rgb * alpha + 255 * (1 - alpha), np.float32)
    small = np.asarray(np.rint(down @ rgb @ across.T).clip(0, 255), np.uint8)
    coloured: Thumbs = np.broadcast_to(small, (count, 3, SIDE, SIDE))
    return np.asarray(coloured.transpose(0, 2, 3, 1), np.uint8)


def _areas(length: int, parts: int) -> NDArray[np.float32]:
    """Return the matrix [parts, length] that averages a line of pixels over equal parts of it."""
    edges = np.linspace(0, length, parts + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(overlap.clip(0) * parts / length, np.float32)


def groups_of(thumbs: Thumbs) -> Groups:
    """Return for each thumbnail the number of the first one that it is nearly the same as: its own if there is none.

    Likeness is handed on: where a is like b and b like c, all three are one group. Time grows with the square of the
    number of different pictures: a second for 20,000, half a minute for 100,000.
    """
    flat = np.ascontiguousarray(thumbs.reshape(len(thumbs), -1))
    _, first, back = np.unique(flat.view(f"V{flat.shape[1]}").ravel(), return_index=True, return_inverse=True)
    leaders = list(range(len(first)))
    for a, b in _like_pairs(flat[first]):
        _join(leaders, a, b)
    roots = np.array([_root(leaders, index) for index in range(len(first))], np.int64)
    lowest = np.full(len(first), len(thumbs), np.int64)
    np.minimum.at(lowest, roots, first)
    return np.asarray(lowest[roots][back.ravel()], np.int64)


def _like_pairs(flat: Thumbs) -> list[tuple[int, int]]:
    signs = _signs(flat)
    enough = signs.shape[1] - 2 * MOST_BITS
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(signs), _BLOCK):
        # Of signs, the product counts equal bits less different ones: a matrix product is the quickest way to it.
        agreement = signs[start : start + _BLOCK] @ signs[start:].T
        left, right = np.nonzero(np.triu(agreement >= enough, 1))
        for part in range(0, len(left), _PAIRS):
            a, b = left[part : part + _PAIRS] + start, right[part : part + _PAIRS] + start
            distance = np.abs(flat[a].astype(np.int16) - flat[b]).mean(axis=1)
            near = distance <= MOST_LEVELS
            pairs += zip(a[near].tolist(), b[near].tolist(), strict=True)
    return pairs


def _signs(flat: Thumbs) -> NDArray[np.float32]:
    """Return the hash of each thumbnail as 128 numbers -1 or 1."""
    grey = flat.reshape(-1, SIDE, SIDE, 3).astype(np.float32) @ _LUMA
    wide, tall = _areas(SIDE, 9), _areas(SIDE, 8)
    across = np.diff(tall @ grey @ wide.T, axis=2)
    down = np.diff(wide @ grey @ tall.T, axis=1)
    rises = np.concatenate([across.reshape(len(flat), -1), down.reshape(len(flat), -1)], axis=1)
    return np.asarray(np.where(rises >= _RISE, 1, -1), np.float32)


def _root(leaders: list[int], index: int) -> int:
    while leaders[index] != index:
        leaders[index] = leaders[leaders[index]]
        index = leaders[index]
    return index


def _join(leaders: list[int], a: int, b: int) -> None:
    a, b = _root(leaders, a), _root(leaders, b)
    leaders[max(a, b)] = min(a, b)
