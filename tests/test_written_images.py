from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ganplugin.errors import FileError, ImageError, InputError
from ganplugin.images import (
    decode_picture,
    encode_picture,
    from_uint8,
    read_picture,
    read_text,
    to_uint8,
    write_picture,
)

PROVENANCE = {"ganplugin": '{"seed":1}', "Ünïcode": "花 and café"}


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pixels_of(size: tuple[int, int, int], seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(seed).random(size, dtype=np.float32)


# --- rounding ---------------------------------------------------------------------------------------------------


def test_eight_bits_survive_the_way_there_and_back() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    assert np.array_equal(to_uint8(from_uint8(levels)), levels)


def test_rounding_is_half_to_even_after_clipping() -> None:
    values = np.array([-1, 0.5 / 255, 1.5 / 255, 2.5 / 255, 0.999, 2, np.inf, -np.inf], np.float64)
    assert to_uint8(values).tolist() == [0, 0, 2, 2, 255, 255, 255, 0]


def test_nan_is_refused() -> None:
    with pytest.raises(ImageError, match="NaN"):
        to_uint8(np.array([0.5, np.nan], np.float32))
    assert to_uint8(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_the_input_is_not_changed() -> None:
    values = pixels_of((4, 4, 3))
    copy = values.copy()
    to_uint8(values)
    assert np.array_equal(values, copy)


# --- what is written --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".webp", ".PNG"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_written_pictures_come_back_with_their_text(suffix: str, channels: int, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    pixels = np.full((12, 9, channels), 0.5, np.float32)
    pixels[..., -1] = 1.0
    write_picture(pixels, path, text=PROVENANCE)
    picture = read_picture(path)
    expected = pixels[..., :3] if channels > 1 else pixels.repeat(3, axis=2)
    assert np.abs(picture.rgb - expected).max() < 0.02
    assert read_text(path) == PROVENANCE
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_png_and_webp_are_lossless_with_alpha(suffix: str) -> None:
    pixels = from_uint8(np.random.default_rng(3).integers(0, 256, (20, 30, 4), dtype=np.uint8))
    picture = decode_picture(encode_picture(pixels, suffix, text={}), "a")
    assert picture.alpha is not None
    assert np.array_equal(np.dstack([picture.rgb, picture.alpha]), pixels)


def test_jpeg_shows_transparency_on_white() -> None:
    pixels = np.zeros((16, 16, 4), np.float32)
    assert decode_picture(encode_picture(pixels, ".jpg", text={}), "a").rgb.min() > 0.98


@pytest.mark.parametrize("quality", [1, 95, 100])
def test_jpeg_takes_pure_noise_and_long_text_at_any_quality(quality: int) -> None:
    data = encode_picture(pixels_of((300, 400, 3)), ".jpg", text={"ganplugin": "x" * 60_000}, quality=quality)
    assert decode_picture(data, "a").rgb.shape == (300, 400, 3)


def test_the_same_picture_is_the_same_bytes() -> None:
    pixels = pixels_of((16, 16, 3))
    for suffix in (".png", ".jpg", ".webp"):
        once, again = (encode_picture(pixels, suffix, text=PROVENANCE) for _ in range(2))
        assert once == again


def test_an_existing_file_is_left_alone_without_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"mine")
    with pytest.raises(FileError, match="exists"):
        write_picture(pixels_of((2, 2, 3)), path, text={})
    assert path.read_bytes() == b"mine"
    write_picture(pixels_of((2, 2, 3)), path, text={}, overwrite=True)
    assert read_picture(path).rgb.shape == (2, 2, 3)


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    good = pixels_of((2, 2, 3))
    with pytest.raises(InputError, match=r"\.webp"):
        write_picture(good, tmp_path / "a.tga", text={})
    with pytest.raises(InputError, match="no suffix"):
        write_picture(good, tmp_path / "a", text={})
    with pytest.raises(InputError, match="quality"):
        write_picture(good, tmp_path / "a.jpg", text={}, quality=0)
    for shape in ((2, 2), (2, 2, 2), (0, 2, 3)):
        with pytest.raises(ImageError, match="shape"):
            write_picture(np.zeros(shape, np.float32), tmp_path / "a.png", text={})
    with pytest.raises(ImageError, match="NaN"):
        write_picture(np.full((2, 2, 3), np.nan, np.float32), tmp_path / "a.png", text={})
    with pytest.raises(ImageError, match="WEBP"):
        write_picture(np.zeros((1, 16_400, 3), np.float32), tmp_path / "a.webp", text={})
    with pytest.raises(ImageError, match="too long"):
        write_picture(good, tmp_path / "a.jpg", text={"ganplugin": "x" * 70_000})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_file_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match="permission"):
        write_picture(pixels_of((2, 2, 3)), tmp_path / "a.png", text={})


# --- text -------------------------------------------------------------------------------------------------------


def test_text_of_other_programs_is_read_and_absent_text_is_empty(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", "{}")
    info.add_itxt("workflow", "花", zip=True)
    info.add_text("packed", "z" * 500, zip=True)
    path = tmp_path / "comfy.png"
    path.write_bytes(encoded(Image.new("RGB", (2, 2)), pnginfo=info))
    assert read_text(path) == {"prompt": "{}", "workflow": "花", "packed": "z" * 500}
    for kind, suffix in (
        ("JPEG", "jpg"),
        ("WEBP", "webp"),
        ("GIF", "gif"),
        ("BMP", "bmp"),
        ("TIFF", "tif"),
        ("PNG", "png"),
    ):
        plain = tmp_path / f"plain.{suffix}"
        plain.write_bytes(encoded(Image.new("RGB", (2, 2)), kind))
        assert read_text(plain) == {}


def test_a_foreign_comment_is_no_text(tmp_path: Path) -> None:
    for number, comment in enumerate(
        [b"ASCII\0\0\0hello", b"[1, 2]", b"\xff\xfe", b"[" * 100_000, b'{"a": 1, "b": "c"}']
    ):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9286] = comment
        path = tmp_path / f"{number}.webp"
        path.write_bytes(encoded(Image.new("RGB", (2, 2)), "WEBP", exif=exif))
        assert read_text(path) == ({"b": "c"} if number == 4 else {})


def test_text_of_a_damaged_file_is_an_image_error(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode_picture(pixels_of((30, 30, 3)), ".png", text=PROVENANCE)[:200])
    with pytest.raises(ImageError):
        read_text(path)
