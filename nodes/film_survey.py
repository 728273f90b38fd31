"""One look at a whole film for all nodes that need it, and what a style network measures of each of its shots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, Origin, Recipe, joined_origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.fixed_statistics import StyleCall
    from ganplugin.runtime import Model
    from ganplugin.shots import Shot, Survey

__all__ = ["ShotNetworks", "origin_in_sequence", "survey_of"]

SAMPLES: Final = 5
"""How many frames of a shot its statistics are the mean of."""

_SURVEYS: Final[WeakKeyDictionary[Images, Survey]] = WeakKeyDictionary()


def survey_of(film: Images, context: Context) -> Survey:
    """Return what `ganplugin.shots.survey` says of a film; each is looked through once."""
    from ganplugin.shots import survey

    if film not in _SURVEYS:
        _SURVEYS[film] = survey(context.track(film, "Looking", len(film)))
    return _SURVEYS[film]


def origin_in_sequence(images: Images, index: int, recipe: Recipe) -> Origin:
    """Return the origin of a picture that ``recipe`` makes of one of these and of all the others around it."""
    own = images.origin(index)
    if (own.recipe, own.index) != (images.recipe, index):
        whole = joined_origin(images.origins(), recipe, own.name)
        own = replace(whole, seed=own.seed, source=own.source)
    return replace(own, recipe=recipe, index=index)


class ShotNetworks:
    """For each frame of a film the network with the statistics of its shot, and the frame with its exposure evened."""

    def __init__(
        self,
        model: Model,
        film: Images,
        content: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        call: Callable[[], StyleCall],
        context: Context,
    ) -> None:
        from ganplugin.fixed_statistics import FixedStatistics

        self._statistics, self._film, self._content = FixedStatistics(model), film, content
        self._call, self._context = call, context
        self._networks: dict[Shot, Model] = {}

    def frame(self, index: int, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a frame of the film [h, w, c] with its exposure evened out."""
        import numpy as np

        survey = survey_of(self._film, self._context)
        colours = min(3, picture.shape[2])
        evened = survey.evened(picture[..., :colours], index)
        return np.concatenate([evened[..., :colours], picture[..., colours:]], axis=2)

    def network(self, index: int) -> Model:
        """Return the network for a frame; the first frame of a shot costs a look at some others."""
        shot = survey_of(self._film, self._context).shot(index)
        if shot not in self._networks:
            frames = (self._content(self.frame(number, self._film[number])) for number in shot.samples(SAMPLES))
            self._networks[shot] = self._statistics.model(self._statistics.mean(frames, self._call()))
        return self._networks[shot]
