from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Maker = Callable[..., Path]


@pytest.fixture
def collection(tmp_path: Path) -> Maker:
    """Return a maker of folders of different pictures of noise."""

    def make(name: str, count: int = 12, size: tuple[int, int] = (40, 36), seed: int = 0) -> Path:
        place = tmp_path / name
        place.mkdir()
        random = np.random.default_rng([seed, len(name)])
        for index in range(count):
            pixels = random.integers(0, 256, (size[1], size[0], 3), np.uint8)
            Image.fromarray(pixels).save(place / f"{index:02d}.png")
        return place

    return make
