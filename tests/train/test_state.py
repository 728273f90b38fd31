from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest
import torch

from ganplugin.errors import TrainingError
from ganplugin.train import state as module
from ganplugin.train.state import VERSION, digest_of, load_state, plain_copy, save_state


def test_a_state_comes_back_exactly(tmp_path: Path) -> None:
    state = {"step": 3, "nested": {"list": [1, 2.5, "a", None], "pair": (1, True)}, "tensor": torch.rand(3)}
    save_state(tmp_path / "state.pt", state)
    back = load_state(tmp_path / "state.pt")
    assert set(back) == set(state)
    assert back["nested"] == state["nested"]
    assert torch.equal(back["tensor"], state["tensor"])  # type: ignore[arg-type]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.pt"
    save_state(path, {"step": 1})
    before = path.read_bytes()

    def torn(state: object, stream: BinaryIO) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.torch, "save", torn)
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


def test_any_changed_byte_is_one_clear_error_or_none(tmp_path: Path) -> None:
    """Bug: what torch's reader raises of damaged bytes, KeyError and others, was a traceback."""
    path = tmp_path / "state.pt"
    save_state(path, {"trainer": {"step": 3, "weights": torch.arange(5.0)}})
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            load_state(path)
        except TrainingError:
            refused += 1
    assert refused > 10
    path.write_bytes(b"hello world")
    with pytest.raises(TrainingError):
        load_state(path)


def test_a_state_cannot_carry_code(tmp_path: Path) -> None:
    torch.save({"step": Path("/")}, tmp_path / "state.pt")
    with pytest.raises(TrainingError):
        load_state(tmp_path / "state.pt")


def test_a_changed_number_is_noticed(tmp_path: Path) -> None:
    state = {"tensor": torch.arange(4.0), "step": 2}
    whole = {"version": VERSION, "digest": digest_of(state), **state}
    torch.save({**whole, "tensor": torch.tensor([0.0, 1.0, 2.0, 3.5])}, tmp_path / "state.pt")
    with pytest.raises(TrainingError, match="damaged"):
        load_state(tmp_path / "state.pt")


def test_a_newer_state_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    torch.save({"version": VERSION + 1, "digest": "?"}, tmp_path / "state.pt")
    with pytest.raises(TrainingError, match="newer ganplugin"):
        load_state(tmp_path / "state.pt")


def test_the_state_of_a_style_of_the_first_release_stays(tmp_path: Path) -> None:
    torch.save({"trainer": {"styles": ["wave"], "step": 3}, "seconds": 1.0}, tmp_path / "state.pt")
    assert load_state(tmp_path / "state.pt") == {"trainer": {"styles": ["wave"], "step": 3}, "seconds": 1.0}


def test_the_digest_sees_places_types_shapes_and_bytes() -> None:
    different = [
        {"a": torch.zeros(2, 2)},
        {"b": torch.zeros(2, 2)},
        {"a": torch.zeros(4)},
        {"a": torch.zeros(2, 2, dtype=torch.int32)},
        {"a": torch.tensor([[0.0, 0.0], [0.0, 1.0]])},
        {"a": [0, 0]},
        {"a": [0, 0.0]},
    ]
    assert len({digest_of(state) for state in different}) == len(different)
    assert digest_of({"a": torch.ones(2, 3).t()}) == digest_of({"a": torch.ones(3, 2)})


def test_a_plain_copy_shares_nothing() -> None:
    tensor = torch.zeros(2)
    copy = plain_copy({"a": [tensor], "b": 1})
    tensor += 1
    assert torch.equal(copy["a"][0], torch.zeros(2))  # type: ignore[index]
