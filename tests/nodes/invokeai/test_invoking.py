"""What the nodes do between InvokeAI's links: pictures in its store, all else as the call that makes it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import FileError, InputError
from ganplugin.images import from_uint8, to_uint8
from ganplugin.nodes import Context, LoadImages, Sample, StyleTransfer
from ganplugin.nodes.again import Ingredients, render_again
from ganplugin.nodes.invokeai.hosting import HOME, context_of
from ganplugin.provenance import parse_provenance
from tests.nodes.invokeai.stand_in import CanceledException, ImageCategory, ImageField, MetadataField
from tests.nodes.kit import as_levels, load, save


def pixels(host, fields):
    return [as_levels(host.folder / field.image_name) for field in fields]


def model(host, name="full.onnx"):
    return host.run("ganplugin_load_model", model=name).model


def record(host, field):
    metadata = next(data for name, _, data in host.saved if name == field.image_name)
    return parse_provenance({"invokeai_metadata": json.dumps(metadata)})


def test_pictures_are_those_of_a_run_without_a_host(stocked, models):
    found = stocked.run("ganplugin_sample", model=model(stocked), seeds="3,5", seed=2)
    whole = Sample(model=load(models / "full.onnx"), seeds="5,7").run(Context(device="cpu")).images
    assert np.array_equal(pixels(stocked, found.images), [to_uint8(picture) for picture in whole])
    assert [data["seed"] for _, _, data in stocked.saved] == [5, 7]
    assert {category for _, category, _ in stocked.saved} == {ImageCategory.GENERAL}


def test_one_picture_or_several_go_into_the_next_node(stocked, models):
    pictures = stocked.run("ganplugin_sample", model=model(stocked), seeds="1-2").images
    painter = model(stocked, "styles.onnx#night")
    every = stocked.run("ganplugin_style_transfer", model=painter, images=pictures).images
    one = stocked.run("ganplugin_style_transfer", model=painter, images=pictures[1]).images
    photos = LoadImages(path=str(stocked.folder / pictures[1].image_name)).run(Context()).images
    plain = StyleTransfer(model=load(models / "styles.onnx#night"), images=photos).run(Context(device="cpu")).images
    assert np.array_equal(pixels(stocked, every)[1], to_uint8(plain[0]))
    assert np.array_equal(pixels(stocked, one)[0], to_uint8(plain[0]))
    assert record(stocked, one[0]).inputs.keys() == {pictures[1].image_name}


def test_latents_are_made_where_they_are_needed(stocked):
    network = model(stocked)
    first = stocked.run("ganplugin_sample", model=network, seeds="1-2")
    same = stocked.run("ganplugin_sample", model=network, latents=first.latents)
    assert np.array_equal(pixels(stocked, same.images), pixels(stocked, first.images))
    mixed = stocked.run("ganplugin_mix_styles", model=network, a=first.latents, b=first.latents).latents
    again = stocked.run("ganplugin_sample", model=network, latents=mixed)
    assert np.array_equal(pixels(stocked, again.images), pixels(stocked, first.images))
    assert len(mixed.graph) == 3
    assert str(stocked.settings.root_path) not in json.dumps(record(stocked, again.images[0]).model_dump())


def test_a_picture_says_how_it_was_made_and_is_made_again_from_that(stocked, tmp_path, models):
    photo = save(stocked.folder / "photo.png")
    mask = save(stocked.folder / "mask.png", channels=1, seed=3)
    inputs = {"images": [ImageField(image_name=photo.name)], "mask": ImageField(image_name=mask.name)}
    linked = MetadataField({"prompt": "waves"})
    network = model(stocked, "styles.onnx#night")
    (made,) = stocked.run("ganplugin_style_transfer", model=network, metadata=linked, **inputs).images
    assert stocked.saved[-1][2]["prompt"] == "waves"
    places = Ingredients((stocked.folder, models))
    render_again(record(stocked, made), tmp_path / "again.png", places, Context(device="cpu"), overwrite=False)
    assert np.array_equal(as_levels(tmp_path / "again.png"), pixels(stocked, [made])[0])


def test_masks_are_grey_pictures_beside_the_gallery(stocked):
    save(stocked.settings.root_path / HOME / "inputs" / "cut.png", channels=4)
    found = stocked.run("ganplugin_load_images", path="cut.png")
    assert [category for _, category, _ in stocked.saved] == [ImageCategory.GENERAL, ImageCategory.MASK]
    picture, mask = pixels(stocked, [*found.images, *found.masks])
    assert np.array_equal(mask, 255 - picture[..., 3])
    untouched = {"model": model(stocked, "styles.onnx#night"), "images": found.images, "mask": found.masks}
    painted = pixels(stocked, stocked.run("ganplugin_style_transfer", **untouched).images)[0]
    assert np.array_equal(painted[mask == 0], picture[mask == 0])
    assert not np.array_equal(painted, picture)


def test_numbers_texts_and_files(stocked):
    pictures = stocked.run("ganplugin_sample", model=model(stocked, "plain.onnx"), seeds="1-3").images
    ranked = stocked.run("ganplugin_score", model=model(stocked, "scorer.onnx"), images=pictures)
    assert ranked.scores == sorted(ranked.scores, reverse=True)
    written = [stocked.run("ganplugin_save_images", images=pictures[0], folder="a", name="b").paths for _ in range(2)]
    outputs = stocked.settings.root_path / HOME / "outputs" / "a"
    assert written == [[str(outputs / "b.png")], [str(outputs / "b-2.png")]]
    with Image.open(outputs / "b.png") as image:
        assert np.array_equal(from_uint8(np.asarray(image)), from_uint8(pixels(stocked, pictures)[0]))
    with pytest.raises(InputError, match="outside the output folder"):
        stocked.run("ganplugin_save_images", images=pictures, folder="../elsewhere")


def test_progress_and_previews_are_shown(stocked):
    stocked.run("ganplugin_sample", model=model(stocked), seeds="1-2")
    assert [share for label, share, size in stocked.events if label == "Rendering" and size is None] == [0, 0.5, 1]
    shown = [size for _, _, size in stocked.events if size is not None]
    assert shown == [as_levels(stocked.folder / name).shape[1::-1] for name, _, _ in stocked.saved]


def test_what_a_node_tells_is_shown(stocked):
    stocked.run("ganplugin_sample", model=model(stocked, "classes.onnx"), seeds="1")
    assert any(label == "classes.onnx: on CPU" for label, _, _ in stocked.events)
    assert any(label.startswith("no label given: using 'cat'") for label, _, _ in stocked.events)


def test_a_cancelled_node_stops_before_its_next_picture(stocked):
    network = model(stocked)
    stocked.stop_after = 2
    with pytest.raises(CanceledException):
        stocked.run("ganplugin_sample", model=network, seeds="0-9")
    assert len(stocked.saved) == 2


def test_errors_are_one_line(stocked):
    with pytest.raises(FileError, match=r"^nowhere\.onnx: there is no such model file - .*$"):
        model(stocked, "nowhere.onnx")
    with pytest.raises(InputError, match=r"^label 'dog': this network knows no classes - leave the label out$"):
        stocked.run("ganplugin_sample", model=model(stocked), label="dog")


def test_a_model_that_changed_after_it_was_loaded_is_refused(stocked):
    network, folder = model(stocked), stocked.settings.root_path / HOME / "models"
    (folder / "full.onnx").write_bytes((folder / "alpha.onnx").read_bytes())
    with pytest.raises(InputError, match=r"full\.onnx: has changed since the node before this one ran"):
        stocked.run("ganplugin_sample", model=network)


@pytest.mark.parametrize(("setting", "device"), [("cpu", "cpu"), ("auto", "auto"), ("cuda:1", "auto")])
def test_a_host_that_is_kept_to_the_processor_keeps_us_to_it(invokeai, setting, device):
    invokeai.settings.device = setting
    assert context_of(invokeai).device == device
