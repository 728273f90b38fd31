"""What the networks of a translation minimise beside PatchNCE: being told from real pictures, and L1."""

from __future__ import annotations

from torch import Tensor

__all__ = ["apart", "fooling", "telling"]


def fooling(made: Tensor) -> Tensor:
    """Return mean (D(G(x)) - 1)^2 over the patches' scores of made pictures: what a generator minimises.

    Zhu et al. 2017, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", section 4: the
    least-squares game of Mao et al. 2017, for the generator without its factor 1/2.
    """
    return (made - 1).square().mean()


def telling(real: Tensor, made: Tensor) -> Tensor:
    """Return (mean (D(y) - 1)^2 + mean D(G(x))^2) / 2 over patches: what a discriminator minimises.

    Zhu et al. 2017, sections 4 and 7.1: half of the objective, so that it learns more slowly than the generator.
    """
    return ((real - 1).square().mean() + made.square().mean()) / 2


def apart(made: Tensor, wanted: Tensor) -> Tensor:
    """Return mean |made - wanted| of pictures 0..1 on the papers' scale, -1..1, for which their weights are meant.

    It is the cycle and the identity loss of Zhu et al. 2017 (equations 2 and 6, as means instead of sums), and L1 of
    Isola et al. 2017, "Image-to-Image Translation with Conditional Adversarial Networks", equation 3.
    """
    return 2 * (made - wanted).abs().mean()
