from __future__ import annotations

import builtins
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganplugin.errors import ImageError, InputError
from ganplugin.png import encode_png

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def noise(height: int, width: int, channels: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 2, 3, 4]), st.integers(0, 5))
def test_pillow_decodes_the_same_pixels(height: int, width: int, channels: int, seed: int) -> None:
    pixels = noise(height, width, channels, seed)
    with Image.open(io.BytesIO(encode_png(pixels, {}))) as image:
        image.load()
        assert image.mode == MODES[channels]
        assert np.array_equal(np.asarray(image).reshape(pixels.shape), pixels)
        assert image.info["srgb"] == 0


def test_rows_that_are_not_contiguous_are_encoded_alike() -> None:
    pixels = noise(9, 9, 3)
    assert encode_png(pixels[::-1, ::2], {}) == encode_png(np.ascontiguousarray(pixels[::-1, ::2]), {})


def test_bytes_are_deterministic_and_hold_no_time() -> None:
    pixels = noise(64, 64, 3)
    assert encode_png(pixels, {"a": "b"}) == encode_png(pixels.copy(), {"a": "b"})


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back(value: str) -> None:
    with Image.open(io.BytesIO(encode_png(noise(1, 1, 3), {"ganplugin": value}))) as image:
        assert image.info["ganplugin"] == value


def test_latin_text_is_text_and_other_text_is_international() -> None:
    assert b"tEXtkey\0caf\xe9" in encode_png(noise(1, 1, 1), {"key": "café"})
    assert b"iTXtkey\0\0\0\0\0" + "花".encode() in encode_png(noise(1, 1, 1), {"key": "花"})


@pytest.mark.parametrize("keyword", ["", " a", "a ", "a  b", "a\nb", "花", "k" * 80, "a\0b"])
def test_keywords_that_png_forbids_are_refused(keyword: str) -> None:
    with pytest.raises(InputError, match="keyword"):
        encode_png(noise(1, 1, 3), {keyword: "x"})


def test_nul_in_text_is_refused() -> None:
    with pytest.raises(InputError, match="NUL"):
        encode_png(noise(1, 1, 3), {"a": "x\0y"})


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 2, 3), np.float32),
        np.zeros((2, 2), np.uint8),
        np.zeros((2, 2, 5), np.uint8),
        np.zeros((0, 2, 3), np.uint8),
        np.zeros((2, 0, 3), np.uint8),
    ],
)
def test_other_shapes_and_types_are_refused(pixels: Any) -> None:
    with pytest.raises(ImageError):
        encode_png(pixels, {})


def test_without_isal_the_picture_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_isal(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("isal"):
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_isal)
    pixels = noise(16, 16, 4)
    data = encode_png(pixels, {"a": "b"})
    monkeypatch.undo()
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_a_smooth_picture_is_not_much_larger_than_pillows() -> None:
    ramp = np.linspace(0, 255, 256 * 256 * 3).reshape(256, 256, 3)
    pixels = np.clip(ramp + np.random.default_rng(0).normal(0, 1, ramp.shape), 0, 255).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    assert len(encode_png(pixels, {})) <= 1.25 * len(stream.getvalue())


@pytest.mark.skipif(shutil.which("pngcheck") is None, reason="pngcheck is not installed")
@pytest.mark.parametrize("channels", MODES)
def test_pngcheck_finds_no_fault(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(noise(33, 21, channels), {"ganplugin": "{}", "Title": "花 tree", "Empty": ""}))
    check = subprocess.run(["pngcheck", "-q", str(path)], capture_output=True)
    assert (check.returncode, check.stdout) == (0, b"")
