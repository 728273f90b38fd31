"""The games that a scorer and a generator can play: what each of them minimises, by name.

Everywhere D(x) is the scorer's raw output, a logit or a critic's value, before any sigmoid. sigmoid(D) is what the
papers call the probability of being real, so that log sigmoid(D) = -softplus(-D), log(1 - sigmoid(D)) = -softplus(D).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Final

import torch.nn.functional as F
from torch import Tensor

from ganplugin.registry import Registry

__all__ = ["OBJECTIVES", "Objective"]

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """A game. Both losses take the scores of real and of made pictures, float32 of one shape, and return a scalar.

    ``needs_real`` tells that the generator's loss looks at the scores of real pictures. ``clip`` bounds the scorer's
    weights after each of its steps (0: not at all); ``penalty`` is the weight of the gradient penalty that belongs to
    the game. A critic, whose mean is an estimate of a distance, learns ``scorer_steps`` times for one step of the
    generator, without momentum. ``undecided`` is the score that says neither, None where only differences count.
    """

    name: str
    title: str
    scorer: Loss
    generator: Loss
    needs_real: bool = False
    clip: float = 0.0
    penalty: float = 0.0
    scorer_steps: int = 1
    undecided: float | None = 0.0

    def certainty(self, real: Tensor, made: Tensor) -> Tensor:
        """Return how sure the scorer is of real pictures, -1..1: the mean of the signs of their scores.

        This is r_t of Karras et al. 2020 (ADA), section 3.1. Signs are taken from what says neither; where only
        differences count, from the middle between real and made pictures.
        """
        middle = (real.mean() + made.mean()) / 2 if self.undecided is None else self.undecided
        return (real - middle).sign().mean()


def logistic_scorer(real: Tensor, made: Tensor) -> Tensor:
    """Return mean softplus(-real) + mean softplus(made), that is -log sigmoid(real) - log(1 - sigmoid(made)).

    Goodfellow et al. 2014, "Generative Adversarial Nets", equation 1.
    """
    return F.softplus(-real).mean() + F.softplus(made).mean()


def minimax_generator(real: Tensor, made: Tensor) -> Tensor:
    """Return -mean softplus(made), that is log(1 - sigmoid(made)), whose gradient fades where the scorer is sure.

    Goodfellow et al. 2014, equation 1.
    """
    return -F.softplus(made).mean()


def non_saturating_generator(real: Tensor, made: Tensor) -> Tensor:
    """Return mean softplus(-made), that is -log sigmoid(made).

    Goodfellow et al. 2014, the end of section 3.
    """
    return F.softplus(-made).mean()


def least_squares_scorer(real: Tensor, made: Tensor) -> Tensor:
    """Return (mean (real - 1)^2 + mean made^2) / 2.

    Mao et al. 2017, "Least Squares Generative Adversarial Networks", equation 9.
    """
    return ((real - 1).square().mean() + made.square().mean()) / 2


def least_squares_generator(real: Tensor, made: Tensor) -> Tensor:
    """Return mean (made - 1)^2 / 2. Mao et al. 2017, equation 9."""
    return (made - 1).square().mean() / 2


def hinge_scorer(real: Tensor, made: Tensor) -> Tensor:
    """Return mean max(0, 1 - real) + mean max(0, 1 + made). Lim and Ye 2017, "Geometric GAN", section 3."""
    return F.relu(1 - real).mean() + F.relu(1 + made).mean()


def critic(real: Tensor, made: Tensor) -> Tensor:
    """Return mean made - mean real, the negative estimate of the earth mover's distance.

    Arjovsky et al. 2017, "Wasserstein GAN", equation 2.
    """
    return made.mean() - real.mean()


def critic_generator(real: Tensor, made: Tensor) -> Tensor:
    """Return -mean made. Arjovsky et al. 2017, algorithm 1; Lim and Ye 2017 for the hinge game."""
    return -made.mean()


def relativistic_scorer(real: Tensor, made: Tensor) -> Tensor:
    """Return mean softplus(-(real - made)) of pairs: each real picture shall score above the made one beside it.

    Jolicoeur-Martineau 2018, "The relativistic discriminator", equation 5 (RpGAN); Huang et al. 2024, "The GAN is
    dead; long live the GAN!", equation 2.
    """
    return F.softplus(made - real).mean()


def relativistic_generator(real: Tensor, made: Tensor) -> Tensor:
    """Return mean softplus(-(made - real)) of pairs, as `relativistic_scorer` with the roles changed."""
    return F.softplus(real - made).mean()


_ROWS: Final = (
    Objective("minimax", "minimax", logistic_scorer, minimax_generator),
    Objective("non-saturating", "non-saturating logistic", logistic_scorer, non_saturating_generator),
    Objective("lsgan", "least squares", least_squares_scorer, least_squares_generator, undecided=0.5),
    Objective("hinge", "hinge", hinge_scorer, critic_generator),
    # 0.01 and 5 are algorithm 1's defaults; 10 and 5 those of Gulrajani et al. 2017, "Improved Training of Wasserstein
    # GANs". Both want no momentum: the first says RMSProp, which Adam with beta1 = 0 is but for a correction.
    Objective(
        "wgan", "Wasserstein, clipped weights", critic, critic_generator, clip=0.01, scorer_steps=5, undecided=None
    ),
    Objective(
        "wgan-gp",
        "Wasserstein, gradient penalty",
        critic,
        critic_generator,
        penalty=10.0,
        scorer_steps=5,
        undecided=None,
    ),
    Objective(
        "relativistic",
        "relativistic pairing",
        relativistic_scorer,
        relativistic_generator,
        needs_real=True,
        undecided=None,
    ),
)

OBJECTIVES: Final[Registry[Objective]] = reduce(
    lambda table, row: table.add(row.name, row), _ROWS, Registry[Objective]("loss")
)
"""The games by name."""
