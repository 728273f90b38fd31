"""Seeds as people write them (``0-9,42``) and the latents that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ganplugin.errors import InputError
from ganplugin.limits import MAX_SEED, MAX_SEEDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["format_seeds", "parse_seeds", "seed_latents"]

_ITEM = re.compile(r"^(\d+)(?:-(\d+))?$", re.ASCII)


def parse_seeds(text: str) -> tuple[int, ...]:
    """Read ``"0-9,42"`` as the seeds that it names, in order, repeats kept.

    Raises `InputError` for anything but non-negative numbers and rising ranges up to 2**32 - 1, and for more
    than a million seeds.
    """
    seeds: list[int] = []
    for item in text.split(","):
        first, last = _parse_item(item.strip(), text)
        if len(seeds) + last - first + 1 > MAX_SEEDS:
            raise InputError(f"names more than {MAX_SEEDS:,} seeds", where=_named(text), fix="split the request")
        seeds.extend(range(first, last + 1))
    return tuple(seeds)


def _named(text: str) -> str:
    return f"seeds {text!r}" if len(text) <= 60 else f"seeds {text[:57]!r}..."


def _parse_item(item: str, text: str) -> tuple[int, int]:
    match = _ITEM.match(item)
    if match is None or len(item) > 24:
        raise InputError(f"{item[:24]!r} is not a seed or a range", where=_named(text), fix="write them like 0-9,42")
    first = int(match[1])
    last = int(match[2]) if match[2] is not None else first
    if last < first:
        raise InputError(f"the range {item} falls", where=_named(text), fix=f"write {last}-{first}")
    if last > MAX_SEED:
        raise InputError(f"{last} is too large", where=_named(text), fix=f"seeds go from 0 to {MAX_SEED}")
    return first, last


def format_seeds(seeds: Iterable[int]) -> str:
    """Write seeds in the shortest form that `parse_seeds` reads back to the same sequence."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def seed_latents(seeds: Iterable[int], z_dim: int) -> NDArray[np.float32]:
    """Draw the StyleGAN family's latent of each seed: float32 [n, z_dim].

    Seed n is ``numpy.random.RandomState(n).randn(1, z_dim)``, drawn alone, so it depends on nothing but n and z_dim.
    """
    import numpy as np

    rows = [np.random.RandomState(seed).randn(z_dim) for seed in seeds]
    return np.asarray(rows, dtype=np.float32).reshape(len(rows), z_dim)
