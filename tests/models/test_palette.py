from __future__ import annotations

import torch

from ganplugin.models.palette import colour_statistics, palette_map
from ganplugin.models.stylizer import bare_colours, opponent_matrix


def picture(seed: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    mixed = (torch.eye(3) + torch.rand(3, 3, generator=random)) @ torch.rand(3, 24 * 32, generator=random)
    return (mixed / 3).view(1, 3, 24, 32)


def test_bare_colours_have_no_cast_and_do_not_depend_on_the_light() -> None:
    photo = picture(1)
    bare = bare_colours(photo)
    mean, covariance = colour_statistics(bare)
    assert torch.allclose(mean, torch.zeros(1, 3), atol=1e-5)
    spread = covariance[0].diagonal()
    assert (spread > 0.2).all()
    assert (spread <= 1).all()
    assert (covariance[0] - torch.diag(spread)).abs().max() < 0.25
    assert torch.allclose(bare_colours(photo + 0.1), bare, atol=1e-4)


def test_a_flat_picture_has_no_colours_to_blow_up() -> None:
    faint = torch.full((1, 3, 16, 16), 0.5) + 0.002 * torch.rand(
        1, 3, 16, 16, generator=torch.Generator().manual_seed(2)
    )
    assert bare_colours(faint).abs().max() < 0.2


def test_bare_colours_through_the_map_have_the_paintings_statistics() -> None:
    painting, photo = picture(3), picture(4)
    matrix, shift = palette_map(*colour_statistics(painting))
    mean, covariance = (part[0] for part in colour_statistics(painting))
    recoloured = (matrix @ bare_colours(photo).flatten(2)).view_as(photo) + shift.view(1, 3, 1, 1)
    made_mean, made_covariance = (part[0] for part in colour_statistics(recoloured))
    assert torch.allclose(made_mean, mean, atol=1e-4)
    assert (made_covariance - covariance).norm() < 0.15 * covariance.norm()
    assert (made_covariance - covariance).norm() < 0.5 * (colour_statistics(photo)[1][0] - covariance).norm()


def test_the_map_is_the_cholesky_factor_in_luminance_and_chroma() -> None:
    _, covariance = colour_statistics(torch.cat([picture(5), picture(6)]))
    matrix, _ = palette_map(torch.zeros(2, 3), covariance)
    opponent = opponent_matrix()
    own = opponent @ covariance @ opponent.T + 1e-6 * torch.eye(3)
    assert torch.allclose(opponent @ matrix, torch.linalg.cholesky(own), atol=1e-5)


def test_paintings_of_one_colour_have_a_map_without_spread() -> None:
    matrix, _ = palette_map(*colour_statistics(torch.full((1, 3, 8, 8), 0.7)))
    assert torch.isfinite(matrix).all()
    assert matrix.abs().max() < 0.01
