"""What a series will take, from a few pieces that are really made."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ganplugin.nodes.context import Context
from ganplugin.series.engine import InProcess
from ganplugin.series.entries import Done, Failed
from ganplugin.series.plan import Plan
from ganplugin.series.storage import LocalStorage
from ganplugin.series.workshop import Job, Setup

__all__ = ["Estimate", "estimate"]

_LONGEST_SECONDS: Final = 10.0
_MOST_PIECES: Final = 4


@dataclass(frozen=True)
class Estimate:
    """How long one piece takes on one worker, and how many bytes its files have; ``failed`` is why one could not be."""

    seconds: float
    bytes: int
    measured: int
    failed: str = ""


def estimate(plan: Plan, setup: Setup, context: Context) -> Estimate:
    """Make up to four pieces, spread over the series, in a folder that is thrown away.

    The first of them only opens the models. Stops after ten seconds.
    """
    spread = sorted({number * (len(plan) - 1) // _MOST_PIECES for number in range(_MOST_PIECES + 1)})
    seconds, sizes, problem = [], [], ""
    with tempfile.TemporaryDirectory(prefix="ganplugin-") as place:
        here = replace(setup, storage=LocalStorage(Path(place)))
        start = time.monotonic()
        for index in (spread[0], *spread):
            began = time.monotonic()
            for entry in InProcess().run(here, [Job("render", (plan[index],))], context):
                if isinstance(entry, Done):
                    sizes.append(sum(file.bytes for file in (*entry.files, *filter(None, [entry.thumbnail]))))
                elif isinstance(entry, Failed):
                    problem = problem or f"piece {entry.piece}: {entry.error}"
            seconds.append(time.monotonic() - began)
            if time.monotonic() - start > _LONGEST_SECONDS:
                break
    counted = seconds[1:] or seconds
    return Estimate(sum(counted) / len(counted), sum(sizes) // max(1, len(sizes)), len(counted), problem)
