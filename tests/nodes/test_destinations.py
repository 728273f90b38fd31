"""What becomes of a file in the way: the three policies, for every node that writes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganplugin.errors import FileError
from ganplugin.nodes import Context, Interpolate, Sample, SaveImages, SaveLatents, SaveVideo
from ganplugin.nodes.context import SilentReporter
from ganplugin.nodes.destinations import free_path, holds
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Origin, Recipe
from tests.nodes.kit import latents, load, noise, save, sequence


class Messages(SilentReporter):
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.said: list[str] = []

    def message(self, text):
        self.said.append(text)


def policy(existing) -> Context:
    return Context(device="cpu", existing=existing, reporter=Messages())


WRITERS = ["images", "video", "latents"]


@pytest.fixture
def writer(models, here):
    """Return a function that makes a node of a kind, with one of two contents, which writes ``out/x.*``."""
    model = load(models / "full.onnx")

    def make(kind, content=1, **inputs):
        sampled = Sample(model=model, seeds=str(content)).run(Context(device="cpu"))
        if kind == "images":
            return SaveImages(images=sampled.images, folder="out", name="x", **inputs)
        if kind == "latents":
            return SaveLatents(latents=sampled.latents, path="out/x.npz", **inputs)
        walk = Interpolate(model=model, seeds="1,2", frames=2 + content).run(Context(device="cpu"))
        return SaveVideo(images=walk.images, path="out/x.gif", **inputs)

    return make


def content(folder="out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


@pytest.mark.parametrize("kind", WRITERS)
def test_refuse_leaves_every_file_alone(writer, kind, rendered):
    writer(kind).run(policy("refuse"))
    before = content()
    rendered.clear()
    with pytest.raises(FileError, match=r"x\.\w+: exists already"):
        writer(kind).destinations(policy("refuse"))
    with pytest.raises(FileError, match=r"x\.\w+: exists already"):
        writer(kind).run(policy("refuse"))
    assert content() == before
    assert rendered == []


@pytest.mark.parametrize("kind", WRITERS)
def test_keep_keeps_the_very_work_and_refuses_another(writer, kind, rendered):
    first = writer(kind).run(policy("keep"))
    before = content()
    rendered.clear()
    keeping = policy("keep")
    assert writer(kind).destinations(keeping) == ()
    assert writer(kind).run(keeping) == first
    assert rendered == []
    assert len(keeping.reporter.said) == 1
    assert "there already, as asked" in keeping.reporter.said[0]
    with pytest.raises(FileError, match=r"x\.\w+: exists already"):
        writer(kind, 7).run(keeping)
    assert content() == before


@pytest.mark.parametrize("kind", WRITERS)
def test_keep_refuses_what_is_no_work_of_ours(writer, kind):
    Path("out").mkdir()
    for suffix in ("png", "gif", "npz"):
        Path(f"out/x.{suffix}").write_bytes(b"mine")
    with pytest.raises(FileError, match=r"x\.\w+: exists already"):
        writer(kind).run(policy("keep"))
    assert set(content().values()) == {b"mine"}


@pytest.mark.parametrize("kind", WRITERS)
def test_number_writes_beside_what_is_there(writer, kind):
    for number, name in enumerate(("x", "x-2", "x-3")):
        made = writer(kind, number + 1)
        (planned,) = made.destinations(policy("number"))
        made.run(policy("number"))
        assert planned.stem == name
    assert [name.partition(".")[0] for name in content()] == ["x-2", "x-3", "x"]
    assert len(set(content().values())) == 3


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("existing", ["refuse", "keep", "number"])
def test_overwrite_goes_before_the_policy(writer, kind, existing):
    writer(kind).run(policy("refuse"))
    before = content()
    writer(kind, 7, overwrite=True).run(policy(existing))
    assert content().keys() == before.keys()
    assert content() != before


def test_numbered_pictures_of_one_node_do_not_take_each_other_s_names(models, here):
    images = Sample(model=load(models / "full.onnx"), seeds="1,1,2,2").run(Context(device="cpu")).images
    Path("out").mkdir()
    Path("out/seed-0001.png").write_bytes(b"mine")
    numbering = policy("number")
    made = SaveImages(images=images, folder="out")
    planned = made.destinations(numbering)
    paths = made.run(numbering).paths
    assert paths == tuple(map(str, planned))
    assert [Path(path).name for path in paths] == [
        "seed-0001-3.png",
        "seed-0001-2.png",
        "seed-0002.png",
        "seed-0002-2.png",
    ]
    assert len(content()) == 5


def test_keep_writes_only_the_pictures_that_are_missing(models, here, rendered):
    images = Sample(model=load(models / "full.onnx"), seeds="1-4").run(Context(device="cpu")).images
    made = SaveImages(images=images, folder="out")
    paths = made.run(policy("keep")).paths
    before = content()
    Path(paths[2]).unlink()
    rendered.clear()
    keeping = policy("keep")
    assert [path.name for path in made.destinations(keeping)] == ["seed-0003.png"]
    assert made.run(keeping).paths == paths
    assert rendered == [1]
    assert keeping.reporter.said == ["3 of 4 pictures are there already, as asked"]
    assert content() == before


def test_keep_refuses_latents_of_another_model_or_other_seeds(here):
    values = np.ones((2, 4), np.float32)
    SaveLatents(latents=latents(values, digest="a" * 64, seeds=(1, 2)), path="x.npz").run(policy("keep"))
    for other in (
        latents(values, digest="b" * 64, seeds=(1, 2)),
        latents(values, digest="a" * 64, seeds=(1, 3)),
        latents(values * 2, digest="a" * 64, seeds=(1, 2)),
        latents(values[:1], digest="a" * 64, seeds=(1,)),
    ):
        with pytest.raises(FileError, match="exists already"):
            SaveLatents(latents=other, path="x.npz").run(policy("keep"))
    same = latents(values, digest="a" * 64, seeds=(1, 2))
    assert SaveLatents(latents=same, path="x.npz").destinations(policy("keep")) == ()


def test_keep_looks_at_the_format_too(here):
    pictures = sequence([noise(4, 4)])
    SaveImages(images=pictures, folder=".", name="x", format="webp").run(policy("keep"))
    Path("x.webp").rename("x.png")
    with pytest.raises(FileError, match="exists already"):
        SaveImages(images=pictures, folder=".", name="x").run(policy("keep"))


def test_a_free_path_is_itself(here):
    for existing in ("refuse", "keep", "number"):
        assert free_path(Path("a.png"), existing, overwrite=False) == Path("a.png")
    Path("a.b.png").touch()
    assert free_path(Path("a.b.png"), "number", overwrite=False) == Path("a.b-2.png")
    planned = {Path("a.b-2.png"), Path("a.b-3.png")}
    assert free_path(Path("a.b.png"), "number", overwrite=False, planned=planned) == Path("a.b-4.png")
    assert free_path(Path("new.png"), "number", overwrite=False, planned={Path("new.png")}) == Path("new.png")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_a_link_that_leads_nowhere_is_in_the_way(here):
    Path("a.png").symlink_to("nowhere.png")
    assert free_path(Path("a.png"), "number", overwrite=False) == Path("a-2.png")
    with pytest.raises(FileError, match="exists already"):
        free_path(Path("a.png"), "refuse", overwrite=False)


def test_a_name_that_no_disk_takes_is_an_error_in_words(here):
    with pytest.raises(FileError, match="name too long"):
        free_path(Path("x" * 5000), "number", overwrite=False)


def test_what_holds_a_recipe(here):
    origin = Origin(Recipe("Test"), 0)
    text = provenance_text(origin, "png", {})
    asked: list[int] = []

    def wanted():
        asked.append(1)
        return text

    assert not holds(Path("none.png"), wanted)
    assert not holds(Path(), wanted)
    assert asked == []
    save(here / "plain.png")
    assert not holds(here / "plain.png", wanted)
    SaveImages(images=replace(sequence([noise(2, 2)]), origin=lambda index: origin), folder=".").run(policy("refuse"))
    assert holds(Path("picture.png"), wanted)
    assert not holds(Path("picture.png"), lambda: provenance_text(replace(origin, index=1), "png", {}))
