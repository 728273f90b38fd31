from __future__ import annotations

import io
import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from ganplugin.errors import FileError, ImageError, InputError
from ganplugin.files import file_digest
from ganplugin.nodes import LoadImages
from ganplugin.nodes.context import Folders
from ganplugin.nodes.values import Masks
from tests.nodes.kit import noise, save


def names(path, context):
    images = LoadImages(path=path).run(context).images
    return [next(iter(origin.inputs)) for origin in images.origins()]


def test_pictures_folders_and_patterns_in_order(here, context):
    for name in ("b/10.png", "b/2.png", "b/notes.txt", "a.png", "c/x.jpg"):
        save(here / name) if not name.endswith("txt") else (here / name).write_text("x")
    assert names("a.png", context) == ["a.png"]
    assert names("b", context) == ["b/2.png", "b/10.png"]
    assert names("c/*.jpg\na.png\nb", context) == ["c/x.jpg", "a.png", "b/2.png", "b/10.png"]
    assert names(str(here / "b" / "2.png"), context) == ["b/2.png"]


@pytest.mark.parametrize(
    "name", ["two words.png", "#1.png", "[a].png", "ä😀.png", "-.png", "a\u2028b.png", " lead.png"]
)
def test_names_may_hold_odd_characters(here, context, name):
    save(here / name, seed=3)
    images = LoadImages(path=name).run(context).images
    assert np.array_equal(images[0], noise(6, 9, seed=3))
    assert images.origin(0).name == name.removesuffix(".png")


def test_spaces_around_a_line_are_forgiven(here, context):
    save(here / "a.png")
    assert names(" a.png \r\n\n", context) == ["a.png"]


def test_files_outside_the_working_folder_keep_their_folders_to_themselves(here, context, tmp_path_factory):
    elsewhere = save(tmp_path_factory.mktemp("private") / "me.png")
    assert names(str(elsewhere), context) == ["me.png"]
    assert names(os.path.relpath(elsewhere), context) == ["me.png"]


def test_files_of_one_name_outside_are_told_apart_by_their_folders(here, context, tmp_path_factory):
    outside = tmp_path_factory.mktemp("private")
    for folder in ("a", "b"):
        save(outside / folder / "1.png", seed=ord(folder))
    save(outside / "b" / "2.png")
    paths = [str(outside / name) for name in ("a/1.png", "b/1.png", "b/2.png", "a/1.png")]
    images = LoadImages(path="\n".join(paths)).run(context).images
    assert [next(iter(origin.inputs)) for origin in images.origins()] == ["a/1.png", "b/1.png", "2.png", "a/1.png"]
    assert [origin.source for origin in images.origins()] == paths
    save(here / "cat.png")
    assert names("cat.png\ncat.png", context) == ["cat.png", "cat.png"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text there")
def test_names_that_are_no_text_can_be_recorded(here, context):
    (here / "odd").mkdir()
    save(here / "a.png").rename(os.fsdecode(b"odd/\xff.png"))
    origin = LoadImages(path="odd").run(context).images.origin(0)
    assert list(origin.inputs) == ["odd/\ufffd.png"]


def test_alpha_and_masks(here, context):
    save(here / "rgba.png", channels=4)
    save(here / "rgb.png")
    save(here / "grey.png", channels=1)
    out = LoadImages(path="rgba.png\nrgb.png\ngrey.png").run(context)
    assert [picture.shape[2] for picture in out.images] == [4, 3, 3]
    assert np.allclose(out.masks[0][..., 0], 1 - out.images[0][..., 3])
    assert out.masks[1].shape == (6, 9, 1)
    assert not out.masks[1].any()
    assert out.masks.recipe.output == 1


def test_masks_may_be_how_bright_a_picture_is(here, context):
    save(here / "grey.png", channels=1)
    save(here / "rgba.png", channels=4)
    out = LoadImages(path="grey.png\nrgba.png", mask_from="brightness").run(context)
    assert np.array_equal(out.masks[0], out.images[0][..., :1])
    assert np.array_equal(out.masks[1][..., 0], out.images[1][..., :3].max(axis=2))
    assert out.masks.origin(1).recipe.inputs == (("mask_from", "brightness"), ("path", "rgba.png"))


def test_one_picture_may_come_through_standard_input(here, context, monkeypatch):
    data = save(here / "a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    out = LoadImages(path="-").run(context)
    assert np.array_equal(out.images[0], noise(6, 9))
    assert out.images.origin(0).name == "stdin"
    assert list(out.images.origin(0).inputs) == ["-"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(ImageError, match="standard input: is empty"):
        LoadImages(path="-").run(context)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(FileError, match="closed"):
        LoadImages(path="-").run(context)


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("no.png", FileError, "no.png: no such file or folder"),
        ("empty", FileError, "empty: holds no pictures"),
        ("*.bmp", FileError, "no such file or folder"),
        ("a.png\nno.png", FileError, "no.png"),
        ("a.png\n-", FileError, "-"),
        (" \n ", InputError, "path: names no picture"),
        ("x" * 5000, FileError, "name too long"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_rendered(here, context, path, error, message):
    save(here / "a.png")
    (here / "empty").mkdir()
    with pytest.raises(error) as refused:
        LoadImages(path=path).run(context)
    assert message in str(refused.value)


def test_a_picture_s_digest_is_that_of_the_bytes_that_were_rendered(here, context):
    save(here / "a.png")
    images = LoadImages(path="a.png").run(context).images
    first = images.origin(0).inputs["a.png"]
    assert first == file_digest(here / "a.png")
    save(here / "a.png", seed=9)
    assert images.origin(0).inputs["a.png"] == first
    assert np.array_equal(images[0], noise(6, 9, seed=9))
    assert images.origin(0).inputs["a.png"] == file_digest(here / "a.png") != first


def test_what_is_no_picture_is_named(here, context):
    (here / "text.png").write_text("hello")
    whole = save(here / "cut.png").read_bytes()
    (here / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in ("text.png", "cut.png"):
        with pytest.raises(ImageError, match=name):
            LoadImages(path=name).run(context).images[0]


def test_pictures_are_looked_for_in_the_input_folders_first(here, context, tmp_path_factory):
    inputs = tmp_path_factory.mktemp("input")
    save(here / "a.png", seed=1)
    save(here / "only.png", seed=4)
    save(inputs / "a.png", seed=2)
    save(inputs / "sub" / "b.png", seed=3)
    hosted = replace(context, folders=Folders(inputs=(here / "none", inputs)))
    for path, seeds in (("a.png", [2]), ("sub", [3]), ("sub/*.png\na.png", [3, 2]), ("only.png", [4])):
        images = LoadImages(path=path).run(hosted).images
        assert all(np.array_equal(p, noise(6, 9, seed=seed)) for p, seed in zip(images, seeds, strict=True)), path
    assert names("sub\na.png", hosted) == ["sub/b.png", "a.png"]
    assert names(str(here / "a.png"), hosted) == ["a.png"]
    assert np.array_equal(LoadImages(path=str(here / "a.png")).run(hosted).images[0], noise(6, 9, seed=1))


def test_spaces_around_a_name_count_in_an_input_folder_too_if_there_is_such_a_file(here, context, tmp_path_factory):
    inputs = tmp_path_factory.mktemp("input")
    save(inputs / " lead.png", seed=1)
    save(inputs / "plain.png", seed=2)
    hosted = replace(context, folders=Folders(inputs=(inputs,)))
    assert names(" lead.png\n plain.png ", hosted) == [" lead.png", "plain.png"]


def test_masks_are_1_where_a_picture_is_transparent_and_have_its_size(here, context):
    save(here / "rgba.png", channels=4)
    save(here / "rgb.png")
    out = LoadImages(path="rgba.png\nrgb.png").run(context)
    assert isinstance(out.masks, Masks)
    assert np.array_equal(out.masks[0][..., 0], 1 - out.images[0][..., 3])
    assert out.masks[1].shape == (6, 9, 1)
    assert not out.masks[1].any()
    assert [origin.recipe.output for origin in out.masks.origins()] == [1, 1]
    assert [next(iter(origin.inputs)) for origin in out.masks.origins()] == ["rgba.png", "rgb.png"]
