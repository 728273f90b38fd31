"""Frames in, frames out, under the numbered names that docs/hosts/nuke.md tells a Read node."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nodes.kit import as_levels, save


@pytest.fixture
def plates(here) -> list[Path]:
    return [save(here / "plates" / f"shot.{number:04d}.png", seed=number) for number in range(98, 103)]


def names(folder: str) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def test_a_folder_of_frames_becomes_a_numbered_sequence_in_its_order(run, plates):
    assert run("style", "styles.onnx", "plates/", "--out", "painted", "--name", "painted.{index}").code == 0
    assert names("painted") == [f"painted.{number:05d}.png" for number in range(5)]
    for number, plate in enumerate(plates):
        assert run("style", "styles.onnx", plate, "--out", "alone", "--name", str(number)).code == 0
        assert (as_levels(Path(f"alone/{number}.png")) == as_levels(Path(f"painted/painted.{number:05d}.png"))).all()


def test_a_part_of_the_frames_keeps_their_numbers(run, plates):
    assert run("style", "styles.onnx", "plates/shot.01??.png", "--out", "part").code == 0
    assert names("part") == [f"shot.{number:04d}-styles.png" for number in (100, 101, 102)]


def test_a_walk_becomes_a_numbered_sequence(run, here):
    assert run("interpolate", "full.onnx", "--seeds", "3,14", "--frames", "12", "--out", "walk/").code == 0
    assert names("walk") == [f"frame-{number:05d}.png" for number in range(12)]
