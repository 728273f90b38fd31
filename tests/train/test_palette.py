from __future__ import annotations

import torch

from ganplugin.train.losses import colour_statistics
from ganplugin.train.palette import colour_transfer


def test_the_map_brings_mean_and_covariance_to_the_target() -> None:
    torch.manual_seed(0)
    photo = torch.rand(1, 3, 40, 40) * torch.tensor([1.0, 0.6, 0.3]).view(1, 3, 1, 1)
    painting = torch.rand(1, 3, 30, 30) ** 2
    painting[:, 0] += painting[:, 1]
    source, target = (tuple(part[0] for part in colour_statistics(image)) for image in (photo, painting))
    matrix, shift = colour_transfer(source, target)  # type: ignore[arg-type]
    moved = (matrix @ photo.flatten(2) + shift[:, None]).view_as(photo)
    mean, covariance = colour_statistics(moved)
    assert torch.allclose(mean[0], target[0], atol=1e-5)
    assert torch.allclose(covariance[0], target[1], atol=1e-5)
    assert torch.allclose(matrix, matrix.T, atol=1e-5)


def test_equal_colours_stay_and_flat_pictures_do_no_harm() -> None:
    mean, covariance = torch.rand(3), torch.diag(torch.tensor([0.02, 0.03, 0.04]))
    matrix, shift = colour_transfer((mean, covariance), (mean, covariance))
    assert torch.allclose(matrix, torch.eye(3), atol=1e-5)
    assert torch.allclose(shift, torch.zeros(3), atol=1e-5)
    matrix, shift = colour_transfer((mean, torch.zeros(3, 3)), (mean, covariance))
    assert torch.isfinite(matrix).all()
    assert torch.isfinite(shift).all()
