from __future__ import annotations

import weakref

import numpy as np
import pytest

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes import ContactSheet, Context, Images, JoinImages, LoadImages, Sample, contact_sheet
from ganplugin.nodes.join_images import join
from tests.nodes.kit import load, noise, save, sequence


def test_a_sheet_is_drawn_when_it_is_looked_at(models, context, rendered):
    images = Sample(model=load(models / "full.onnx"), seeds="0-5").run(context).images
    out = ContactSheet(images=images, columns=3).run(context).images
    assert len(out) == 1
    assert rendered == []
    plain, captioned = out[0], ContactSheet(images=images, columns=3, captions=True).run(context).images[0]
    assert plain.shape[1] > plain.shape[0]
    assert captioned.shape[0] > plain.shape[0]
    assert ContactSheet(images=images, columns=3, cell=16).run(context).images[0].shape[1] < plain.shape[1]
    assert out.origin(0).name == "sheet"
    assert list(out.origin(0).models) == ["full.onnx"]


def test_large_pictures_are_shrunk_as_they_come(context):
    alive: list[int] = []

    def render(start, stop):
        picture = np.zeros((1200, 600, 3), np.float32)
        alive.append(1)
        weakref.finalize(picture, alive.pop)
        assert len(alive) <= 3
        return [picture]

    plain = sequence([])
    many = Images(12, render, plain.origin, plain.recipe)
    assert max(ContactSheet(images=many, columns=12).run(context).images[0].shape) < 12 * 300
    assert ContactSheet(images=many, columns=1, cell=30).run(context).images[0].shape[0] <= 12 * 40


def test_a_sheet_of_very_many_pictures_has_small_cells(context, monkeypatch):
    pictures = sequence([noise(64, 64)] * 12)
    free = ContactSheet(images=pictures, columns=4).run(context).images[0]
    monkeypatch.setattr(contact_sheet, "_PIXELS", 12 * 40**2)
    tight = ContactSheet(images=pictures, columns=4).run(context).images[0]
    assert free.shape[0] > 3 * 192
    assert 3 * 40 < tight.shape[0] < 3 * 40 + 100


def test_a_sheet_of_nothing_is_nothing(context):
    assert len(ContactSheet(images=sequence([])).run(context).images) == 0


def test_drawing_a_sheet_can_be_cancelled():
    drawn = ContactSheet(images=sequence([noise(4, 4)])).run(Context(cancelled=lambda: True)).images
    with pytest.raises(Cancelled):
        drawn[0]


def test_a_sheet_knows_all_ingredients_and_the_provider(models, here, context):
    save(here / "photo.png")
    photo = LoadImages(path="photo.png").run(context).images
    sampled = Sample(model=load(models / "full.onnx"), seeds="0").run(context).images
    origin = ContactSheet(images=join((photo, sampled), context)).run(context).images.origin(0)
    assert (list(origin.inputs), list(origin.models)) == (["photo.png"], ["full.onnx"])
    assert (origin.provider, origin.threads) == ("CPUExecutionProvider", 2)


def test_joined_sequences_keep_their_order_and_are_rendered_in_part(context):
    asked: list[tuple[str, int, int]] = []

    def logged(name, count):
        pictures = sequence([noise(2, 2, seed=index) for index in range(count)], name=name)

        def render(start, stop):
            asked.append((name, start, stop))
            return pictures.render(start, stop)

        return Images(count, render, pictures.origin, pictures.recipe, 2)

    both = JoinImages(a=logged("a", 3), b=logged("b", 4)).run(context).images
    assert (len(both), both.chunk) == (7, 2)
    whole = list(both)
    assert [both.origin(index).name for index in (0, 2, 3, 6)] == ["a-0", "a-2", "b-0", "b-3"]
    assert np.array_equal(whole[3], whole[0])
    asked.clear()
    for cut in range(8):
        assert [p.tobytes() for p in (*both.render(0, cut), *both.render(cut, 7))] == [p.tobytes() for p in whole]
    asked.clear()
    assert both[5].shape == (2, 2, 3)
    assert asked == [("b", 2, 3)]


def test_a_chain_joins_any_number(context):
    parts = [sequence([noise(2, 2, seed=index)], name=f"p{index}") for index in range(4)]
    joined = join(parts, context)
    assert [origin.name for origin in joined.origins()] == ["p0-0", "p1-0", "p2-0", "p3-0"]
    assert join(parts[:1], context) is parts[0]


def test_a_batch_needs_one_size(context):
    assert sequence([noise(2, 2)] * 3).batch().shape == (3, 2, 2, 3)
    assert sequence([]).batch().shape == (0, 1, 1, 3)
    with pytest.raises(InputError, match="differ in size"):
        sequence([noise(2, 2), noise(2, 3)]).batch()
