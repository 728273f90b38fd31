"""Checkpoints written by torch itself in every container, small enough to mutate by the hundred."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

State = dict[str, Tensor]


def small_state() -> State:
    """Tensors of many dtypes and layouts: views, shared memory, empty, scalar."""
    random = torch.Generator().manual_seed(5)
    base = torch.randn(6, 4, generator=random)
    return {
        "a.weight": base,
        "a.transposed": base.t(),
        "a.row": base[2],
        "b.half": torch.randn(5, generator=random).half(),
        "b.bfloat": torch.randn(2, 3, generator=random).bfloat16(),
        "b.double": torch.randn(2, generator=random).double(),
        "c.long": torch.tensor(41),
        "c.bool": torch.tensor([True, False, True]),
        "c.byte": torch.arange(7, dtype=torch.uint8),
        "c.empty": torch.empty(0, 3),
    }


def write_zip(path: Path, value: object) -> Path:
    torch.save(value, path)
    return path


def write_legacy(path: Path, value: object) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=False)
    return path


def write_pickle(path: Path, value: object) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=4))
    return path


def write_safetensors(path: Path, value: object) -> Path:
    if not isinstance(value, dict):
        raise TypeError("safetensors hold a flat dict")
    flat = {key: tensor.clone().contiguous() for key, tensor in value.items()}
    save_file(flat, path, metadata={"ganplugin": json.dumps({"styles": ["a"]})})
    return path


def write_packed_zip(path: Path, value: object) -> Path:
    """A torch zip that somebody compressed again."""
    stream = io.BytesIO()
    torch.save(value, stream)
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return path


WRITERS: dict[str, Callable[[Path, object], Path]] = {
    "torch zip": write_zip,
    "legacy torch": write_legacy,
    "raw pickle": write_pickle,
    "safetensors": write_safetensors,
}
