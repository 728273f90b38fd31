"""Damaged copies of a good file: flipped, cut off, moved, doubled and replaced bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator


def mutants(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yield ``count`` damaged copies, the same for the same seed."""
    dice = random.Random(seed)
    for index in range(count):
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
