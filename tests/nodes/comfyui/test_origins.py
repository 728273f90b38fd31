"""Pictures that come back from ComfyUI are recognised, so that recipes are those of a headless run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ganplugin.images import read_text
from ganplugin.nodes import Context, Sample, SaveImages, StyleTransfer
from ganplugin.nodes.context import Folders
from ganplugin.nodes.core_nodes import LoadImage
from ganplugin.nodes.values import Images, Recipe
from ganplugin.provenance import Provenance, parse_provenance
from tests.nodes.kit import as_levels, load, node, save, sequence

UNKNOWN = Recipe("SomeNode")


@pytest.fixture
def headless(comfy) -> Context:
    models, inputs = comfy.root / "models" / "ganplugin", comfy.root / "input"
    return Context(device="cpu", folders=Folders((models,), (inputs,), comfy.root / "headless"))


@pytest.fixture
def sampled(comfy, headless) -> Images:
    return Sample(model=load("full.onnx", headless), seeds="3-6").run(headless).images


@pytest.fixture
def batch(comfy, sampled) -> torch.Tensor:
    (batch,) = comfy.module("batches").as_batches(iter(sampled), sampled, comfy.root / "temp")
    return batch


def back(comfy, *batches) -> Images:
    return comfy.module("batches").as_images(batches, UNKNOWN)


def test_a_whole_batch_keeps_its_recipe(comfy, sampled, batch):
    again = back(comfy, batch)
    assert again.recipe == sampled.recipe
    assert list(again.origins()) == list(sampled.origins())


def test_a_copy_is_recognised_too(comfy, sampled, batch):
    assert back(comfy, batch.clone()).recipe == sampled.recipe
    assert back(comfy, batch[:2], batch[2:]).recipe == sampled.recipe


@pytest.mark.parametrize("order", [[1, 2], [3, 2, 1, 0], [2], [0, 0]], ids=str)
def test_chosen_pictures_keep_their_own_recipes(comfy, sampled, batch, order):
    again = back(comfy, batch[order])
    assert list(again.origins()) == [sampled.origin(index) for index in order]
    assert again.recipe == UNKNOWN


def test_a_changed_picture_is_not_taken_for_ours(comfy, sampled, batch):
    changed = batch.clone()
    changed[1, 0, 0, 0] += 1 / 1024
    again = back(comfy, changed)
    assert again.recipe == UNKNOWN
    assert again.origin(0) == sampled.origin(0)
    assert again.origin(1).recipe == UNKNOWN
    assert again.origin(1).index == 1
    assert again.origin(1).models == {}


def test_the_same_values_in_another_shape_are_another_picture(comfy):
    half = torch.full((1, 4, 6, 3), 0.5)
    images = sequence([half[0].numpy()])
    comfy.module("batches").as_batches(iter(images), images, comfy.root / "temp")
    assert back(comfy, half).origin(0).recipe == Recipe("Test")
    assert back(comfy, half.reshape(1, 6, 4, 3)).origin(0).recipe == UNKNOWN


def test_old_entries_make_room_for_new_ones(comfy):
    book = comfy.module("origins")._Book(2)
    for number in (0, 1, 0, 2):
        book.note(bytes([number]), number)
    assert [book.find(bytes([number])) for number in range(3)] == [0, None, 2]


def graph() -> dict[str, Any]:
    return {
        "1": node("LoadModel", model="full.onnx", device="cpu"),
        "2": node("Sample", model=["1", 0], seeds="3-5"),
        "3": node("LoadModel", model="styles.onnx#night", device="cpu"),
        "4": node("StyleTransfer", model=["3", 0], images=["2", 0]),
        "5": node("SaveImages", images=["4", 0], folder="out"),
    }


def records(folder: Path) -> list[Provenance]:
    return [parse_provenance(read_text(path)) for path in sorted(folder.iterdir())]


def test_a_saved_picture_has_the_recipe_and_pixels_of_a_headless_run(comfy, headless, sampled):
    comfy.run(graph())
    few = Sample(model=load("full.onnx", headless), seeds="3-5").run(headless).images
    painted = StyleTransfer(model=load("styles.onnx#night", headless), images=few).run(headless).images
    SaveImages(images=painted, folder="out").run(headless)
    ours, theirs = comfy.root / "headless" / "out", comfy.root / "output" / "out"
    assert [path.name for path in sorted(theirs.iterdir())] == [path.name for path in sorted(ours.iterdir())]
    assert records(theirs) == records(ours)
    for path in ours.iterdir():
        assert np.array_equal(as_levels(path), as_levels(theirs / path.name))


def test_pictures_of_another_node_name_that_node(comfy):
    comfy.foreign["ImageInvert"] = lambda image: (1 - image,)
    ours = graph()
    inverted = {"class_type": "ImageInvert", "inputs": {"image": ["2", 0]}}
    saved = node("SaveImages", images=["3", 0], folder="out")
    comfy.run({"1": ours["1"], "2": ours["2"], "3": inverted, "4": saved})
    record = records(comfy.root / "output" / "out")[0]
    assert record.graph[record.output[0]].class_type == "ImageInvert"
    assert record.models == {}


def loading(image: str) -> dict[str, Any]:
    return {
        "1": node("LoadImage", image=image),
        "2": node("LoadModel", model="styles.onnx#wave", device="cpu"),
        "3": node("StyleTransfer", model=["2", 0], images=["1", 0], mask=["1", 1]),
        "4": node("SaveImages", images=["3", 0], folder="out"),
    }


def test_a_picture_of_load_image_is_recognised_with_its_mask(comfy, headless):
    save(comfy.root / "input" / "cat.png", 8, 8, channels=4)
    comfy.run(loading("cat.png"))
    loaded = LoadImage(image="cat.png").run(headless)
    model = load("styles.onnx#wave", headless)
    painted = StyleTransfer(model=model, images=loaded.images, mask=loaded.masks).run(headless).images
    SaveImages(images=painted, folder="out").run(headless)
    record, ours = records(comfy.root / "output" / "out"), records(comfy.root / "headless" / "out")
    assert record == ours
    assert list(record[0].inputs) == ["cat.png"]


def test_a_picture_that_load_image_has_from_elsewhere_is_still_painted(comfy):
    save(comfy.root / "input" / "cat.png", 8, 8)
    tensor, mask = comfy._load_image("cat.png")
    comfy.foreign["LoadImage"] = lambda image: (tensor, mask)
    comfy.run(loading("gone.png"))
    (record,) = records(comfy.root / "output" / "out")
    assert record.inputs == {}
