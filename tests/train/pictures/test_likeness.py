from __future__ import annotations

import io

import numpy as np
from PIL import Image

from ganplugin.train.pictures.likeness import groups_of, thumbnails


def scene(seed: int, side: int = 64) -> np.ndarray:
    """A smooth picture, uint8 [3, side, side]."""
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return np.asarray(Image.fromarray(rough).resize((side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1)


def test_a_thumbnail_is_the_mean_of_each_area():
    picture = np.arange(32 * 32, dtype=np.float32).reshape(1, 1, 32, 32) % 251
    small = thumbnails(picture.astype(np.uint8))
    expected = picture.reshape(16, 2, 16, 2).mean(axis=(1, 3))
    assert small.shape == (1, 16, 16, 3)
    assert np.abs(small[0, ..., 0] - expected).max() <= 0.5


def test_pictures_smaller_than_a_thumbnail_and_transparent_ones_have_one():
    clear = np.zeros((1, 4, 5, 3), np.uint8)
    assert (thumbnails(clear) == 255).all()


def test_saved_again_made_smaller_or_brighter_is_nearly_the_same():
    pictures = [scene(seed) for seed in range(12)]
    stream = io.BytesIO()
    Image.fromarray(pictures[0].transpose(1, 2, 0)).save(stream, "JPEG", quality=70)
    again = np.asarray(Image.open(stream)).transpose(2, 0, 1)
    smaller = np.asarray(Image.fromarray(pictures[1].transpose(1, 2, 0)).resize((40, 40))).transpose(2, 0, 1)
    brighter = np.minimum(pictures[2].astype(int) + 3, 255).astype(np.uint8)
    thumbs = np.concatenate([thumbnails(picture[None]) for picture in [*pictures, again, smaller, brighter]])
    assert groups_of(thumbs).tolist() == [*range(12), 0, 1, 2]


def test_other_pictures_are_not():
    mirrored = scene(0)[:, :, ::-1]
    shades = [np.full((3, 8, 8), level, np.uint8) for level in (0, 60, 120, 255)]
    thumbs = np.concatenate([thumbnails(np.ascontiguousarray(x)[None]) for x in (scene(0), mirrored, *shades)])
    assert groups_of(thumbs).tolist() == list(range(6))


def test_likeness_is_handed_on():
    shades = np.stack([np.full((3, 8, 8), 100 + 3 * step, np.uint8) for step in range(5)])
    assert groups_of(thumbnails(shades[::-1])).tolist() == [0] * 5
