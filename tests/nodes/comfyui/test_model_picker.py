"""The models that can be picked in ComfyUI, and no other file."""

from __future__ import annotations

import shutil
import sys

import pytest

from ganplugin.builtin import catalog
from ganplugin.errors import InputError
from ganplugin.nodes import LoadModel
from tests.nodes.comfyui.stand_in import run_v3
from tests.nodes.kit import node

BUILTINS = [f"builtin:{name}" for name in catalog()]


@pytest.fixture
def picker(comfy):
    found = comfy.module("model_picker")
    found.register_folder()
    return found


@pytest.fixture
def known():
    """ComfyUI's table of folders."""
    return lambda: sys.modules["folder_paths"].folder_names_and_paths


def test_builtins_come_first_and_then_the_files_of_the_folder(comfy, picker, models):
    (comfy.root / "models" / "ganplugin" / "notes.txt").write_text("no model")
    assert list(picker.model_names()) == [*BUILTINS, *sorted(path.name for path in models.iterdir())]


def test_a_new_file_can_be_picked_without_a_restart(comfy, picker, models):
    inside = comfy.root / "models" / "ganplugin" / "faces"
    inside.mkdir()
    assert picker.problem_with("faces/new.onnx") is not None
    shutil.copy(models / "full.onnx", inside / "new.onnx")
    assert "faces/new.onnx" in picker.model_names()
    assert picker.problem_with("faces/new.onnx") is None


def test_the_folder_is_registered_once_and_for_models_alone(comfy, picker, known):
    picker.register_folder()
    assert known()["ganplugin"] == ([str(comfy.root / "models" / "ganplugin")], {".onnx"})
    assert picker.model_folders() == (comfy.root / "models" / "ganplugin",)


def test_a_folder_that_the_user_configured_stays_the_first(comfy, here, known):
    known()["ganplugin"] = ([str(here / "disk")], {".pt"})
    picker = comfy.module("model_picker")
    picker.register_folder()
    picker.register_folder()
    assert known()["ganplugin"] == ([str(here / "disk"), str(comfy.root / "models" / "ganplugin")], {".onnx"})


@pytest.mark.parametrize("name", ["full.onnx", "styles.onnx#wave", *BUILTINS[:1], f"{BUILTINS[0]}#any"])
def test_what_is_listed_may_be_loaded_and_so_may_its_styles(picker, name):
    assert picker.problem_with(name) is None


@pytest.mark.parametrize(
    "name", ["/etc/model.onnx", "../full.onnx", "./full.onnx", "ful.onnx", "other.onnx#wave", "", "#", "builtin:none"]
)
def test_what_is_not_listed_is_refused(picker, name):
    assert picker.problem_with(name).startswith(f"there is no model {name!r} - ")


def test_a_file_that_exists_elsewhere_is_refused(picker, models):
    assert picker.problem_with(str(models / "full.onnx")) is not None


def test_a_near_miss_is_told_the_nearest(picker):
    assert "'full.onnx'" in picker.problem_with("ful.onnx")


def test_both_interfaces_refuse_with_the_same_words(comfy, picker):
    old = comfy.module("classic").NODE_CLASS_MAPPINGS[LoadModel.id]
    new = comfy.module("extension").v3_node(LoadModel)
    assert old.VALIDATE_INPUTS(model="full.onnx") is new.validate_inputs(model="full.onnx") is True
    assert old.VALIDATE_INPUTS(model="ful.onnx") == new.validate_inputs(model="ful.onnx")
    assert old.VALIDATE_INPUTS(model="ful.onnx") == picker.problem_with("ful.onnx")


def test_a_name_that_comes_over_a_link_is_judged_when_the_graph_runs(comfy, picker, models):
    assert comfy.module("classic").NODE_CLASS_MAPPINGS[LoadModel.id].VALIDATE_INPUTS(model=None) is True
    assert comfy.module("extension").v3_node(LoadModel).validate_inputs(model=None) is True
    path = str(models / "full.onnx")
    comfy.foreign["AnyText"] = lambda: (path,)
    linked = {"1": {"class_type": "AnyText", "inputs": {}}, "2": node("LoadModel", model=["1", 0], device="cpu")}
    with pytest.raises(InputError, match="there is no model"):
        comfy.run(linked)
    comfy.foreign["AnyText"] = lambda: ("full.onnx",)
    assert comfy.run(linked)["2"].one().name == "full.onnx"


def test_the_style_that_is_named_is_the_one_that_is_loaded(comfy, picker):
    loader = comfy.module("extension").v3_node(LoadModel)
    hidden = {"unique_id": "1", "prompt": None, "extra_pnginfo": None}
    (model,) = run_v3(LoadModel, loader, hidden, model="styles.onnx#night", device="cpu").args
    assert (model.name, model.style) == ("styles.onnx#night", "night")
