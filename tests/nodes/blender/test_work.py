from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ganplugin.errors import Cancelled, FileError, InputError
from ganplugin.nodes import Context
from ganplugin.nodes.blender.drawing import Drawing, Request
from ganplugin.nodes.blender.sequences import write_sequence
from ganplugin.nodes.blender.work import Picture, Sequence, render
from ganplugin.nodes.context import Folders, SilentReporter
from ganplugin.nodes.graph_checks import Link
from tests.nodes.kit import noise, sequence


class Lines(SilentReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def context(here, monkeypatch) -> Context:
    monkeypatch.setenv("GANPLUGIN_CACHE", str(here / "cache"))
    return Context(device="cpu", folders=Folders(outputs=here / "out"), existing="number")


def drawing(models: Path, title: str = "{name}", *, seeds: str = "3,5", output: int = 0, **more) -> Drawing:
    graph = {
        "Load": {"class_type": "GanPluginLoadModel", "inputs": {"model": str(models / "full.onnx")}},
        "Sample": {"class_type": "GanPluginSample", "inputs": {"model": ["Load", 0], "seeds": seeds}},
        "Save": {"class_type": "GanPluginSaveImages", "inputs": {"images": ["Sample", 0]}},
    }
    return Drawing(
        graph, (Request("Output", Link("Sample", output), title, more.get("name")),), more.get("writers", ())
    )


def delivered(drawing: Drawing, context: Context) -> list:
    found: list = []
    render(drawing, context, found.append)
    return found


def test_pictures_are_the_files_of_a_headless_run(models, context, here):
    reporter = Lines()
    found = delivered(drawing(models, writers=("Save",)), replace(context, reporter=reporter))
    assert [(item.node, item.index, item.name, item.last) for item in found] == [
        ("Output", 0, "seed-0003", False),
        ("Output", 1, "seed-0005", True),
    ]
    for item in found:
        assert isinstance(item, Picture)
        assert item.data == (here / "out" / "pictures" / f"{item.name}.png").read_bytes()
    assert reporter.lines == ["Save: 2 files"]


def test_a_sequence_lies_on_disk_from_frame_1(models, context, here):
    (found,) = delivered(drawing(models, name="walk"), context)
    first = here / "out" / "walk" / "walk_00001.png"
    assert found == Sequence("Output", first, 2)
    assert sorted(path.name for path in first.parent.iterdir()) == ["walk_00001.png", "walk_00002.png"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": "{seeds}"}, "Output, '{seeds}': is not a name template"),
        ({"output": 1}, "Output: is not linked to pictures"),
        ({"seeds": "0-256"}, "Output: 257 pictures are more than 256 images - choose Sequence"),
        ({"name": "a/b"}, "is a path, but a name is needed"),
        ({"name": ".."}, "is not a safe file name"),
    ],
)
def test_what_cannot_be_asked_for(models, context, rendered, change, message):
    with pytest.raises(InputError) as refused:
        delivered(drawing(models, **change), context)
    assert message in str(refused.value)
    assert rendered == []


def test_nothing_is_delivered_of_no_pictures(context, models, monkeypatch):
    monkeypatch.setattr("ganplugin.nodes.graph.Evaluation.value", lambda self, link: sequence([]))
    with pytest.raises(InputError, match="Output: there are no pictures"):
        delivered(drawing(models), context)


def frames(count: int):
    return sequence([noise(4, 4, seed=number) for number in range(count)])


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_frames_that_are_there_are_kept_and_those_beyond_the_last_go(context, here):
    files = write_sequence(frames(3), "walk", context)
    before = times(files[0].parent)
    assert write_sequence(frames(3), "walk", context) == files
    assert times(files[0].parent) == before
    files[1].write_bytes(files[0].read_bytes())
    (files[0].parent / "walk_00009.png").write_bytes(b"not ours")
    write_sequence(frames(2), "walk", context)
    after = times(files[0].parent)
    assert set(after) == {"walk_00001.png", "walk_00002.png", "walk_00009.png"}
    assert after["walk_00001.png"] == before["walk_00001.png"]
    assert files[0].read_bytes() != files[1].read_bytes()


def test_a_file_of_someone_else_is_left_alone(context, here):
    files = write_sequence(frames(1), "walk", context)
    files[0].write_bytes(b"a photo")
    with pytest.raises(FileError, match="is no frame of ours - move it"):
        write_sequence(frames(2), "walk", context)
    assert files[0].read_bytes() == b"a photo"
    assert len(times(files[0].parent)) == 1


def test_a_sequence_that_was_stopped_goes_on(context, here):
    answers = iter([False, True])
    with pytest.raises(Cancelled):
        write_sequence(frames(3), "walk", replace(context, cancelled=lambda: next(answers)))
    first = times(here / "out" / "walk")
    assert set(first) == {"walk_00001.png"}
    write_sequence(frames(3), "walk", context)
    assert times(here / "out" / "walk")["walk_00001.png"] == first["walk_00001.png"]
