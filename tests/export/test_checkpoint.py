from __future__ import annotations

import argparse
import collections
import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError, FileError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.unwrap import is_averaged, parts_of
from tests.export.files import WRITERS, small_state, write_packed_zip, write_pickle, write_zip


def only_state(path: Path) -> dict[str, torch.Tensor]:
    (part,) = parts_of(load_checkpoint(path))
    return dict(part.state)


@pytest.mark.parametrize("container", WRITERS)
@pytest.mark.parametrize("name", ["x.pt", "x.pkl", "x.safetensors", "x", "x.png"])
def test_every_container_gives_the_same_tensors_whatever_its_name(tmp_path: Path, container: str, name: str) -> None:
    state = small_state()
    path = WRITERS[container](tmp_path / name, state)
    assert load_checkpoint(path).container == container
    found = only_state(path)
    assert found.keys() == state.keys()
    for key, tensor in state.items():
        assert found[key].dtype == tensor.dtype
        assert torch.equal(found[key], tensor), key


def test_a_compressed_zip_reads_too(tmp_path: Path) -> None:
    found = only_state(write_packed_zip(tmp_path / "x.pt", small_state()))
    assert torch.equal(found["a.weight"], small_state()["a.weight"])


def test_views_share_memory_as_in_the_file(tmp_path: Path) -> None:
    found = only_state(write_zip(tmp_path / "x.pt", small_state()))
    assert found["a.row"].data_ptr() == found["a.weight"][2].data_ptr()


def test_our_own_metadata_becomes_the_config(tmp_path: Path) -> None:
    path = WRITERS["safetensors"](tmp_path / "x", {"g.a": torch.ones(1), "g_ema.a": torch.zeros(1)})
    parts = parts_of(load_checkpoint(path))
    assert [part.path for part in parts] == ["g_ema", "g", ""]
    assert all(part.config["styles"] == ["a"] for part in parts)
    assert is_averaged(parts[0])


@pytest.mark.parametrize("container", ["torch zip", "legacy torch", "raw pickle"])
def test_averaged_weights_come_first_and_prefixes_go(tmp_path: Path, container: str) -> None:
    content = {
        "args": argparse.Namespace(size=32, lr=0.1),
        "netD": {"module.a": torch.ones(1)},
        "G_ema": {"module._orig_mod.a": torch.full((1,), 2.0)},
        "netG": collections.OrderedDict({"a": torch.full((1,), 3.0)}),
        "g_optim": {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]},
    }
    parts = parts_of(load_checkpoint(WRITERS[container](tmp_path / "x", content)))
    assert [part.path for part in parts][:3] == ["G_ema", "netG", "netD"]
    assert [float(part.state["a"]) for part in parts[:3]] == [2, 3, 1]


@pytest.mark.parametrize("wrapper", ["", "module.", "_orig_mod.module."])
def test_networks_side_by_side_in_one_dict_come_apart(tmp_path: Path, wrapper: str) -> None:
    content = {f"{wrapper}{name}.a": torch.ones(1) for name in ("discriminator", "generator", "generator_ema")}
    parts = parts_of(load_checkpoint(write_zip(tmp_path / "x.pt", content)))
    assert [part.path for part in parts] == ["generator_ema", "generator", "discriminator", ""]


@pytest.mark.parametrize("container", ["torch zip", "legacy torch", "raw pickle"])
def test_a_whole_module_gives_its_state_dict(tmp_path: Path, container: str) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, eps=0.5), nn.Sequential(nn.Linear(2, 3)))
    path = WRITERS[container](tmp_path / "x", {"epoch": 3, "netG": nn.DataParallel(module)})
    checkpoint = load_checkpoint(path)
    (part,) = parts_of(checkpoint)
    assert part.path == "netG"
    assert part.state.keys() == module.state_dict().keys()
    assert all(torch.equal(part.state[key], value) for key, value in module.state_dict().items())
    assert "torch.nn.modules.conv.Conv2d" in checkpoint.globals


def test_torchscript_gives_its_tensors_and_is_not_run(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).eval()
    path = tmp_path / "x.pt"
    with pytest.warns(DeprecationWarning):
        torch.jit.script(module).save(str(path))
    checkpoint = load_checkpoint(path)
    assert checkpoint.container == "TorchScript"
    found = {key: value for part in parts_of(checkpoint) for key, value in part.state.items()}
    assert torch.equal(found["weight"], module[2].weight) or torch.equal(found["weight"], module[0].weight)


def test_tensors_that_travel_as_nested_files_are_read(tmp_path: Path) -> None:
    path = write_pickle(tmp_path / "x.pkl", {"G_ema": {"a": nn.Parameter(torch.arange(3.0)), "n": np.ones(2)}})
    checkpoint = load_checkpoint(path)
    assert "torch.storage._load_from_bytes" in checkpoint.globals
    (part,) = parts_of(checkpoint)
    assert part.state["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89HDF\r\n", "HDF5"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\n  <html>", "web page"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\x08\x08\x12\x07pytorch", "ONNX file already"),
        (b"hello", "not a checkpoint of any kind"),
        (b"\x80\x04", "damaged"),
        (b"\x80\x04N.", "no tensors"),
        (b"\x00" * 40, "not a checkpoint"),
    ],
)
def test_strangers_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    if message == "no tensors":
        assert parts_of(load_checkpoint(path)) == ()
        return
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["dataset.json", "00000/a.png"], "zip of pictures"),
        (["x/models/model.json", "x/archive_format"], "exported program"),
        (["readme.txt"], "without a torch checkpoint"),
    ],
)
def test_other_zips_are_named(tmp_path: Path, names: list[str], message: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_missing_empty_and_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        load_checkpoint(tmp_path / "none.pt")
    with pytest.raises(FileError):
        load_checkpoint(tmp_path)
    (tmp_path / "empty.pt").touch()
    with pytest.raises(CheckpointError, match="is empty"):
        load_checkpoint(tmp_path / "empty.pt")


def test_big_endian_files_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    torch.save({"a": torch.ones(1)}, stream)
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"big" if name.endswith("byteorder") else source.read(name))
    with pytest.raises(CheckpointError, match="big-endian"):
        load_checkpoint(path)


class _Odd:
    def __reduce__(self) -> Any:
        return (struct.Struct, ("<I",), {"kept": 1})


def test_objects_of_unknown_classes_are_kept_as_records(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"net": {"a": _Odd()}}))
    checkpoint = load_checkpoint(path)
    assert checkpoint.globals == ("_struct.Struct",)
    assert parts_of(checkpoint) == ()
