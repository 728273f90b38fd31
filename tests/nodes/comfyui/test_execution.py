"""One node run for ComfyUI: the same pictures as headless, in ComfyUI's folders, with what its window shows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from ganplugin.errors import Cancelled, InputError
from ganplugin.images import read_text
from ganplugin.nodes import Context, Interpolate, LoadModel, Sample, SaveImages, Score, StyleTransfer
from ganplugin.nodes.context import Folders
from ganplugin.nodes.values import Images
from tests.nodes.comfyui.stand_in import Interrupted
from tests.nodes.kit import as_levels, load, node, save

MODEL = node("LoadModel", model="full.onnx", device="cpu")
STYLE = node("LoadModel", model="styles.onnx#wave", device="cpu")


def sampling(**inputs: Any) -> dict[str, Any]:
    return {"1": MODEL, "2": node("Sample", model=["1", 0], **inputs)}


def saving(folder: str = "out", **inputs: Any) -> dict[str, Any]:
    return {**sampling(seeds="3-4"), "3": node("SaveImages", images=["2", 0], folder=folder, **inputs)}


def model_of(models, name: str, context: Context) -> Any:
    return load(models / name, context)


def equal(tensor: torch.Tensor, images: Images) -> bool:
    return np.array_equal(tensor.numpy(), images.batch())


def test_sampled_pictures_are_those_of_a_headless_run(comfy, models, context):
    ran = comfy.run(sampling(seeds="3-6", truncation=0.5))
    out = Sample(model=model_of(models, "full.onnx", context), seeds="3-6", truncation=0.5).run(context)
    assert equal(ran["2"].one(), out.images)
    assert np.array_equal(ran["2"].one(1).rows(0, 4), out.latents.rows(0, 4))
    assert ran["2"].ui == {}


def test_latents_go_over_a_link_as_they_are(comfy, models, context):
    prompt = {**sampling(seeds="1,2"), "3": node("Interpolate", model=["1", 0], latents=["2", 1], frames=3)}
    sampled = Sample(model=model_of(models, "full.onnx", context), seeds="1,2").run(context)
    walked = Interpolate(model=model_of(models, "full.onnx", context), latents=sampled.latents, frames=3)
    assert equal(comfy.run(prompt)["3"].one(), walked.run(context).images)


def test_painted_pictures_are_those_of_a_headless_run(comfy, models, context):
    prompt = {**sampling(seeds="3-4"), "3": STYLE, "4": node("StyleTransfer", model=["3", 0], images=["2", 0])}
    few = Sample(model=model_of(models, "full.onnx", context), seeds="3-4").run(context).images
    painted = StyleTransfer(model=model_of(models, "styles.onnx#wave", context), images=few).run(context).images
    assert equal(comfy.run(prompt)["4"].one(), painted)


def test_a_mask_reaches_the_node(comfy, models, context):
    save(comfy.root / "input" / "cat.png", 8, 8, channels=4)
    prompt = {
        "1": node("LoadImages", path="cat.png"),
        "2": STYLE,
        "3": node("StyleTransfer", model=["2", 0], images=["1", 0], mask=["1", 1]),
        "4": node("StyleTransfer", model=["2", 0], images=["1", 0]),
    }
    ran = comfy.run(prompt)
    batch = ran["1"].one()
    assert tuple(batch.shape) == (1, 8, 8, 4)
    assert torch.allclose(ran["1"].one(1), 1 - batch[..., 3])
    assert not torch.equal(ran["3"].one(), ran["4"].one())


def test_pictures_of_several_sizes_are_one_sequence_for_the_next_node(comfy):
    for name, height in (("a.png", 4), ("b.png", 5), ("c.png", 5)):
        save(comfy.root / "input" / name, height, 6)
    prompt = {
        "1": node("LoadImages", path="a.png\nb.png\nc.png"),
        "2": node("JoinImages", a=["1", 0], b=["1", 0]),
        "3": node("SaveImages", images=["2", 0], folder="out", name="{index}"),
    }
    ran = comfy.run(prompt)
    assert [len(batch) for batch in ran["1"].outputs[0]] == [1, 2]
    assert [len(batch) for batch in ran["2"].outputs[0]] == [1, 2, 1, 2]
    assert ran["3"].one().splitlines() == [f"out/{index:05d}.png" for index in range(6)]


def test_scores_come_as_a_list(comfy, models, context):
    prompt = {
        **sampling(seeds="3-5"),
        "3": node("LoadModel", model="scorer.onnx", device="cpu"),
        "4": node("Score", model=["3", 0], images=["2", 0]),
    }
    few = Sample(model=model_of(models, "full.onnx", context), seeds="3-5").run(context).images
    names = list(Score.Outputs.model_fields)
    scores = Score(model=model_of(models, "scorer.onnx", context), images=few).run(context).scores
    assert comfy.run(prompt)["4"].outputs[names.index("scores")] == list(scores)


def test_a_list_where_one_value_is_needed_is_refused(comfy):
    kind = comfy.module("classic").NODE_CLASS_MAPPINGS[SaveImages.id]
    images = [torch.zeros(1, 4, 6, 3)]
    with pytest.raises(InputError, match="folder: 2 values came in a list, and one is needed"):
        kind().run(images=images, folder=["a", "b"])
    assert not list((comfy.root / "output").iterdir())


def test_a_socket_without_a_link_is_left_out(comfy):
    kind = comfy.module("classic").NODE_CLASS_MAPPINGS[Sample.id]
    model = comfy.run({"1": MODEL})["1"].one()
    whole = kind().run(model=model, seeds="1", latents=None)["result"][0][0]
    assert torch.equal(whole, kind().run(model=model, seeds="1")["result"][0][0])


def test_saved_pictures_are_shown_and_named_below_the_output_folder(comfy):
    ran = comfy.run(saving("set/one"))["3"]
    assert ran.one() == "set/one/seed-0003.png\nset/one/seed-0004.png"
    shown = [{"filename": f"seed-000{n}.png", "subfolder": "set/one", "type": "output"} for n in (3, 4)]
    assert ran.ui == {"images": shown}
    assert all((comfy.root / "output" / name).is_file() for name in ran.one().splitlines())


def test_files_in_the_output_folder_itself_have_no_subfolder(comfy):
    assert {entry["subfolder"] for entry in comfy.run(saving("."))["3"].ui["images"]} == {""}


def test_a_saved_film_is_shown_as_moving(comfy):
    prompt = {**sampling(seeds="3-4"), "3": node("SaveVideo", images=["2", 0], path="films/walk.webp")}
    ran = comfy.run(prompt)["3"]
    assert ran.one() == "films/walk.webp"
    entry = {"filename": "walk.webp", "subfolder": "films", "type": "output"}
    assert ran.ui == {"images": [entry], "animated": (True,)}


def test_what_was_saved_can_be_loaded_under_its_name(comfy):
    prompt = {**saving(), "4": node("LoadImages", path=["3", 0])}
    ran = comfy.run(prompt)
    assert np.array_equal(ran["4"].one().numpy(), np.rint(ran["2"].one().numpy() * 255).astype(np.float32) / 255)


def test_a_second_run_is_numbered_and_replaces_nothing(comfy):
    first = comfy.run(saving())["3"].one().splitlines()
    before = {name: (comfy.root / "output" / name).read_bytes() for name in first}
    second = comfy.run(saving())["3"].one().splitlines()
    assert second == ["out/seed-0003-2.png", "out/seed-0004-2.png"]
    assert {name: (comfy.root / "output" / name).read_bytes() for name in first} == before


@pytest.mark.parametrize("folder", ["../elsewhere", "/tmp/elsewhere", "a/../../b", "-"])
def test_nothing_is_written_outside_of_the_output_folder(comfy, here, folder):
    before = {path for path in here.rglob("*") if comfy.root / "output" not in path.parents}
    if folder == "-":  # a folder like any other where there is an output folder
        comfy.run(saving(folder))
    else:
        with pytest.raises(InputError, match="outside the output folder"):
            comfy.run(saving(folder))
        assert not list((comfy.root / "output").iterdir())
    assert {path for path in here.rglob("*") if comfy.root / "output" not in path.parents} == before


def test_a_saved_picture_restores_the_graph_without_what_comfyui_noted_in_it(comfy):
    prompt = saving()
    noted = {key: {**call, "is_changed": ["secret"]} for key, call in prompt.items()}
    comfy.run(noted, pnginfo={"workflow": {"nodes": [1]}})
    text = read_text(comfy.root / "output" / "out" / "seed-0003.png")
    assert json.loads(text["prompt"]) == prompt
    assert json.loads(text["workflow"]) == {"nodes": [1]}
    assert noted["1"]["is_changed"] == ["secret"]  # ComfyUI goes on to need it
    assert str(comfy.root) not in json.dumps(text)


def test_a_picture_saved_without_a_graph_holds_its_recipe(comfy):
    kind = comfy.module("classic").NODE_CLASS_MAPPINGS[SaveImages.id]
    (batch,) = comfy.run(sampling(seeds="3"))["2"].outputs[0]
    kind().run(images=[batch], folder=["out"], prompt=[None], unique_id=["1"], extra_pnginfo=[None])
    text = read_text(comfy.root / "output" / "out" / "seed-0003.png")
    assert [call["class_type"] for call in json.loads(text["prompt"]).values()] == [LoadModel.id, Sample.id]


def test_the_model_and_what_really_runs_it_are_shown_on_the_node(comfy):
    comfy.run({"7": MODEL})
    ((text, node_id),) = comfy.texts
    assert node_id == "7"
    assert text.endswith("generator, 8x8, on CPU")
    comfy.run({"8": STYLE})
    assert comfy.texts[1][0].endswith("style, on CPU")


def test_a_batch_beyond_the_most_is_refused_before_it_is_rendered(comfy, monkeypatch, rendered):
    monkeypatch.setattr(comfy.module("batches"), "MOST_BYTES", 5 * 8 * 8 * 3 * 4)
    with pytest.raises(InputError, match="6 pictures of 8x8 would take"):
        comfy.run(sampling(seeds="1-6"))
    assert sum(rendered) <= 6
    assert len(comfy.run(sampling(seeds="1-5"))["2"].one()) == 5


def test_stopping_ends_in_comfyuis_own_exception(comfy):
    comfy.run({"1": MODEL})
    comfy.interrupted = True
    with pytest.raises(Interrupted):
        comfy.run(saving())
    assert not list((comfy.root / "output").iterdir())


def test_a_stop_that_comfyui_has_forgotten_is_still_a_stop(comfy, monkeypatch):
    monkeypatch.setattr(comfy.module("execution"), "stop_if_interrupted", lambda: None)
    comfy.interrupted = True
    with pytest.raises(Cancelled):
        comfy.run(sampling(seeds="1"))


def test_an_error_of_a_node_comes_as_it_is(comfy):
    with pytest.raises(InputError, match="seeds"):
        comfy.run(sampling(seeds="many"))


def test_folders_are_comfyuis(comfy):
    comfy.module("model_picker").register_folder()
    root = comfy.root
    inputs = (root / "input", root / "output")
    assert comfy.module("folders").host_folders() == Folders((root / "models" / "ganplugin",), inputs, root / "output")
    assert comfy.module("folders").temporary_folder() == root / "temp"


def test_an_output_folder_behind_a_link_is_shown_too(comfy):
    (comfy.root / "output").rmdir()
    (comfy.root / "disk").mkdir()
    (comfy.root / "output").symlink_to(comfy.root / "disk")
    ran = comfy.run(saving())["3"]
    assert ran.one() == "out/seed-0003.png\nout/seed-0004.png"
    assert [entry["subfolder"] for entry in ran.ui["images"]] == ["out", "out"]


def test_alpha_is_kept_from_node_to_file(comfy):
    prompt = {
        "1": node("LoadModel", model="alpha.onnx", device="cpu"),
        "2": node("Sample", model=["1", 0], seeds="1"),
        "3": node("SaveImages", images=["2", 0], folder="out"),
    }
    ran = comfy.run(prompt)
    assert ran["2"].one().shape[-1] == 4
    saved = as_levels(comfy.root / "output" / ran["3"].one())
    assert np.array_equal(saved, np.rint(ran["2"].one()[0].numpy() * 255))
