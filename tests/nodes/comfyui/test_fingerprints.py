"""What tells ComfyUI that a file behind a node has changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from ganplugin.nodes import NODES, LoadImages, LoadLatents, LoadModel, LoadVideo
from tests.nodes.kit import save


@pytest.fixture
def fingerprint(comfy):
    """The fingerprint of a node's file, as V1 asks for it."""
    tables = comfy.module("classic").NODE_CLASS_MAPPINGS

    def call(kind, **given):
        found = tables[kind.id].IS_CHANGED(**given)
        assert isinstance(found, str)
        assert set(found) <= set("0123456789abcdef")  # so that it holds no path
        assert 0 < len(found) <= 16
        return found

    return call


def picture(comfy, name: str = "cat.png", seed: int = 0) -> Path:
    return save(comfy.root / "input" / name, seed=seed)


def later(path: Path) -> None:
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def test_the_nodes_that_read_files_have_one_and_no_other(comfy):
    tables = comfy.module("classic").NODE_CLASS_MAPPINGS
    readers = {LoadModel, LoadImages, LoadLatents, LoadVideo}
    assert {kind for kind in NODES if hasattr(tables[kind.id], "IS_CHANGED")} == readers


def test_both_interfaces_give_the_same(comfy, fingerprint):
    picture(comfy)
    new = comfy.module("extension").v3_node(LoadImages)
    assert new.fingerprint_inputs(path="cat.png") == fingerprint(LoadImages, path="cat.png")


def test_a_model_that_is_replaced_is_another(comfy, fingerprint):
    file = comfy.root / "models" / "ganplugin" / "full.onnx"
    first = fingerprint(LoadModel, model="full.onnx", device="auto")
    assert fingerprint(LoadModel, model="full.onnx", device="cpu") == first
    shutil.copy(file.with_name("plain.onnx"), file)
    assert fingerprint(LoadModel, model="full.onnx") != first
    assert fingerprint(LoadModel, model="full.onnx") == fingerprint(LoadModel, model="plain.onnx")


def test_a_model_that_comes_later_is_noticed(comfy, fingerprint):
    missing = fingerprint(LoadModel, model="new.onnx")
    folder = comfy.root / "models" / "ganplugin"
    shutil.copy(folder / "full.onnx", folder / "new.onnx")
    assert fingerprint(LoadModel, model="new.onnx") != missing


def test_a_picture_that_is_written_again_is_noticed(comfy, fingerprint):
    file = picture(comfy)
    first = fingerprint(LoadImages, path="cat.png")
    assert fingerprint(LoadImages, path="cat.png") == first
    later(file)
    assert fingerprint(LoadImages, path="cat.png") != first


def test_a_picture_that_joins_a_folder_is_noticed(comfy, fingerprint):
    picture(comfy, "set/a.png")
    first = fingerprint(LoadImages, path="set")
    picture(comfy, "set/b.png")
    second = fingerprint(LoadImages, path="set")
    (comfy.root / "input" / "set" / "a.png").unlink()
    assert len({first, second, fingerprint(LoadImages, path="set")}) == 3


def test_a_picture_that_comes_later_is_noticed(comfy, fingerprint):
    missing = fingerprint(LoadImages, path="cat.png")
    picture(comfy)
    assert fingerprint(LoadImages, path="cat.png") != missing


def test_latents_that_are_written_again_are_noticed(comfy, fingerprint):
    file = comfy.root / "input" / "walk.npy"
    missing = fingerprint(LoadLatents, path="walk.npy")
    np.save(file, np.zeros((2, 4), np.float32))
    first = fingerprint(LoadLatents, path="walk.npy")
    later(file)
    assert len({missing, first, fingerprint(LoadLatents, path="walk.npy")}) == 3


def test_the_same_files_elsewhere_have_the_same_fingerprint(comfy, fingerprint, tmp_path):
    file = picture(comfy)
    inside = fingerprint(LoadImages, path="cat.png")
    elsewhere = tmp_path / "other" / "cat.png"
    elsewhere.parent.mkdir()
    shutil.copy2(file, elsewhere)
    assert fingerprint(LoadImages, path=str(elsewhere)) == inside


@pytest.mark.parametrize("kind", [LoadModel, LoadImages, LoadLatents])
def test_a_value_that_is_only_known_when_the_graph_runs_does_not_stop_it(fingerprint, kind):
    """ComfyUI leaves out an input, or gives None, that comes over a link."""
    name = "model" if kind is LoadModel else "path"
    assert fingerprint(kind) == fingerprint(kind, **{name: None})
