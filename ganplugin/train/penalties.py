"""Penalties on the slope of the scorer, which keep the game from diverging, and how often they are worked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from ganplugin.errors import InputError

__all__ = ["Penalties", "between", "overslope", "squared_slope"]

Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Penalties:
    """Weights of the penalties (0: none), and after how many of the scorer's steps each is due.

    ``r1`` and ``r2`` are the gamma of gamma / 2 * E |grad D|^2 at real and at made pictures, ``gp`` the lambda of
    lambda * E (|grad D| - 1)^2 between them. ``every`` n steps means n times the weight (Karras et al. 2020,
    "Analyzing and Improving the Image Quality of StyleGAN", section 3.1: lazy regularisation).
    """

    r1: float = 0.0
    r2: float = 0.0
    gp: float = 0.0
    every: int = 1

    @property
    def any(self) -> bool:
        """Whether there is a penalty at all."""
        return bool(self.r1 or self.r2 or self.gp)

    def due(self, step: int) -> bool:
        """Return whether penalties are worked out in the scorer's step number ``step``, from 0."""
        return self.any and step % self.every == 0

    def scaled(self, factor: float) -> Penalties:
        """Return the penalties with their weights times ``factor``."""
        return replace(self, r1=self.r1 * factor, r2=self.r2 * factor, gp=self.gp * factor)

    def of_slopes(self, real: Tensor | None, made: Tensor | None, edge: Tensor | None) -> Tensor:
        """Return the weighted sum, ``every`` times, of what `squared_slope` (twice) and `overslope` gave."""
        terms = [
            weight * slope
            for weight, slope in ((self.r1 / 2, real), (self.r2 / 2, made), (self.gp, edge))
            if slope is not None
        ]
        return torch.stack(terms).sum() * self.every

    @classmethod
    def parsed(cls, text: str, every: int = 1) -> Penalties:
        """Return the penalties of a text such as ``r1=1,r2=1``; an empty one or ``none`` stands for none.

        Raises `InputError` for an unknown name or a weight that is no number from 0.
        """
        if text in ("", "none"):
            return cls(every=every)
        names = [field.name for field in fields(cls) if field.name != "every"]
        found: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = part.strip().partition("=")
            if name not in names:
                raise InputError(f"there is no penalty {name!r}", fix="known: " + ", ".join(names))
            found[name] = _weight(name, value)
        return cls(**found, every=every)


def _weight(name: str, text: str) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(f"{name}={text} is no weight", fix=f"give a number from 0, such as {name}=1")
    return value


def squared_slope(scores: Tensor, images: Tensor) -> Tensor:
    """Return the mean over pictures of |d score / d picture|^2, itself open to a backward pass.

    ``scores`` [batch] or [batch, n] were made of ``images`` 0..1 [batch, ...], which require gradients; slopes are
    those of pictures -1..1, as in all papers, so that their weights hold. With weight
    gamma / 2 it is R1 at real pictures and R2 at made ones (Mescheder et al. 2018, "Which Training Methods for GANs do
    actually Converge?", equations 9 and 10). Of a scorer with batch norm it is the slope of the batch's sum.
    """
    return _gradient(scores, images).square().sum(dim=1).mean()


def overslope(scores: Tensor, images: Tensor) -> Tensor:
    """Return the mean of (|d score / d picture| - 1)^2, of pictures -1..1, for those `between` real and made ones.

    Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", equation 3.
    """
    # The root has no slope at 0, where a scorer that ignores its picture would make the step no number.
    length = (_gradient(scores, images).square().sum(dim=1) + 1e-12).sqrt()
    return (length - 1).square().mean()


def between(real: Tensor, made: Tensor, random: torch.Generator) -> Tensor:
    """Return pictures at random places on the lines from made to real ones, ready for gradients (Gulrajani et al.)."""
    place = torch.rand(len(real), *[1] * (real.ndim - 1), generator=random).to(real.device, real.dtype)
    return torch.lerp(made.detach(), real.detach(), place).requires_grad_()


def _gradient(scores: Tensor, images: Tensor) -> Tensor:
    """Return the slopes [batch, n] as the papers count them: of pictures -1..1, which are twice as far apart."""
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gradient.flatten(1) / 2
