from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import TrainingError
from ganplugin.train.checkpoint import prefixed, read_checkpoint, save_checkpoint


def test_a_checkpoint_comes_back_with_its_config(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    tensors = {"g.a": torch.arange(6.0).view(2, 3).t(), "d.b": torch.tensor(3)}
    save_checkpoint(path, tensors, {"family": "x", "config": {"size": 16}})
    back, config = read_checkpoint(path)
    assert torch.equal(back["g.a"], tensors["g.a"])
    assert back["d.b"].item() == 3
    assert config == {"family": "x", "config": {"size": 16}}


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"\x00" * 30)
    with pytest.raises(TrainingError):
        read_checkpoint(path)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, {"g.a": torch.ones(8)}, {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="damaged"):
        read_checkpoint(path)


def test_a_prefix_stands_before_each_key() -> None:
    assert list(prefixed("g", {"a.weight": torch.ones(1)})) == ["g.a.weight"]
