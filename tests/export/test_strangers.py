"""What people drop on `export` that is no checkpoint: each gets one line that names it and says what to do."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.unwrap import parts_of


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, kind)
    return stream.getvalue()


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * 40)
    return stream.getvalue()


def arrays() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, w=np.ones(3))
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"))
    return stream.getvalue()


def saved_model() -> bytes:
    return b"\x08\x01\x12\xe8\xa5\x03\x0a\x10" + b"\x0a\x04node" * 200


@pytest.mark.parametrize(
    ("name", "content", "words", "advice"),
    [
        ("netG.pt", b"<!DOCTYPE html><html>sign in</html>", "web page", "fetch the file itself"),
        ("netG.pt", b"\n\n  <html>", "web page", "fetch the file itself"),
        ("netG.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer", "git lfs pull"),
        ("netG.pth", b'{"message": "Not Found", "status": "404"}', "JSON text", "holds the weights"),
        ("netG.pth", b"Access denied: too many users have viewed", "text that begins with 'Access denied", "itself"),
        ("netG.pth", b"cannot be downloaded right now, try again", "text that begins with 'cannot be", "itself"),
        ("x.pkl", b"\x89HDF\r\n\x1a\n" + b"\x00" * 90, "HDF5", "convert its weights to PyTorch"),
        ("x.pb", saved_model(), "SavedModel", "PyTorch"),
        ("saved_model", saved_model(), "SavedModel", "PyTorch"),
        ("graph.pb", b"\x0a\x20" + b"\x00" * 60, "TensorFlow graph", "PyTorch"),
        ("model.ckpt.data-00000-of-00001", b"\x00\x01\x02" * 50, "TensorFlow checkpoint", "PyTorch"),
        ("model.ckpt.index", b"\x00" * 80 + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", "index of a TensorFlow", "PyTorch"),
        ("checkpoint", b'model_checkpoint_path: "model.ckpt"\n', "list beside a TensorFlow", "PyTorch"),
        ("x.tflite", b"\x1c\x00\x00\x00TFL3" + b"\x00" * 60, "TensorFlow Lite", "PyTorch"),
        ("x.pt", picture("PNG"), "picture", "name a checkpoint"),
        ("x.pt", picture("JPEG"), "picture", "name a checkpoint"),
        ("x.pt", picture("GIF"), "picture", "name a checkpoint"),
        ("x.pt", picture("WEBP"), "picture", "name a checkpoint"),
        ("x.pt", b"\x00\x00\x00\x20ftypisom" + b"\x00" * 60, "film", "name a checkpoint"),
        ("x.pt", b"%PDF-1.7 ....", "PDF", "name a checkpoint"),
        ("x.pth.gz", gzip.compress(b"x" * 99), "gzip", "unpack it first"),
        ("x.pth.xz", lzma.compress(b"x" * 99), "xz archive", "unpack it first"),
        ("x.tar", tarred(), "tar archive", "unpack it first"),
        ("x.bin", b"GGUF\x03\x00\x00\x00" + b"\x00" * 60, "language model", "GAN"),
        ("x.npy", b"\x93NUMPY\x01\x00" + b"\x00" * 60, "numpy array", "name a checkpoint"),
        ("data.zip", zipped("00000/img00000000.png", "dataset.json"), "pictures", "that training wrote"),
        ("data.zip", zipped("a/b.JPG"), "pictures", "that training wrote"),
        ("x.zip", zipped("model/latest_net_G.pth", "readme.png"), "latest_net_G.pth in it", "name the file inside"),
        ("x.zip", zipped("notes.txt"), "without a torch checkpoint", "name the file inside"),
        ("x.pt2", zipped("archive_format", "models/model.json"), "exported program", "state_dict"),
        ("x.keras", zipped("config.json", "model.weights.h5"), "Keras", "PyTorch"),
        ("x.npz", arrays(), "numpy arrays", "--latents"),
        ("x.pt", b"\x01\x02\x03\x04" * 30, "not a checkpoint of any kind", "download it again"),
        ("x.pt", b"", "empty", "download it again"),
    ],
)
def test_a_stranger_is_named_and_the_way_out_told(
    tmp_path: Path, name: str, content: bytes, words: str, advice: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert words in caught.value.what
    assert caught.value.fix is not None
    assert advice in caught.value.fix
    assert caught.value.where == str(path)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("make", [dict, list, tuple], ids=lambda make: make.__name__)
def test_pickles_of_every_protocol_are_no_strangers(
    tmp_path: Path, protocol: int, make: Callable[[object], object]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(pickle.dumps(make({"alpha": 1, "beta": 2}.items()), protocol))
    assert parts_of(load_checkpoint(path)) == ()


def test_a_safetensors_header_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "x"
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (part,) = parts_of(load_checkpoint(path))
    assert torch.equal(part.state["a"], torch.zeros(1))
