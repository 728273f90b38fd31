from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ganplugin.errors import FileError, InputError, TrainingError
from ganplugin.train.pictures.packed import LABELS, PIXELS, RECORD, PackedSet, SetRecord


def noise(count: int, channels: int = 3, side: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, channels, side, side), np.uint8)


def write(folder: Path, pixels: np.ndarray, labels: list[int] | None = None) -> None:
    """Write a set byte by byte, as the format says, not as our packer does."""
    folder.mkdir()
    count, channels, height, width = pixels.shape
    classes = () if labels is None else ("a", "b")
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    record = SetRecord(
        count=count, channels=channels, height=height, width=width, classes=classes, source="x", sha256=sha256
    )
    (folder / RECORD).write_text(record.model_dump_json(), encoding="utf-8")
    (folder / PIXELS).write_bytes(pixels.tobytes())
    if labels is not None:
        (folder / LABELS).write_bytes(np.array(labels, "<i8").tobytes())


def test_a_folder_is_mapped_and_its_digest_is_that_of_the_pixels(tmp_path: Path):
    pixels = noise(6, channels=4)
    write(tmp_path / "x.pack", pixels, [0, 1, 0, 1, 0, 1])
    opened = PackedSet.open(tmp_path / "x.pack")
    assert isinstance(opened.pixels, np.memmap)
    assert np.array_equal(opened.pixels, pixels)
    assert (len(opened), opened.shape, opened.classes) == (6, (4, 8, 8), ("a", "b"))
    assert opened.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert opened.digest == opened.measured_digest() == PackedSet.in_memory(pixels).digest


def test_taking_repeats_and_copies():
    made = PackedSet.in_memory(noise(4))
    taken = made.take(np.array([3, 0, 3]))
    assert np.array_equal(taken, made.pixels[[3, 0, 3]])
    taken[:] = 0
    assert made.pixels.any()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        (RECORD, b"{}", "count"),
        (RECORD, b"\xff", "cannot be read"),
        (PIXELS, b"short", "5 bytes, not 1152"),
        (LABELS, b"12345678" * 6, "classes that the set does not have"),
    ],
)
def test_a_damaged_set_is_named(tmp_path: Path, name: str, data: bytes, says: str):
    write(tmp_path / "x.pack", noise(6), [0, 1, 0, 1, 0, 1])
    (tmp_path / "x.pack" / name).write_bytes(data)
    with pytest.raises(FileError, match=says):
        PackedSet.open(tmp_path / "x.pack")


def test_a_folder_of_anything_else_is_no_set(tmp_path: Path):
    with pytest.raises(FileError, match=r"no packed set.*ganplugin data"):
        PackedSet.open(tmp_path)


def test_wrong_pictures_and_labels_are_refused():
    with pytest.raises(InputError, match="float32"):
        PackedSet.in_memory(np.zeros((2, 3, 4, 4), np.float32))
    with pytest.raises(InputError, match=r"\[2, 2, 4, 4\]"):
        PackedSet.in_memory(np.zeros((2, 2, 4, 4), np.uint8))
    with pytest.raises(InputError, match="labels"):
        PackedSet.in_memory(noise(2), np.array([0, 2]), classes=("a", "b"))


def sides(pixels: np.ndarray, seed: int = 0) -> dict[bytes, str]:
    """Return on which side of a split each picture came, by its bytes."""
    train, held_out = PackedSet.in_memory(pixels).split(0.3, seed)
    assert len(train) + len(held_out) == len(pixels)
    return {x.tobytes(): "train" for x in train.pixels} | {x.tobytes(): "held out" for x in held_out.pixels}


def test_a_picture_stays_on_its_side_when_others_come_and_go():
    pixels = noise(200)
    before, after = sides(pixels), sides(np.concatenate([noise(50, seed=9), pixels[::-1][:150]]))
    both = before.keys() & after.keys()
    assert len(both) == 150
    assert all(before[key] == after[key] for key in both)
    assert 30 < list(before.values()).count("held out") < 90
    assert before != sides(pixels, seed=1)


def test_nearly_equal_pictures_are_on_one_side():
    pixels = noise(60, side=16)
    brighter = np.clip(pixels.astype(int) + 2, 0, 255).astype(np.uint8)
    side = sides(np.concatenate([pixels, brighter]))
    assert all(side[a.tobytes()] == side[b.tobytes()] for a, b in zip(pixels, brighter, strict=True))


@pytest.mark.parametrize("part", [0.001, 0.999])
def test_neither_side_is_empty(part: float):
    train, held_out = PackedSet.in_memory(noise(5)).split(part)
    assert min(len(train), len(held_out)) >= 1


def test_pictures_that_are_all_alike_cannot_be_split():
    with pytest.raises(TrainingError, match="alike"):
        PackedSet.in_memory(np.repeat(noise(1), 4, axis=0)).split(0.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        PackedSet.in_memory(noise(4)).split(1.0)


def test_a_part_keeps_labels_and_names_and_has_its_own_digest():
    whole = PackedSet.in_memory(noise(4), np.array([0, 1, 1, 0]), classes=("a", "b"), names=("p", "q", "r", "s"))
    part = whole.part(np.array([3, 1])).part(np.array([1]))
    assert np.array_equal(part.pixels, whole.pixels[[1]])
    assert np.array_equal(part.take(np.array([0, 0])), whole.pixels[[1, 1]])
    assert (part.labels.tolist(), part.names, len(part)) == ([1], ("q",), 1)
    assert part.digest not in (whole.digest, whole.part(np.array([2])).digest)
