from __future__ import annotations

import io
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from ganplugin import decoding
from ganplugin.decoding import decode_levels, decoder
from ganplugin.errors import ImageError
from ganplugin.images import decode_picture, to_uint8


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


NOISE = Image.effect_noise((12, 8), 60).convert("RGB")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_levels_are_those_of_the_float_reader(mode: str):
    if mode == "I;16":
        image = Image.fromarray(np.arange(0, 65536, 683, dtype=np.uint16).reshape(8, 12))
    elif mode.endswith("A"):
        image = NOISE.convert(mode)
        image.putalpha(Image.effect_noise((12, 8), 90))
    else:
        image = NOISE.convert(mode)
    data = encoded(image, "TIFF" if mode == "CMYK" else "PNG")
    levels, picture = decode_levels(data, "a"), decode_picture(data, "a")
    pixels = picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
    assert levels.image.mode == ("RGB" if picture.alpha is None else "RGBA")
    assert np.array_equal(np.asarray(levels.image), to_uint8(pixels))
    assert levels.size == (12, 8)


def test_a_turned_picture_has_its_upright_size():
    exif = Image.Exif()
    exif[0x0112] = 6
    levels = decode_levels(encoded(NOISE, "JPEG", exif=exif), "a")
    assert levels.size == levels.image.size == (8, 12)
    assert (levels.mode, levels.format) == ("RGB", "JPEG")


def test_a_large_jpeg_is_decoded_smaller_but_never_below_twice_what_is_needed():
    data = encoded(NOISE.resize((800, 400)), "JPEG")
    levels = decode_levels(data, "a", needed=(50, 40))
    assert levels.size == (800, 400)
    assert (100, 80) <= levels.image.size < (800, 400)
    assert decode_levels(data, "a").image.size == (800, 400)


def test_threads_decode_side_by_side_and_the_filters_come_back():
    meeting = threading.Barrier(3, timeout=20)

    def meet(number: int) -> int:
        with decoder(encoded(NOISE), "a") as image:
            meeting.wait()
            image.load()
        return number

    before = list(warnings.filters)
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(meet, range(3))) == [0, 1, 2]
    assert list(warnings.filters) == before


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoding, "_LARGE_PIXELS", 50)
    most, inside, lock = [0], [0], threading.Lock()

    def count(_: int) -> None:
        with decoder(encoded(NOISE), "a") as image:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            image.load()
            threading.Event().wait(0.02)
            with lock:
                inside[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(8)))
    assert most == [1]


def test_an_error_in_one_thread_leaves_the_others_quiet():
    with decoder(encoded(NOISE), "a") as image:
        with pytest.raises(ImageError):
            decode_levels(b"nothing", "b")
        with warnings.catch_warnings(record=True):
            image.load()
    assert decode_levels(encoded(NOISE), "a").size == (12, 8)
