"""What a backbone is: a fixed network that turns pictures into features, and how pictures are made ready for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["Backbone", "Looks", "as_rgb", "tensors_digest"]


@dataclass(frozen=True, eq=False)
class Looks:
    """What a backbone saw in n pictures.

    ``features`` [n, num_features]; ``scores`` [n, classes] before softmax, or None without a class head; ``maps``:
    feature maps [n, c, h, w] of several depths.
    """

    features: Tensor
    scores: Tensor | None
    maps: Sequence[Tensor]


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network to compare pictures with. Numbers of two backbones never compare.

    ``key`` is its name for options and tables, ``name`` the long one; ``digest`` is that of the weights;
    ``preprocessing`` says how pictures are made ready, and a cached reference with another one is not used.
    ``standard`` is true for what papers used.
    """

    key: str
    name: str
    digest: str
    preprocessing: str
    num_features: int
    classes: int
    standard: bool
    network: nn.Module
    prepare: Callable[[Tensor], Tensor]
    device: torch.device

    @torch.inference_mode()
    def look(self, levels: Tensor) -> Looks:
        """Look at pictures, uint8 [n, 1 | 3 | 4, h, w]: grey is seen as RGB, transparent ones over white."""
        rgb = as_rgb(levels.to(self.device))
        ready = self.prepare(rgb).contiguous(memory_format=torch.channels_last)
        features, scores, maps = self.network(ready)
        return Looks(features.float(), None if scores is None else scores.float(), maps)


def as_rgb(levels: Tensor) -> Tensor:
    """Return pictures uint8 [n, 1 | 3 | 4, h, w] as RGB float32 [n, 3, h, w], 0..255, transparency over white."""
    values = levels.float()
    if values.shape[1] == 1:
        return values.expand(-1, 3, -1, -1)
    if values.shape[1] == 4:
        alpha = values[:, 3:] / 255
        return values[:, :3] * alpha + 255 * (1 - alpha)
    return values


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of named tensors: names, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()
