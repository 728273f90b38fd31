"""What a training asks of its two networks, whichever family they are of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ganplugin.errors import InputError

__all__ = ["Judge", "Painter", "Picture", "RebuildingJudge", "StyledPainter", "halvings", "reproducible"]


@dataclass(frozen=True)
class Picture:
    """The shape of pictures, and of how many classes they are (0: no labels)."""

    channels: int
    height: int
    width: int
    classes: int = 0

    @property
    def is_square(self) -> bool:
        """Whether height and width are equal."""
        return self.height == self.width


def halvings(picture: Picture, *, least: int = 4, most: int = 7) -> tuple[int, int, int]:
    """Return (n, rows, columns) of the smallest map from which n doublings make the picture, no side below ``least``.

    Raises `InputError` if no map has its longer side below twice ``most``.
    """
    height, width, count = picture.height, picture.width, 0
    while height % 2 == 0 and width % 2 == 0 and min(height, width) >= 2 * least:
        height, width, count = height // 2, width // 2, count + 1
    if count == 0 or max(height, width) >= 2 * most or min(height, width) < least:
        raise InputError(
            f"pictures of {picture.width} x {picture.height} cannot be grown from a small map by doubling",
            fix="use sides that are small numbers times the same power of two, such as 64 x 64 or 96 x 64",
        )
    return count, height, width


class Painter(nn.Module):
    """A generator in training. Pictures are 0..1, but not clamped, so that gradients reach what lies outside."""

    z_dim: int

    def paint(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures [batch, channels, h, w] of z [batch, z_dim] and, with classes, label [batch, classes].

        Noise within the network comes from torch's own random state.
        """
        raise NotImplementedError

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors under the names that the family's files have."""
        raise NotImplementedError


class StyledPainter(Painter):
    """A generator with a W space."""

    num_ws: int

    @property
    def centre(self) -> Tensor:
        """The buffer [w_dim] that holds the mean w."""
        raise NotImplementedError

    def map(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return w [batch, w_dim]."""
        raise NotImplementedError

    def synthesize(self, ws: Tensor) -> Tensor:
        """Return pictures of ws [batch, num_ws, w_dim]."""
        raise NotImplementedError

    def paint(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures with one w for all layers; see `Painter`."""
        return self.synthesize(self.map(z, label)[:, None].expand(-1, self.num_ws, -1))


class Judge(nn.Module):
    """A discriminator in training: ``forward(image, label)`` takes pictures 0..1 to scores [batch] or [batch, n]."""

    def file_state(self) -> dict[str, Tensor]:
        """Return the tensors under the names that the family's files have."""
        raise NotImplementedError

    def early(self) -> Sequence[nn.Module]:
        """Return the layers that may be frozen, from the picture inwards (FreezeD: Mo et al. 2020)."""
        raise NotImplementedError


class RebuildingJudge(Judge):
    """A discriminator that must also be able to draw real pictures again from what it sees in them."""

    def judge_and_rebuild(self, image: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return scores as ``forward`` does, and the mean distance [] of the pictures from what it draws."""
        raise NotImplementedError


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Make networks from ``seed`` alone, and leave torch's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
