from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import TrainingError
from ganplugin.train import checkpoint
from ganplugin.train.checkpoint import load_state, plain_copy, read_checkpoint, save_checkpoint, save_state


def test_a_checkpoint_comes_back_with_its_config(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    tensors = {"g.a": torch.arange(6.0).view(2, 3).t(), "d.b": torch.tensor(3)}
    save_checkpoint(path, tensors, {"family": "x", "config": {"size": 16}})
    back, config = read_checkpoint(path)
    assert torch.equal(back["g.a"], tensors["g.a"])
    assert back["d.b"].item() == 3
    assert config == {"family": "x", "config": {"size": 16}}


def test_a_state_comes_back_exactly(tmp_path: Path) -> None:
    state = {"step": 3, "nested": {"list": [1, 2.5, "a", None]}, "tensor": torch.rand(3)}
    save_state(tmp_path / "state.pt", state)
    back = load_state(tmp_path / "state.pt")
    assert back["nested"] == state["nested"]
    assert torch.equal(back["tensor"], state["tensor"])  # type: ignore[arg-type]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"step": 1})
    before = path.read_bytes()

    def torn(state: object, part: Path) -> None:
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", torn)
    with pytest.raises(Exception, match="no space left"):
        save_state(path, {"step": 2})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("content", [None, b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_missing_or_damaged_state_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainingError) as caught:
        load_state(path)
    assert caught.value.fix
    assert "\n" not in str(caught.value)


def test_a_state_cannot_carry_code(tmp_path: Path) -> None:
    torch.save({"step": Path("/")}, tmp_path / "state.pt")
    with pytest.raises(TrainingError):
        load_state(tmp_path / "state.pt")


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"\x00" * 30)
    with pytest.raises(TrainingError):
        read_checkpoint(path)


def test_a_plain_copy_shares_nothing() -> None:
    tensor = torch.zeros(2)
    copy = plain_copy({"a": [tensor], "b": 1})
    tensor += 1
    assert copy == {"a": [pytest.approx([0, 0])], "b": 1} or torch.equal(copy["a"][0], torch.zeros(2))  # type: ignore[index]
