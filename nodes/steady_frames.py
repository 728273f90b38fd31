"""Painted films without flicker where the film stands still."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.film_survey import origin_in_sequence, survey_of
from ganplugin.nodes.values import Images, Origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.steadying import Steadied

__all__ = ["SteadyFrames"]


class SteadyFramesOutputs(NodeOutputs):
    """As many frames as came in."""

    images: Images = Field(description="the painted frames, steadied")


class SteadyFrames(Node):
    """Blend each painted frame with the one before where the film hardly changes; cuts start anew."""

    id: ClassVar[str] = "GanPluginSteadyFrames"
    title: ClassVar[str] = "Steady Frames"
    Outputs: ClassVar[type[NodeOutputs]] = SteadyFramesOutputs

    images: Images = Field(description="the painted frames")
    film: Images = Field(description="the film that they were painted from, frame by frame")
    steady: float = Field(
        default=0.8,
        ge=0.0,
        le=1.0,
        description="against flicker: how much of the frame before stays where nothing moves",
    )

    def run(self, context: Context) -> SteadyFramesOutputs:
        """Check the request; frames are blended when they are looked at."""
        if len(self.images) != len(self.film):
            raise InputError(
                f"{len(self.film)} frames for {len(self.images)} painted ones", where="film", fix="give the same film"
            )
        if self.steady == 0:
            return SteadyFramesOutputs(images=self.images)
        render = _Blending(self.images, self.film, self.steady, context).render
        return SteadyFramesOutputs(images=Images(len(self.images), render, self._origin, self.recipe()))

    def _origin(self, index: int) -> Origin:
        painted = origin_in_sequence(self.images, index, self.recipe())
        film = origin_in_sequence(self.film, index, self.recipe())
        inputs, models = {**film.inputs, **painted.inputs}, {**film.models, **painted.models}
        return replace(painted, inputs=inputs, models=models)


@dataclass(frozen=True)
class _Take:
    """Frames ``start`` to ``stop`` (not included), blended as one; blending begins at ``begin`` to be warm at start."""

    begin: int
    start: int
    stop: int


class _Blending:
    """Blends frames in order at no cost of repetition; any other frame costs those from its take's beginning."""

    def __init__(self, painted: Images, film: Images, steady: float, context: Context) -> None:
        self._painted, self._film, self._steady, self._context = painted, film, steady, context
        self._lock = threading.Lock()
        self._done: dict[_Take, tuple[int, Steadied]] = {}

    def render(self, start: int, stop: int) -> list[NDArray[np.float32]]:
        """Return frames as `Images` asks for them: each depends on its number alone."""
        with self._lock:
            return [self._frame(index) for index in range(start, stop)]

    def _frame(self, index: int) -> NDArray[np.float32]:
        own = next(take for take in self._takes(index) if take.start <= index)
        done = self._done[own][0] if own in self._done else own.begin - 1
        if done > index:
            self._done.clear()
            done = own.begin - 1
        for number in range(done + 1, index + 1):
            self._context.check()
            self._blend(number)
        return self._done[own][1].painted

    def _blend(self, index: int) -> None:
        """Carry every take that is at this frame, or begins with it, one frame on; forget the others."""
        from ganplugin.steadying import steadied

        painted = self._painted[index]
        source = survey_of(self._film, self._context).evened(_colours(self._film[index]), index)
        going: dict[_Take, tuple[int, Steadied]] = {}
        for take in self._takes(index):
            done, last = self._done.get(take, (-1, None))
            if take.begin == index or done == index - 1:
                before = None if take.begin == index else last
                going[take] = index, steadied(before, painted, source, self._steady)
        self._done = going

    def _takes(self, index: int) -> list[_Take]:
        """Return the take that a frame belongs to and, near its end, the one that this frame warms up for."""
        from ganplugin.steadying import TAKE, WARM_UP

        shot = survey_of(self._film, self._context).shot(index)
        number = (index - shot.start) // TAKE
        starts = [shot.start + number * TAKE, shot.start + (number + 1) * TAKE]
        takes = [_Take(max(shot.start, start - WARM_UP), start, min(start + TAKE, shot.stop)) for start in starts]
        return [take for take in takes if take.begin <= index and take.start < shot.stop]


def _colours(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    from ganplugin.sizing import with_channels

    return with_channels(frame, "RGB")
