"""Hundreds of damaged copies of a good file in every container: nothing but `CheckpointError` comes out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.unwrap import parts_of
from tests.export.files import WRITERS, small_state, write_packed_zip

COUNT = 500


def mutants(content: bytes, seed: int) -> Iterator[bytes]:
    """Copies with bytes flipped, cut off, moved, doubled or replaced, mostly near the structure at both ends."""
    dice = random.Random(seed)
    for index in range(COUNT):
        copy = bytearray(content)
        place = dice.randrange(len(copy))
        match index % 5:
            case 0:
                for _ in range(dice.randint(1, 6)):
                    copy[dice.randrange(len(copy))] = dice.randrange(256)
            case 1:
                del copy[place:]
            case 2:
                del copy[place : place + dice.randint(1, 40)]
            case 3:
                copy[place:place] = copy[: dice.randint(1, 40)]
            case _:
                copy[place : place + 8] = dice.choice([b"\xff" * 8, b"\x00" * 8, b"\x7f" * 8, b"R" * 8, b"." * 8])
        yield bytes(copy)


@pytest.mark.parametrize("container", [*WRITERS, "packed zip"])
def test_damage_is_refused_or_harmless(tmp_path: Path, container: str) -> None:
    writer = WRITERS.get(container, write_packed_zip)
    good = writer(tmp_path / "good", {**small_state()}).read_bytes()
    refusals = 0
    path = tmp_path / "mutant"
    for mutant in mutants(good, seed=len(good)):
        path.write_bytes(mutant)
        try:
            for part in parts_of(load_checkpoint(path)):
                assert all(tensor.numel() >= 0 for tensor in part.state.values())
        except CheckpointError as error:
            refusals += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
    assert refusals > COUNT / 5
