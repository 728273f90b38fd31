from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.models.oversampling import Downsampling, Upsampling


def spread(x: Tensor, taps: Tensor, factor: int, first: int, after: int) -> Tensor:
    """Zeros between samples and around them, then the filter, as the paper has it."""
    batch, channels, height, width = x.shape
    wide = torch.zeros(batch, channels, height, factor, width, factor)
    wide[:, :, :, 0, :, 0] = x
    wide = wide.reshape(batch, channels, height * factor, width * factor)
    last = after + len(taps) - 1 - wide.shape[3] - first
    wide = F.pad(wide, (first, last, first, last))
    kernel = torch.outer(taps, taps).flip(0, 1)[None, None] * factor**2
    return F.conv2d(wide.flatten(0, 1)[:, None], kernel)[:, 0].unflatten(0, (batch, channels))


@pytest.mark.parametrize(
    ("factor", "taps", "before", "first", "after"),
    [
        (2, 12, 9, 6, 14),
        (2, 12, 9, -3, 11),
        (4, 24, 7, 11, 40),
        (1, 6, 5, 0, 3),
        (2, 6, 150, 2, 297),
        (2, 5, 300, 4, 600),
    ],
)
def test_samples_are_spread_and_filtered_whatever_is_padded_or_cropped(
    factor: int, taps: int, before: int, first: int, after: int
) -> None:
    torch.manual_seed(0)
    x, kernel = torch.randn(2, 3, before, before), torch.rand(taps) / taps
    made = Upsampling(kernel, factor, (before, after), first)(x)
    assert made.shape == (2, 3, after, after)
    assert torch.allclose(made, spread(x, kernel, factor, first, after), atol=1e-6)


def test_a_row_of_zeros_alone_is_made_where_only_padding_is_left() -> None:
    made = Upsampling(torch.ones(2), 1, (2, 600), 0)(torch.ones(1, 1, 2, 2))
    assert made.shape == (1, 1, 600, 600)
    assert not made[..., 300:].any()


@pytest.mark.parametrize("separable", [True, False])
def test_filtered_samples_are_thinned_out(separable: bool) -> None:
    torch.manual_seed(0)
    row = torch.rand(4)
    taps = row if separable else torch.rand(4, 4)
    kernel = torch.outer(row, row) if separable else taps
    x = torch.randn(1, 2, 11, 11)
    expected = F.conv2d(x.transpose(0, 1), kernel.flip(0, 1)[None, None])[..., ::2, ::2].transpose(0, 1)
    assert torch.allclose(Downsampling(taps, 2, 2)(x), expected, atol=1e-6)
