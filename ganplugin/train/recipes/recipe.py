"""What a recipe is: the numbers of a training, and how its two networks are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from ganplugin.errors import InputError
from ganplugin.models.players.player import Judge, Painter, Picture
from ganplugin.train.penalties import Penalties

__all__ = ["Averaging", "Loader", "Maker", "Pair", "PathLength", "Ramp", "Recipe"]

_AREA = 64 * 64

Pair = tuple[Painter, Judge]
Maker = Callable[[Picture, int, "Recipe"], Pair]
"""Of the pictures' shape, the width and the recipe: new networks, drawn from torch's random state."""

Loader = Callable[[Mapping[str, Tensor], Mapping[str, Tensor], Mapping[str, object]], Pair]
"""Of a file's tensors and what it says beside them: its networks."""


@dataclass(frozen=True)
class Ramp:
    """A number that goes from ``start`` to ``end`` over a run, along half a cosine (Loshchilov and Hutter 2017)."""

    start: float
    end: float

    @classmethod
    def flat(cls, value: float) -> Ramp:
        """Return a number that stays."""
        return cls(value, value)

    def at(self, part: float) -> float:
        """Return the number when ``part`` (0..1) of the run is done."""
        return self.end + (self.start - self.end) * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, part))))

    def scaled(self, factor: float) -> Ramp:
        """Return the ramp with both ends times ``factor``."""
        return Ramp(self.start * factor, self.end * factor)


@dataclass(frozen=True)
class Averaging:
    """How the average of the generator's weights forgets: half of it within so many thousand pictures.

    At first within ``ramp`` of all pictures seen so far, so that the start is forgotten (Karras et al. 2020, ADA's
    code: ``ema_kimg`` and ``ema_rampup``). 0 thousand pictures: the average is the generator itself.
    """

    kimg: float
    ramp: float = 0.05

    def decay(self, seen: int, batch: int) -> float:
        """Return what part of the average stays after a step of ``batch`` pictures, ``seen`` of them so far."""
        half_life = min(self.kimg * 1000, self.ramp * seen)
        return 0.5 ** (batch / half_life) if half_life > 0 else 0.0


@dataclass(frozen=True)
class PathLength:
    """Path length regularisation (Karras et al. 2020, StyleGAN2, section 3.2), every so many of the generator's steps.

    ``memory`` is the part of the mean length that stays at each.
    """

    weight: float = 2.0
    every: int = 4
    memory: float = 0.99


@dataclass(frozen=True)
class Recipe:
    """All numbers of a training but those of the run itself. Each recipe's file says where its numbers are from.

    Rates are Adam's. ``penalties`` hold for pictures of 64 x 64 and grow with the area if ``per_area``; ``fade`` is
    what they are multiplied by. ``changes`` are those of DiffAugment. ``ada`` are those of ADA, which happen with the
    probability ``chance``, or with one that the scorer's certainty steers if ``steered``. ``mixing`` is the part of
    pictures made of two styles. ``width`` is the usual number of channels at full size. After ``usable_kimg`` thousand
    pictures samples are worth looking at: not as good as they get, but no blur either.
    """

    name: str
    title: str
    width: int
    batch: int
    objective: str
    generator_rate: Ramp
    scorer_rate: Ramp
    make: Maker
    load: Loader
    beta1: float = 0.0
    beta2: Ramp = field(default_factory=lambda: Ramp.flat(0.99))
    epsilon: float = 1e-8
    scorer_steps: int = 1
    penalties: Penalties = field(default_factory=Penalties)
    per_area: bool = False
    fade: Ramp = field(default_factory=lambda: Ramp.flat(1.0))
    averaging: Averaging = field(default_factory=lambda: Averaging(20.0))
    changes: tuple[str, ...] = ()
    ada: tuple[str, ...] = ()
    chance: Ramp = field(default_factory=lambda: Ramp.flat(0.0))
    steered: bool = False
    flip: bool = False
    mixing: float = 0.0
    path: PathLength | None = None
    family: str = ""
    usable_kimg: float = 100.0
    config: Callable[[Painter, Picture], dict[str, object]] = field(default=lambda painter, picture: {})

    def __post_init__(self) -> None:
        """Raise `InputError` for numbers that no training has."""
        if self.batch < 1 or self.scorer_steps < 1 or self.penalties.every < 1:
            raise InputError("batch, scorer steps and laziness count from 1")

    def penalties_of(self, picture: Picture) -> Penalties:
        """Return the penalties for pictures of this size."""
        return self.penalties.scaled(picture.height * picture.width / _AREA) if self.per_area else self.penalties
