"""The embedded models keep the promises that README makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from ganplugin.builtin import catalog
from ganplugin.images import to_uint8
from ganplugin.nodes import Context, Interpolate, LoadModel, Sample, StyleTransfer
from ganplugin.nodes.values import RenderBoth
from tests.nodes.kit import noise, sequence

GENERATORS = [name for name, entry in catalog().items() if entry.kind == "generator"]
STYLES = [name for name, entry in catalog().items() if entry.kind == "style"]


def pictures(name, seeds="0-15", **here):
    context = Context(device="cpu", **here)
    model = LoadModel(model=f"builtin:{name}").run(context).model
    return to_uint8(Sample(model=model, seeds=seeds).run(context).images.batch())


def test_there_are_generators_to_look_at():
    assert len(GENERATORS) >= 2
    assert len(STYLES) >= 2


@pytest.mark.parametrize("name", GENERATORS)
def test_batch_and_order_do_not_change_a_bit(name):
    whole = pictures(name)
    assert np.array_equal(pictures(name, batch=5), whole)
    assert np.array_equal(pictures(name, "15,3,0"), whole[[15, 3, 0]])


@pytest.mark.parametrize("name", GENERATORS)
def test_levels_are_the_pictures_with_8_bits(name):
    context = Context(device="cpu")
    model = LoadModel(model=f"builtin:{name}").run(context).model
    sampled = Sample(model=model, seeds="0-15").run(context).images
    walk = Interpolate(model=model, seeds="0-3", frames=8).run(context).images
    for images in (sampled, walk):
        assert isinstance(images.render, RenderBoth)
        assert np.array_equal(images.levels(0, len(images)), to_uint8(images.batch()))


@pytest.mark.parametrize("name", STYLES)
def test_levels_are_the_paintings_with_8_bits(name):
    context = Context(device="cpu")
    model = LoadModel(model=f"builtin:{name}").run(context).model
    photos = sequence([noise(61, 83), noise(20, 30, 4)])
    painting = sequence([noise(40, 50)]) if "style" in model.session.input_names else None
    painted = StyleTransfer(model=model, images=photos, style_image=painting).run(context).images
    assert isinstance(painted.render, RenderBoth)
    for levels, picture in zip(painted.levels(0, 2), painted, strict=True):
        assert np.array_equal(levels, to_uint8(picture))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("threads", [1, 3])
def test_other_thread_counts_stay_within_one_level_in_ten_thousand_values(name, threads):
    usual, other = (pictures(name, threads=count).astype(int) for count in (2, threads))
    difference = np.abs(usual - other)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= 1e-4 * difference.size


@pytest.mark.parametrize("name", GENERATORS)
def test_the_last_frame_of_a_loop_meets_the_first(name):
    context = Context(device="cpu")
    model = LoadModel(model=f"builtin:{name}").run(context).model
    frames = Interpolate(model=model, seeds="0-3", frames=60).run(context).images.batch()
    steps = np.abs(np.roll(frames, -1, axis=0) - frames).mean(axis=(1, 2, 3))
    assert steps[-1] <= steps[:-1].max()
    assert steps.min() > 0
