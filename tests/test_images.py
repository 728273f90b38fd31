from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from ganplugin.errors import FileError, ImageError
from ganplugin.images import decode_picture, list_pictures, read_fitted, read_picture, to_uint8


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def raw_png(header: bytes, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# --- what is read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_each_format_is_read_by_content_whatever_its_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.txt"
    path.write_bytes(encoded(Image.new("RGB", (5, 3), (200, 100, 50)), kind))
    picture = read_picture(path)
    assert picture.rgb.shape == (3, 5, 3)
    assert picture.rgb.dtype == np.float32
    assert picture.alpha is None
    assert picture.name == "picture.txt"
    assert np.abs(picture.rgb[1, 2] * 255 - (200, 100, 50)).max() <= 3


def test_the_digest_is_that_of_the_file() -> None:
    assert (
        decode_picture(encoded(Image.new("1", (1, 1))), "a").sha256
        != decode_picture(encoded(Image.new("1", (2, 1))), "a").sha256
    )
    data = encoded(Image.new("L", (1, 1), 7))
    assert decode_picture(data, "x").sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_rotation_is_honoured(kind: str, orientation: int) -> None:
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    upright[8:, 16:] = (0, 0, 255)
    to_stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(to_stored(upright)))
    picture = decode_picture(encoded(stored, kind, exif=exif), "a")
    assert picture.rgb.shape == upright.shape
    assert np.abs(picture.rgb - upright / 255).mean() < 0.05


def test_damaged_exif_does_not_stop_a_sound_picture() -> None:
    data = encoded(Image.new("RGB", (8, 8), "red"), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert decode_picture(data, "a").rgb.shape == (8, 8, 3)


def test_sixteen_bit_grey_keeps_its_precision() -> None:
    values = np.array([[0, 1, 256, 32768, 65535]], np.uint16)
    for kind in ("PNG", "TIFF"):
        picture = decode_picture(encoded(Image.fromarray(values), kind), "a")
        assert np.allclose(picture.rgb[0, :, 0], values[0] / 65535, atol=1e-7)
        assert np.array_equal(picture.rgb[..., 0], picture.rgb[..., 2])


def test_sixteen_bit_colour_is_scaled_not_clipped() -> None:
    values = np.array([[[0, 30000, 65535], [256, 512, 40000]]], ">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    data = raw_png(struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0), rows)
    picture = decode_picture(data, "a")
    assert np.abs(picture.rgb - values.astype(np.float64) / 65535).max() <= 1 / 256


def test_sixteen_bit_grey_with_alpha_is_read() -> None:
    values = np.array([[[0, 65535], [65535, 0], [32768, 32768]]], ">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    picture = decode_picture(raw_png(struct.pack(">IIBBBBB", 3, 1, 16, 4, 0, 0, 0), rows), "a")
    assert picture.alpha is not None
    assert np.allclose(picture.alpha[0], [1, 0, 0.5], atol=1 / 255)
    assert np.allclose(picture.rgb[0, :, 1], [0, 1, 0.5], atol=1 / 255)


def test_float_tiff_in_range_is_read_and_out_of_range_refused() -> None:
    image = Image.fromarray(np.array([[0, 0.25, 1]], np.float32))
    assert np.allclose(decode_picture(encoded(image, "TIFF"), "a").rgb[0, :, 0], [0, 0.25, 1])
    for wrong in (7.0, -1.0, np.nan):
        with pytest.raises(ImageError, match="range"):
            decode_picture(encoded(Image.fromarray(np.array([[wrong]], np.float32)), "TIFF"), "a")


def test_cmyk_becomes_the_colour_that_it_prints() -> None:
    for cmyk, rgb in (((0, 0, 0, 0), (1, 1, 1)), ((0, 255, 255, 0), (1, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))):
        for kind in ("JPEG", "TIFF"):
            picture = decode_picture(encoded(Image.new("CMYK", (8, 8), cmyk), kind), "a")
            assert np.abs(picture.rgb - rgb).max() < 0.02, (cmyk, kind)


def test_an_embedded_profile_is_converted_to_srgb() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The same profile under another name, and with the primaries for red and blue exchanged.
    swapped = srgb.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    swapped = swapped.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)
    image = Image.new("RGB", (4, 4), (255, 0, 0))
    assert np.abs(decode_picture(encoded(image, icc_profile=swapped), "a").rgb - (0, 0, 1)).max() < 0.01
    assert decode_picture(encoded(image, icc_profile=srgb), "a").rgb[0, 0].tolist() == [1, 0, 0]


def test_a_profile_that_makes_no_sense_is_ignored() -> None:
    image = Image.new("RGB", (4, 4), (10, 120, 250))
    picture = decode_picture(encoded(image, icc_profile=b"not a profile"), "a")
    assert to_uint8(picture.rgb)[0, 0].tolist() == [10, 120, 250]


@pytest.mark.parametrize(
    ("mode", "colour", "rgb", "alpha"),
    [
        ("1", 1, (1, 1, 1), None),
        ("L", 51, (0.2, 0.2, 0.2), None),
        ("LA", (51, 102), (0.2, 0.2, 0.2), 0.4),
        ("RGBA", (255, 0, 51, 102), (1, 0, 0.2), 0.4),
    ],
)
def test_colour_modes(mode: str, colour: Any, rgb: tuple[float, ...], alpha: float | None) -> None:
    picture = decode_picture(encoded(Image.new(mode, (2, 2), colour)), "a")
    assert np.allclose(picture.rgb, rgb)
    assert (picture.alpha is None) == (alpha is None)
    if alpha is not None and picture.alpha is not None:
        assert np.allclose(picture.alpha, alpha)


def test_a_palette_with_a_transparent_colour_has_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    picture = decode_picture(encoded(image, transparency=1), "a")
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[1, 0]]
    assert picture.rgb[0, 0].tolist() == [1, 0, 0]
    several = decode_picture(encoded(image, transparency=bytes([51, 255])), "a")
    assert several.alpha is not None
    assert np.allclose(several.alpha, [[0.2, 1]])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert np.abs(decode_picture(data, "a").rgb[4, 4] - (1, 0, 0)).max() < 0.05


def test_one_pixel_is_a_picture() -> None:
    assert decode_picture(encoded(Image.new("RGB", (1, 1), "white")), "a").rgb.tolist() == [[[1, 1, 1]]]


# --- what is refused --------------------------------------------------------------------------------------------


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nope\.png"):
        read_picture(tmp_path / "nope.png")
    with pytest.raises(FileError):
        read_picture(tmp_path)


FOREIGN = {
    "empty": b"",
    "text": b"hello, world " * 50,
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n" + b"x" * 300,
    "psd": b"8BPS\0\1" + bytes(200),
    "fits": b"SIMPLE  =                    T" + b" " * 2850,
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "zip": b"PK\3\4" + bytes(100),
    "png signature alone": b"\x89PNG\r\n\x1a\n",
    "gif signature alone": b"GIF89a",
    "jpeg signature alone": b"\xff\xd8\xff\xe0",
    "webp signature alone": b"RIFF\x10\0\0\0WEBPVP8 ",
    "bmp signature alone": b"BM" + bytes(12),
    "tiff signature alone": b"II*\0\x08\0\0\0",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_picture_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "renamed.png"
    path.write_bytes(FOREIGN[name])
    with pytest.raises(ImageError) as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)
    assert "renamed.png" in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_truncated_pictures_are_refused(kind: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(ImageError, match="damaged"):
        decode_picture(data[: int(len(data) * kept)], "a")


def test_a_decompression_bomb_is_refused_before_it_unpacks() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    with pytest.raises(ImageError, match="million pixels"):
        decode_picture(raw_png(header, b""), "bomb.png")


def test_our_own_limit_holds_where_a_host_removed_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(ImageError, match="million pixels"):
        decode_picture(raw_png(struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0), b""), "bomb.png")


def test_pillows_bomb_warning_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        picture = decode_picture(encoded(Image.new("RGB", (12, 12))), "a")
    assert picture.rgb.shape == (12, 12, 3)
    assert not caught


def test_a_text_bomb_is_refused_and_harmless() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("bomb", "a" * (3 << 20), zip=True)
    with pytest.raises(ImageError):
        decode_picture(encoded(Image.new("RGB", (1, 1)), pnginfo=info), "a")


def test_pillows_settings_are_left_alone() -> None:
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, PngImagePlugin.MAX_TEXT_MEMORY)
    filters = list(warnings.filters)
    decode_picture(encoded(Image.new("RGB", (3, 3))), "a")
    with pytest.raises(ImageError):
        decode_picture(b"nothing", "a")
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, PngImagePlugin.MAX_TEXT_MEMORY)
    assert filters == list(warnings.filters)


SEEDLINGS = [encoded(Image.effect_noise((9, 7), 50), kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")]


@settings(max_examples=200)
@given(
    st.sampled_from(SEEDLINGS), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=12)
)
def test_damaged_bytes_give_a_picture_or_an_image_error(data: bytes, changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    try:
        picture = decode_picture(bytes(damaged), "damaged")
    except ImageError as error:
        assert "\n" not in str(error)
    else:
        assert picture.rgb.ndim == 3
        assert 0 <= picture.rgb.min() <= picture.rgb.max() <= 1


# --- lists of pictures ------------------------------------------------------------------------------------------


def test_a_folder_gives_its_pictures_in_natural_order(tmp_path: Path) -> None:
    for name in ("p10.png", "p2.PNG", "p1.jpg", ".hidden.png", "notes.txt", "z.webp"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "folder.png").mkdir()
    assert [p.name for p in list_pictures(tmp_path)] == ["p1.jpg", "p2.PNG", "p10.png", "z.webp"]
    assert [p.name for p in list_pictures(tmp_path / "p1*.*")] == ["p1.jpg", "p10.png"]
    assert list_pictures(tmp_path / "notes.txt") == (tmp_path / "notes.txt",)


def test_a_name_with_brackets_is_a_file_first(tmp_path: Path) -> None:
    path = tmp_path / "a[1].png"
    path.write_bytes(b"x")
    assert list_pictures(path) == (path,)


def test_no_pictures_is_an_error_that_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no pictures"):
        list_pictures(tmp_path)
    with pytest.raises(FileError, match="no such"):
        list_pictures(tmp_path / "missing")
    with pytest.raises(FileError, match="no such"):
        list_pictures(tmp_path / "*.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_a_picture_is_read_scaled_to_fit(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"wide{suffix}"
    Image.new("RGB", (400, 200), (200, 40, 90)).save(path, quality=100)
    for box, size in (((100, 100), (100, 50)), ((1000, 60), (120, 60)), ((800, 800), (800, 400))):
        image = read_fitted(path, *box)
        assert (image.mode, image.size) == ("RGB", size)
        assert np.abs(np.asarray(image, int) - (200, 40, 90)).max() <= 3


def test_fitting_keeps_transparency_and_the_levels_of_deep_grey(tmp_path: Path) -> None:
    clear, deep = tmp_path / "clear.png", tmp_path / "deep.png"
    Image.new("LA", (8, 8), (90, 128)).save(clear)
    Image.fromarray(np.full((8, 8), 32768, np.uint16)).save(deep)
    # One level is lost where Pillow weighs colours by their alpha.
    assert np.abs(np.asarray(read_fitted(clear, 4, 4), int) - (90, 90, 90, 128)).max() <= 1
    assert read_fitted(deep, 4, 4).getpixel((1, 1)) == (128, 128, 128)


def test_what_is_no_picture_is_not_fitted(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"not a picture")
    with pytest.raises(ImageError, match="not a picture"):
        read_fitted(path, 10, 10)
