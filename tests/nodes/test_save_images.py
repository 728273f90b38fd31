from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from ganplugin.errors import Cancelled, FileError, InputError
from ganplugin.files import contained
from ganplugin.images import read_text
from ganplugin.nodes import Context, Images, Sample, SaveImages
from ganplugin.nodes.save_images import distinct, file_stem, save_together
from ganplugin.nodes.values import Origin, Recipe
from tests.nodes.kit import as_levels, load, noise, sequence


def named(*names):
    pictures = sequence([noise(3, 4, seed=index) for index in range(len(names))])
    return replace(pictures, origin=lambda index: Origin(Recipe("Test"), index, names[index]))


def test_pictures_are_written_in_order_with_their_provenance(models, here, context):
    images = Sample(model=load(models / "full.onnx"), seeds="3,1").run(context).images
    out = SaveImages(images=images, folder="out").run(context)
    assert list(out.paths) == ["out/seed-0003.png", "out/seed-0001.png"]
    for path, picture in zip(out.paths, images, strict=True):
        assert np.array_equal(as_levels(here / path), np.rint(picture * 255))
        record = json.loads(read_text(here / path)["ganplugin"])
        assert (record["format"], record["threads"], record["provider"]) == ("png", 2, "CPUExecutionProvider")
        assert str(here) not in json.dumps(record)
        assert str(models) not in json.dumps(record)
    assert sorted(entry.name for entry in (here / "out").iterdir()) == ["seed-0001.png", "seed-0003.png"]


@pytest.mark.parametrize(("kind", "pillow"), [("png", "PNG"), ("webp", "WEBP"), ("jpg", "JPEG")])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_formats(here, context, kind, pillow, channels):
    saved = SaveImages(images=sequence([noise(5, 6, channels)]), folder=".", format=kind).run(context)
    assert saved.paths == (f"picture-0.{kind}",)
    with Image.open(saved.paths[0]) as image:
        assert (image.format, image.size) == (pillow, (6, 5))


@pytest.mark.parametrize(
    ("template", "written"),
    [
        ("{name}", ["a", "b"]),
        ("x", ["x", "x-2"]),
        ("{index}", ["00000", "00001"]),
        ("in/{name}_{index}", ["in/a_00000", "in/b_00001"]),
    ],
)
def test_templates(here, context, template, written):
    saved = SaveImages(images=named("a", "b"), folder="out", name=template).run(context)
    assert list(saved.paths) == [f"out/{stem}.png" for stem in written]


def test_seeds_in_names(models, here, context):
    images = Sample(model=load(models / "full.onnx"), seeds="12,3").run(context).images
    assert SaveImages(images=images, folder=".", name="s{seed}").run(context).paths == ("s12.png", "s3.png")
    with pytest.raises(InputError, match="have no seed"):
        SaveImages(images=named("a"), name="{seed}").run(context)


@pytest.mark.parametrize(
    "template",
    ["{name.__class__}", "{name!r}", "{name:>99999999}", "{0}", "{}", "{seed", "seed}", "{{name}}", "{x}", "{name[0]}"],
)
def test_templates_are_no_programs(here, context, template):
    with pytest.raises(InputError, match="is not a name template"):
        SaveImages(images=named("a"), name=template).run(context)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "template",
    ["", "../{name}", "/tmp/{name}", "a//b", "nul", "CON.x", "a\\b", "a:b", "a\0b", "x" * 300, "a/../b", "{name}/"],
)
def test_names_stay_in_the_folder(here, context, template):
    with pytest.raises(InputError, match="is not a safe file name"):
        SaveImages(images=named("a"), folder="out", name=template).run(context)
    assert list(here.iterdir()) == []


@given(st.text() | st.text(min_size=100))
@example("con")
@example("--x")
@example("nul.x")
@example("日" * 200)
@example(". .")
def test_any_origin_s_name_becomes_a_safe_one(name):
    stem = file_stem("{name}", 0, Origin(Recipe("Test"), name=name))
    assert contained(Path("out"), f"{stem}.png").name == f"{stem}.png"
    assert not stem.startswith("-")


@given(st.lists(st.sampled_from(["a", "A", "a-2", "a-3", "b", "ß", "SS"])))
def test_no_two_files_have_one_name_on_any_disk(stems):
    made = list(distinct(stems))
    assert len(made) == len(stems)
    assert len({name.casefold() for name in made}) == len(made)


def test_equal_stems_are_numbered(here, context):
    saved = SaveImages(images=named("a", "a", "A", "a-2"), folder=".").run(context)
    assert saved.paths == ("a.png", "a-2.png", "A-3.png", "a-2-2.png")


def test_existing_files_are_refused_before_anything_is_rendered(models, here, context, rendered):
    images = Sample(model=load(models / "full.onnx"), seeds="0-3").run(context).images
    (here / "seed-0003.png").write_bytes(b"mine")
    with pytest.raises(FileError, match=r"seed-0003.png: exists already - add --overwrite"):
        SaveImages(images=images, folder=".").run(context)
    assert rendered == []
    assert [entry.name for entry in here.iterdir()] == ["seed-0003.png"]
    assert (here / "seed-0003.png").read_bytes() == b"mine"
    SaveImages(images=images, folder=".", overwrite=True).run(context)
    assert as_levels(here / "seed-0003.png").shape == (8, 8, 3)


def test_a_file_in_place_of_the_folder(here, context):
    (here / "out").write_text("x")
    with pytest.raises(FileError, match="out"):
        SaveImages(images=named("a"), folder="out").run(context)


def test_one_picture_goes_to_standard_output(models, here, context, monkeypatch):
    images = Sample(model=load(models / "full.onnx"), seeds="3").run(context).images
    on_disk = SaveImages(images=images, folder=".").run(context).paths[0]
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stream)
    assert SaveImages(images=images, folder="-").run(context).paths == ("-",)
    assert stream.buffer.getvalue() == (here / on_disk).read_bytes()
    with pytest.raises(InputError, match="2 pictures cannot go to standard output"):
        SaveImages(images=named("a", "b"), folder="-").run(context)


def test_no_picture_goes_to_a_terminal(here, context, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(InputError, match="standard output is a terminal"):
        SaveImages(images=named("a"), folder="-").run(context)
    assert stream.buffer.getvalue() == b""


@pytest.mark.parametrize("folder", ["face.png", "sub/face.JPG"])
def test_a_folder_is_not_called_like_a_picture(here, context, folder):
    with pytest.raises(InputError, match=rf"{folder}: is a picture's name, but a folder is needed - .* --name face"):
        SaveImages(images=named("a"), folder=folder).run(context)
    assert list(here.iterdir()) == []
    (here / folder).mkdir(parents=True)
    assert SaveImages(images=named("a"), folder=folder).run(context).paths == (f"{folder}/a.png",)


def test_cancelling_keeps_whole_files(here):
    seen: list[int] = []
    context = Context(cancelled=lambda: len(seen) >= 2)
    source = named(*"abcdef")

    def render(start, stop):
        seen.extend(range(start, stop))
        return source.render(start, stop)

    images = Images(6, render, source.origin, source.recipe)
    with pytest.raises(Cancelled):
        SaveImages(images=images, folder=".").run(context)
    assert [entry.name for entry in here.iterdir()] == ["a.png"]


def test_several_sequences_are_saved_or_none(here, context):
    first, second = SaveImages(images=named("a"), folder="."), SaveImages(images=named("b"), folder=".")
    assert save_together((first, second), context) == (("a.png",), ("b.png",))
    third = SaveImages(images=named("c"), folder=".")
    with pytest.raises(FileError, match=r"b\.png"):
        save_together((third, second), context)
    assert not (here / "c.png").exists()
    with pytest.raises(InputError, match=r"c\.png: would be written twice"):
        save_together((third, third), context)
    with pytest.raises(InputError, match="only one picture"):
        save_together((SaveImages(images=named("d"), folder="-"), third), context)
    assert not (here / "c.png").exists()
