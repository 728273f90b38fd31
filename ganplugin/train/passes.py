"""How a game asks its two networks: as they are, or compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor

from ganplugin.models.players.player import Judge, Painter, RebuildingJudge, StyledPainter

__all__ = ["Passes", "compiled_passes", "plain_passes"]

Pass = TypeVar("Pass", bound=Callable[..., object])


@dataclass(frozen=True)
class Passes:
    """``draw`` takes ws to pictures, or z and label where there are no ws; the others are those of a `Judge`.

    Compiled passes have no second derivative, which slopes need.
    """

    draw: Callable[..., Tensor]
    judge: Callable[[Tensor, Tensor | None], Tensor]
    judge_and_rebuild: Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]] | None


def plain_passes(painter: Painter, judge: Judge) -> Passes:
    """Return the passes of two networks."""
    draw = painter.synthesize if isinstance(painter, StyledPainter) else painter.paint
    return Passes(draw, judge, judge.judge_and_rebuild if isinstance(judge, RebuildingJudge) else None)


def compiled_passes(painter: Painter, judge: Judge) -> Passes:
    """Return the passes of two networks, which are compiled when they are first asked, and again for another shape."""
    plain = plain_passes(painter, judge)
    rebuild = plain.judge_and_rebuild
    return Passes(_compiled(plain.draw), _compiled(plain.judge), None if rebuild is None else _compiled(rebuild))


def _compiled(one: Pass) -> Pass:
    # Noise within a network is then what it would be without compiling.
    return cast(Pass, torch.compile(one, dynamic=False, options={"fallback_random": True}))
