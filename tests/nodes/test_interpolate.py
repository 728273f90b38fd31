from __future__ import annotations

import numpy as np
import pytest

from ganplugin.errors import InputError
from ganplugin.nodes import Context, Interpolate, Sample
from ganplugin.seeds import seed_latents
from tests.nodes.kit import latents, load

CURVES = ["auto", "straight", "spline", "circle"]


def test_ten_thousand_frames_cost_nothing_until_looked_at(models, context, rendered):
    out = Interpolate(model=load(models / "full.onnx"), frames=10_000).run(context)
    assert len(out.images) == len(out.latents) == 10_000
    assert rendered == []
    assert out.images[5_000].shape == (8, 8, 3)
    assert out.images.origin(9_999).name == "frame-09999"
    assert rendered == [1]


def test_frames_do_not_depend_on_how_they_are_cut(models, context):
    model = load(models / "full.onnx")
    images = Interpolate(model=model, seeds="1,2,3", frames=13).run(context).images
    whole = images.batch()
    alone = [images[index] for index in reversed(range(13))]
    assert np.stack(alone[::-1]).tobytes() == whole.tobytes()
    by_three = Context(device="cpu", batch=3)
    cut = Interpolate(model=load(models / "full.onnx", by_three), seeds="1,2,3", frames=13).run(by_three).images
    assert cut.chunk == 3
    assert cut.batch().tobytes() == whole.tobytes()


@pytest.mark.parametrize("easing", ["linear", "smooth", "ease-in-out", "sine"])
@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("space", ["z", "w"])
def test_the_last_frame_meets_the_first(models, context, space, curve, easing):
    seeds = "3,1,4" if curve == "circle" else "3,1,4,5"
    walk = Interpolate(
        model=load(models / "full.onnx"), seeds=seeds, frames=48, space=space, curve=curve, easing=easing
    ).run(context)
    for frames in (walk.latents.array(), walk.images.batch()):
        flat = frames.reshape(48, -1).astype(np.float64)
        steps = np.linalg.norm(np.diff(flat, axis=0, append=flat[:1]), axis=1)
        assert steps[-1] <= steps[:-1].max() * 1.001
        assert steps[:-1].min() > 0


@pytest.mark.parametrize("curve", CURVES)
def test_open_walks_reach_both_ends(models, context, curve):
    walk = Interpolate(model=load(models / "full.onnx"), seeds="3,1", frames=9, space="z", curve=curve, loop=False).run(
        context
    )
    values = walk.latents.array()
    assert np.allclose(values[0], seed_latents((3,), 4), atol=1e-6)
    last = seed_latents((3,), 4) if curve == "circle" else seed_latents((1,), 4)
    assert np.allclose(values[-1], last, atol=1e-6)


def test_key_frames_are_the_samples_of_their_seeds(models, context):
    model = load(models / "full.onnx")
    for space in ("z", "w"):
        walk = Interpolate(model=model, seeds="3,1,4", frames=12, space=space, truncation=0.6).run(context).images
        keys = Sample(model=model, seeds="3,1,4", truncation=0.6).run(context).images.batch()
        assert np.allclose(np.stack([walk[0], walk[4], walk[8]]), keys, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "inputs", "space"),
    [
        ("full.onnx", {}, "w"),
        ("plain.onnx", {}, "z"),
        ("full.onnx", {"space": "z"}, "z"),
        ("full.onnx", {"space": "w"}, "w"),
        ("full.onnx", {"curve": "circle", "seeds": "1,2"}, "z"),
        ("full.onnx", {"curve": "circle", "seeds": "1,2", "space": "w"}, "w"),
    ],
)
def test_the_space_of_a_walk(models, context, model, inputs, space):
    assert Interpolate(model=load(models / model), **inputs).run(context).latents.space == space


def test_given_latents_are_the_keys(models, context):
    model = load(models / "full.onnx")
    w = latents(model.session.map_latents(seed_latents((1, 2, 3), 4)), space="w", digest=model.digest)
    for space in ("auto", "z", "w"):
        walk = Interpolate(model=model, latents=w, frames=6, space=space).run(context)
        assert walk.latents.space == "w"
        assert np.allclose(walk.latents.array()[::2], w.array(), atol=1e-6)
    z = latents(seed_latents((1, 2, 3), 4))
    mapped = Interpolate(model=model, latents=z, frames=6).run(context).latents
    assert np.allclose(mapped.array()[::2], w.array(), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        ("full.onnx", {"seeds": "3"}, "seeds: a walk needs two keys or more"),
        ("full.onnx", {"noise": "seeded"}, "noise seeded: flickers"),
        ("plain.onnx", {"space": "w"}, "space w: this network has no W space"),
        ("full.onnx", {"curve": "circle", "seeds": "1-4"}, "a circle is drawn by 2 or 3 latents"),
        ("scorer.onnx", {}, "a generator is needed"),
        ("full.onnx", {"latents": latents(np.zeros((1, 4), np.float32))}, "two keys or more"),
        ("full.onnx", {"latents": latents(np.zeros((2, 5), np.float32))}, "the latents (5,)"),
        ("full.onnx", {"latents": latents(np.zeros((2, 4), np.float32), digest="0" * 64)}, "another model"),
        (
            "full.onnx",
            {"latents": latents(np.zeros((2, 3, 6), np.float32), space="w"), "truncation": 0.5},
            "truncated already",
        ),
    ],
)
def test_refusals(models, context, rendered, model, inputs, message):
    node = Interpolate(model=load(models / model), **inputs)
    with pytest.raises(InputError) as refused:
        node.run(context)
    assert message in str(refused.value)
    assert rendered == []


def test_a_spline_has_no_corners_where_straight_lines_have(models, context):
    model = load(models / "full.onnx")

    def sharpest(curve):
        walk = Interpolate(model=model, seeds="3,1,4", frames=60, space="w", curve=curve).run(context).latents
        steps = np.diff(walk.array().reshape(60, -1).astype(np.float64), axis=0)
        return np.linalg.norm(np.diff(steps, axis=0), axis=1).max()

    assert sharpest("spline") < sharpest("straight") / 2
    assert sharpest("auto") == sharpest("spline")


def test_seed_is_added_to_the_seeds_of_the_keys(models, context):
    model = load(models / "full.onnx")
    shifted = Interpolate(model=model, seeds="1,2", frames=5, seed=7).run(context)
    plain = Interpolate(model=model, seeds="8,9", frames=5).run(context)
    assert shifted.images.batch().tobytes() == plain.images.batch().tobytes()
    assert np.array_equal(shifted.latents.array(), plain.latents.array())
    with pytest.raises(InputError, match="seed 4294967295: 4294967297 is above 4294967295"):
        Interpolate(model=model, seeds="1,2", seed=2**32 - 1).run(context)
