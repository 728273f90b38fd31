from __future__ import annotations

import numpy as np
import pytest

from ganplugin.errors import ImageError, InputError
from ganplugin.images import encode_picture, to_uint8
from ganplugin.nodes import Images, JoinImages, Sample, SaveImages, Score, StyleTransfer
from ganplugin.nodes.graph import Evaluation, Graph, Link
from ganplugin.nodes.picture_store import MemoryStore
from ganplugin.nodes.values import Masks, RenderBoth
from ganplugin.runtime import Model
from tests.nodes.kit import load, node, noise, sequence

GREY = sequence([noise(4, 4, 1)])
MASKS = Masks(1, GREY.render, GREY.origin, GREY.recipe)


def in_levels(*pictures):
    """Return pictures that are known as levels alone: whoever asks for floats fails."""
    levels = [to_uint8(picture) for picture in pictures]
    plain = sequence(pictures)

    def render(start, stop):
        raise AssertionError("nobody needs floats")

    return Images(
        len(levels), RenderBoth(render, lambda start, stop: levels[start:stop]), plain.origin, plain.recipe, 2
    )


def same(images):
    levels = images.levels(0, len(images))
    assert all(picture.dtype == np.uint8 for picture in levels)
    assert all(np.array_equal(a, to_uint8(b)) for a, b in zip(levels, images, strict=True))
    return levels


def test_pictures_without_a_faster_way_are_rounded():
    pictures = sequence([noise(3, 4) * 0.9, noise(5, 2, 4)])
    assert len(same(pictures)) == 2
    with pytest.raises(ImageError, match="NaN"):
        sequence([np.full((2, 2, 3), np.nan, np.float32)]).levels(0, 1)


def test_levels_of_some_numbers_are_computed_in_runs():
    asked = []
    levels = [np.full((1, 1, 1), value, np.uint8) for value in range(8)]

    def render(start, stop):
        asked.append((start, stop))
        return levels[start:stop]

    plain = sequence([noise(1, 1)])
    images = Images(8, RenderBoth(plain.render, render), plain.origin, plain.recipe, 2)
    assert [int(picture[0, 0, 0]) for picture in images.levels_at((0, 1, 2, 5, 7, 6))] == [0, 1, 2, 5, 7, 6]
    assert asked == [(0, 2), (2, 3), (5, 6), (7, 8), (6, 7)]


@pytest.mark.parametrize("kind", ["png", "webp", "jpg"])
def test_a_saver_writes_levels_as_they_are(here, context, kind):
    pictures = [noise(4, 5), noise(4, 5, 4, seed=2)]
    saved = SaveImages(images=in_levels(*pictures), folder="out", format=kind).run(context)
    floats = SaveImages(images=sequence(pictures), folder="again", format=kind).run(context)
    for one, other in zip(saved.paths, floats.paths, strict=True):
        assert (here / one).read_bytes() == (here / other).read_bytes()
    assert encode_picture(to_uint8(pictures[0]), ".png", text={}) == encode_picture(pictures[0], ".png", text={})


def test_sequences_that_pass_pictures_on_pass_levels_on(models, context):
    a, b = noise(3, 4), noise(2, 2, seed=1)
    joined = JoinImages(a=in_levels(a), b=in_levels(b, a)).run(context).images
    assert [picture.shape for picture in joined.levels(0, 3)] == [(3, 4, 3), (2, 2, 3), (3, 4, 3)]
    same(JoinImages(a=sequence([a]), b=sequence([b])).run(context).images)
    ranked = Score(model=load(models / "scorer.onnx"), images=sequence([a, b, noise(8, 8, seed=3)])).run(context)
    same(ranked.images)


@pytest.mark.parametrize(
    "inputs",
    [
        {"seeds": "0-9"},
        {"seeds": "4,2", "truncation": 0.5, "truncation_cutoff": 1},
        {"seeds": "0-3", "noise": "none"},
        {"seeds": "0-3", "noise": "seeded"},
    ],
)
def test_a_generator_gives_the_levels_of_its_pictures(models, context, inputs):
    model = load(models / "full.onnx")
    sampled = Sample(model=model, **inputs).run(context)
    same(sampled.images)
    if "truncation" not in inputs:
        same(Sample(model=model, latents=sampled.latents, **inputs).run(context).images)


@pytest.mark.parametrize(
    "inputs",
    [{}, {"strength": 0.4}, {"max_side": 5}, {"preserve_color": "luminance"}, {"mask": MASKS}],
)
@pytest.mark.parametrize("name", ["styles.onnx", "painting.onnx", "upscaler.onnx"])
def test_a_style_gives_the_levels_of_its_paintings(models, context, name, inputs):
    style = sequence([noise(4, 4)]) if name == "painting.onnx" else None
    photos = sequence([noise(9, 6), noise(7, 8, 4), noise(5, 5, 1)])
    same(StyleTransfer(model=load(models / name), images=photos, style_image=style, **inputs).run(context).images)


def test_in_a_graph_levels_come_from_the_network_and_errors_name_its_node(models, context, monkeypatch):
    graph = Graph.parse({"1": node("LoadModel", model=str(models / "full.onnx")), "2": node("Sample", model=["1", 0])})
    images = Evaluation(graph, context).value(Link("2", 0))
    assert isinstance(images, Images)
    same(images)

    def fail(self, z, **options):
        raise InputError("does not work today")

    monkeypatch.setattr(Model, "generate_levels", fail)
    with pytest.raises(InputError, match="node 2"):
        images.levels(0, 1)


def test_pictures_that_a_store_holds_are_not_rendered_again_for_their_levels(models, context, rendered):
    graph = Graph.parse(
        {"1": node("LoadModel", model=str(models / "full.onnx")), "2": node("Sample", model=["1", 0], seeds="0-2")}
    )
    images = Evaluation(graph, context, MemoryStore()).value(Link("2", 0))
    assert isinstance(images, Images)
    floats = images.batch()
    rendered.clear()
    assert np.array_equal(images.levels(0, 3), to_uint8(floats))
    assert rendered == []
