from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def photo(seed: int, width: int = 24, height: int = 20) -> Image.Image:
    """A smooth coloured picture that is like no other."""
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two folders of pictures, a hidden file, a note, and one file that is no picture."""
    place = tmp_path / "pictures"
    for name, seeds in (("cats", range(4)), ("dogs", range(10, 13))):
        (place / name).mkdir(parents=True)
        for seed in seeds:
            photo(seed).save(place / name / f"{seed:02d}.png")
    (place / "cats" / ".hidden.png").write_bytes(b"")
    (place / "cats" / "note.txt").write_text("words")
    (place / "dogs" / "11.png").write_bytes(encoded(photo(11))[:60])
    return place
