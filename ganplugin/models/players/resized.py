"""Transposed convolutions that enlarge first and convolve then, so that they leave no checkerboard.

To repeat every value of a map twice each way and then convolve by 3 x 3 (Odena et al. 2016, "Deconvolution and
Checkerboard Artifacts") is one transposed convolution by 4 x 4 with stride 2, whose kernel is the small one drawn over
2 x 2. So a family whose files hold such kernels, as pix2pix's U-Net, can be trained without their fault.
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

__all__ = ["Resized", "keep_resized", "plain_state"]

_NARROW: Final = ((1.0, 0, 0, 0), (-0.5, 0.5, 0.5, -0.5), (0, 0, 0, 1.0))
"""What leads from each row of a kernel of four, as the rows of three lie in it, back to three."""
_CLOSE: Final = 1e-5
_ORIGINAL: Final = ".parametrizations.weight.original"


class Resized(nn.Module):
    """The kernel [before, after, 4, 4] of one of [before, after, 3, 3] behind an enlargement by repetition."""

    def forward(self, small: Tensor) -> Tensor:
        """Return the sum of the kernel at the four places of a value that is repeated."""
        return sum((F.pad(small, (x, 1 - x, y, 1 - y)) for x in (0, 1) for y in (0, 1)), start=small.new_zeros(()))

    def right_inverse(self, wide: Tensor) -> Tensor:
        """Return the small kernel of a wide one that has one; of others, one that comes near."""
        narrow = torch.tensor(_NARROW, dtype=wide.dtype, device=wide.device)
        return narrow @ wide @ narrow.T


def keep_resized(network: nn.Module) -> None:
    """Let every transposed convolution learn as a `Resized` one whose kernel is one already; leave the others alone."""
    resized = Resized()
    for layer in list(network.modules()):
        if isinstance(layer, nn.ConvTranspose2d) and layer.kernel_size == (4, 4) and layer.stride == (2, 2):
            wide = layer.weight.detach()
            if torch.allclose(resized(resized.right_inverse(wide)), wide, atol=_CLOSE):
                parametrize.register_parametrization(layer, "weight", Resized())


def plain_state(network: nn.Module) -> dict[str, Tensor]:
    """Return the state with the wide kernels in the place of the small ones, as files hold them."""
    state: dict[str, Tensor] = {}
    for key, tensor in network.state_dict().items():
        if key.endswith(_ORIGINAL):
            key, tensor = key.removesuffix(_ORIGINAL) + ".weight", Resized()(tensor)
        state[key] = tensor
    return state
