from __future__ import annotations

import builtins
import io
import itertools
import shutil
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ganplugin.errors import DependencyError, FileError, ImageError, InputError
from ganplugin.video import FILM_SUFFIXES, VIDEO_SUFFIXES, VideoWriter, best_suffix, is_film, read_video_text

TEXT = {"ganplugin": '{"seed": 1, "name": "花"}', "other": "é" * 300}
ANIMATED = [suffix for suffix in VIDEO_SUFFIXES if suffix not in FILM_SUFFIXES]


def frame(index: int, height: int = 37, width: int = 51) -> NDArray[np.uint8]:
    pixels = np.full((height, width, 3), (230, 60, 20 * index % 256), np.uint8)
    pixels[:, : width // 2] = (20, 180, 90)
    return pixels


def write(
    path: Path, frames: int = 10, fps: float = 25, size: tuple[int, int] = (37, 51), overwrite: bool = False
) -> Path:
    height, width = size
    with VideoWriter(path, width, height, fps, TEXT, overwrite) as film:
        for index in range(frames):
            film.add(frame(index, height, width))
    return path


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    if path.suffix in FILM_SUFFIXES:
        av = pytest.importorskip("av")
        with av.open(str(path)) as container:
            # Old versions of PyAV do not look at the colour space that the film names.
            frames = [
                frame.reformat(format="rgb24", src_colorspace=1, dst_colorspace=5)
                for frame in container.decode(video=0)
            ]
            return [picture.to_ndarray() for picture in frames]
    with Image.open(path) as image:
        found = []
        for index in range(image.n_frames):
            image.seek(index)
            found.append(np.asarray(image.convert("RGB")))
        return found


@pytest.fixture(params=VIDEO_SUFFIXES)
def suffix(request: pytest.FixtureRequest) -> str:
    if request.param in FILM_SUFFIXES:
        pytest.importorskip("av")
    return str(request.param)


def test_every_frame_arrives_in_its_colours_with_the_text(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}")
    frames = decoded(path)
    assert len(frames) == 10
    for index, found in enumerate(frames):
        wanted = frame(index)
        middle_of_halves = [(18, 12), (18, 38)]
        for y, x in middle_of_halves:
            assert np.abs(found[y, x].astype(int) - wanted[y, x]).max() <= 6, (suffix, index)
    assert read_video_text(path) == TEXT
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_the_same_frames_are_the_same_bytes(suffix: str, tmp_path: Path) -> None:
    for size in ((37, 51), (97, 129)):
        first, second = (write(tmp_path / f"{name}{suffix}", size=size, overwrite=True) for name in "ab")
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"], indirect=True)
def test_x264_uses_no_macroblock_tree_which_gave_other_bytes_now_and_then(suffix: str, tmp_path: Path) -> None:
    # Too rare to wait for, so the settings in the stream are read.
    written = write(tmp_path / f"a{suffix}").read_bytes()
    assert b"x264 - core" in written and b" mbtree=0 " in written


def test_one_frame_is_a_film(suffix: str, tmp_path: Path) -> None:
    assert len(decoded(write(tmp_path / f"a{suffix}", frames=1))) == 1


def test_an_exception_leaves_nothing(suffix: str, tmp_path: Path) -> None:
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), VideoWriter(tmp_path / f"a{suffix}", 51, 37, 25, {}) as film:
            film.add(frame(0))
            raise error
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_old_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="stop"), VideoWriter(path, 51, 37, 25, {}, overwrite=True) as film:
        film.add(frame(0))
        raise ValueError("stop")
    assert path.read_bytes() == b"old"
    with pytest.raises(FileError, match="exists"), VideoWriter(path, 51, 37, 25, {}):
        pass
    assert path.read_bytes() == b"old"
    write(path, overwrite=True)
    assert len(decoded(path)) == 10


def test_no_frames_are_an_error_and_leave_nothing(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no frames"), VideoWriter(tmp_path / f"a{suffix}", 51, 37, 25, {}):
        pass
    assert list(tmp_path.iterdir()) == []


def test_frames_of_another_shape_or_type_are_refused(suffix: str, tmp_path: Path) -> None:
    for wrong in (np.zeros((37, 50, 3), np.uint8), np.zeros((37, 51, 3), np.float32), np.zeros((37, 51), np.uint8)):
        with (
            pytest.raises(ImageError, match="a frame is"),
            VideoWriter(tmp_path / f"a{suffix}", 51, 37, 25, {}) as film,
        ):
            film.add(wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_films_play_everywhere(suffix: str, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(write(tmp_path / f"a{suffix}", fps=29.97))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.width, stream.codec_context.height) == (52, 38)
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.codec_context.colorspace == 1  # BT.709
        assert float(stream.average_rate) == pytest.approx(29.97, abs=0.01)
        assert stream.codec_context.name in ("h264", "vp9", "libvpx-vp9")


def test_mp4_can_start_before_it_is_whole(tmp_path: Path) -> None:
    pytest.importorskip("av")
    data = write(tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("suffix", ANIMATED)
@pytest.mark.parametrize("fps", [12, 24, 30])
def test_animations_keep_time_and_loop_for_ever(suffix: str, fps: int, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", frames=24, fps=fps)
    with Image.open(path) as image:
        durations = []
        for index in range(image.n_frames):
            image.seek(index)
            image.load()
            durations.append(image.info["duration"])
        assert image.info["loop"] == 0
    assert sum(durations) == pytest.approx(24_000 / fps, abs=11)


@pytest.mark.parametrize("suffix", ANIMATED)
def test_memory_does_not_grow_with_the_frames(suffix: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)

    def peak(frames: int) -> int:
        tracemalloc.start()
        with VideoWriter(tmp_path / f"{frames}{suffix}", 96, 96, 25, {}) as film:
            for _ in range(frames):
                film.add(noise)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(2)
    assert peak(60) < peak(6) + 4 * noise.nbytes


def test_apng_is_lossless_and_its_still_is_the_first_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png")
    assert all(np.array_equal(found, frame(index)) for index, found in enumerate(decoded(path)))
    if shutil.which("pngcheck"):
        assert subprocess.run(["pngcheck", "-q", str(path)], capture_output=True).stdout == b""


def test_webp_is_what_libwebp_calls_well_formed(tmp_path: Path) -> None:
    data = write(tmp_path / "a.webp").read_bytes()
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert data[12:16] == b"VP8X"
    stream, kinds = io.BytesIO(data[12:]), []
    while header := stream.read(8):
        size = int.from_bytes(header[4:], "little")
        stream.seek(size + size % 2, io.SEEK_CUR)
        kinds.append(header[:4])
    assert [kind for kind, _ in itertools.groupby(kinds)] == [b"VP8X", b"ANIM", b"ANMF", b"EXIF"]


@pytest.mark.parametrize(
    ("name", "width", "height", "fps", "message"),
    [
        ("a.avi", 8, 8, 25, r"\.mp4"),
        ("a", 8, 8, 25, "no film"),
        ("a.gif", 0, 8, 25, "0 x 8"),
        ("a.gif", 8, 8, 0, "fps"),
        ("a.gif", 8, 8, 241, "fps"),
        ("a.gif", 8, 8, float("nan"), "fps"),
    ],
)
def test_what_cannot_be_a_film_is_refused(
    name: str, width: int, height: int, fps: float, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        VideoWriter(tmp_path / name, width, height, fps, {})


@pytest.mark.parametrize(("name", "side"), [("a.webp", 16_384), ("a.gif", 65_536)])
def test_too_large_animations_are_refused(name: str, side: int, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be"), VideoWriter(tmp_path / name, side, 2, 25, {}):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FILM_SUFFIXES)
def test_a_film_that_the_encoder_refuses_is_an_image_error(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("av")
    wide = np.zeros((2, 70_000, 3), np.uint8)
    with (
        pytest.raises(ImageError, match="70000 x 2 pixels could not be encoded"),
        VideoWriter(tmp_path / f"a{suffix}", 70_000, 2, 25, {}) as film,
    ):
        film.add(wide)
    assert list(tmp_path.iterdir()) == []


def test_long_text_is_kept(suffix: str, tmp_path: Path) -> None:
    text = {"ganplugin": "x" * 200_000}
    with VideoWriter(tmp_path / f"a{suffix}", 2, 2, 25, text) as film:
        film.add(np.zeros((2, 2, 3), np.uint8))
    assert read_video_text(tmp_path / f"a{suffix}") == text


def test_frames_outside_the_block_are_refused(tmp_path: Path) -> None:
    film = VideoWriter(tmp_path / "a.gif", 51, 37, 25, {})
    with pytest.raises(InputError, match="with"):
        film.add(frame(0))


def test_without_pyav_films_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real_import = builtins.__import__

    def without_av(name: str, *rest: Any, **options: Any) -> Any:
        if name == "av" or name.startswith("av."):
            raise ImportError(name)
        return real_import(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_av)
    with pytest.raises(DependencyError, match=r"ganplugin\[video\]"):
        VideoWriter(tmp_path / "a.mp4", 51, 37, 25, {})
    with pytest.raises(DependencyError, match=r"ganplugin\[video\]"):
        read_video_text(tmp_path / "a.mp4")
    assert len(decoded(write(tmp_path / "a.webp"))) == 10


def test_the_best_suffix_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert best_suffix() == ".webp"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert best_suffix() == ".mp4"


def test_films_are_told_by_their_name() -> None:
    assert is_film("a.MP4")
    assert is_film(Path("a.webp"))
    assert not is_film("folder")
    assert not is_film("a.jpg")


def test_reading_text_from_what_is_no_film(tmp_path: Path) -> None:
    pytest.importorskip("av")
    with pytest.raises(FileError, match=r"nope\.mp4"):
        read_video_text(tmp_path / "nope.mp4")
    (tmp_path / "a.mp4").write_bytes(b"not a film" * 100)
    with pytest.raises(ImageError, match="not a film"):
        read_video_text(tmp_path / "a.mp4")
    (tmp_path / "a.webp").write_bytes(b"not a film" * 100)
    with pytest.raises(ImageError):
        read_video_text(tmp_path / "a.webp")
