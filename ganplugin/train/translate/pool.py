"""Earlier pictures of a generator, so that its discriminator does not forget what it was shown before."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Pool"]


class Pool:
    """Up to ``size`` made pictures (Zhu et al. 2017, section 4: 50, after Shrivastava et al. 2017)."""

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.pictures: list[Tensor] = []

    def exchange(self, made: Tensor, random: torch.Generator) -> Tensor:
        """Return a batch in which, once the pool is full, half of the pictures are earlier ones that new ones replace.

        Until then new ones are kept and returned.
        """
        return torch.stack([self._exchanged(picture, random) for picture in made.detach()])

    def _exchanged(self, picture: Tensor, random: torch.Generator) -> Tensor:
        if len(self.pictures) < self.size:
            self.pictures.append(picture.clone())
            return picture
        if torch.rand((), generator=random) < 0.5:
            return picture
        place = int(torch.randint(self.size, (), generator=random))
        earlier, self.pictures[place] = self.pictures[place], picture.clone()
        return earlier
