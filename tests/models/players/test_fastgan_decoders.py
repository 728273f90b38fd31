from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganplugin.models.fastgan_scorer import FastganMaps
from ganplugin.models.players import fastgan
from ganplugin.models.players.fastgan_decoders import DECODERS, FastganDecoders, decoder_widths, fresh_widths
from ganplugin.models.players.player import Picture, reproducible

WIDTHS = {"decoder_big": (6, 4, 4, 2), "decoder_part": (4, 4, 4, 2), "decoder_small": (5, 4, 4, 2)}


def judge_of(side: int, width: int = 2) -> fastgan.FastganJudge:
    with reproducible(0):
        return fastgan.fresh(fastgan.FastganShape(Picture(3, side, side), width))[1]


def maps_of(batch: int) -> FastganMaps:
    return FastganMaps(torch.randn(batch, 4, 16, 16), torch.randn(batch, 6, 8, 8), torch.randn(batch, 5, 8, 8))


@pytest.mark.parametrize(("side", "doublings"), [(64, 3), (128, 4), (256, 4)])
def test_they_draw_pictures_of_their_side_but_at_most_128(side: int, doublings: int) -> None:
    judge = judge_of(side)
    widths = fresh_widths(judge.network)
    assert {len(one) - 1 for one in widths.values()} == {doublings}
    images = torch.rand(2, 3, side, side)
    maps = judge.network.maps(images)
    for name, seen in zip(DECODERS, (maps.big, maps.half, maps.small), strict=True):
        assert judge.decoders.get_submodule(name)(seen).shape == (2, 3, 8 * 2**doublings, 8 * 2**doublings)


def test_paper_sized_networks_have_its_widths() -> None:
    """512 channels at 8 x 8: its code draws with 128, 64, 64 and 32 units of GLU, that is half as many maps."""
    widths = fresh_widths(judge_of(128, width=32).network)
    assert widths["decoder_big"] == (512, 64, 32, 32, 16)


def test_the_distance_is_the_sum_of_three_means() -> None:
    decoders = FastganDecoders(WIDTHS, 3).eval()
    for name in DECODERS:
        decoders.get_submodule(name).main[-2].weight.data.zero_()  # type: ignore[index, union-attr]
    image = torch.full((2, 3, 64, 64), 0.75)
    assert decoders(maps_of(2), image).item() == pytest.approx(3 * 0.5)


def test_a_quarter_is_drawn_from_the_maps_of_that_quarter() -> None:
    """Of maps that hold one quarter alone each of the four must come to be the one that is looked at."""
    decoders = FastganDecoders(WIDTHS, 3).eval()
    seen: list[tuple[Tensor, Tensor]] = []
    decoders.get_submodule("decoder_part").register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    maps = maps_of(1)._replace(half=torch.arange(256.0).view(1, 1, 16, 16).expand(1, 4, 16, 16))
    torch.manual_seed(0)
    for _ in range(32):
        decoders(maps, torch.rand(1, 3, 64, 64))
    assert {int(one[0, 0, 0, 0]) for one in seen} == {0, 8, 128, 136}  # type: ignore[call-overload]


def test_they_learn_to_draw_what_the_maps_hold() -> None:
    torch.manual_seed(1)
    decoders, maps, image = FastganDecoders(WIDTHS, 3), maps_of(4), torch.rand(4, 3, 1, 1).expand(4, 3, 64, 64)
    optimizer = torch.optim.Adam(decoders.parameters(), lr=0.01)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = decoders(maps, image)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_a_files_decoders_are_kept_under_old_names_of_spectral_norm_too() -> None:
    judge = judge_of(64)
    modern = judge.file_state()
    assert decoder_widths(modern) == fresh_widths(judge.network)
    old = {
        key.replace("parametrizations.weight.original", "weight_orig")
        .replace("parametrizations.weight.0._u", "weight_u")
        .replace("parametrizations.weight.0._v", "weight_v"): tensor
        for key, tensor in modern.items()
    }
    again = fastgan.FastganJudge(old).file_state()
    assert all(torch.equal(again[key], tensor) for key, tensor in modern.items())


def test_a_file_without_decoders_gets_new_ones() -> None:
    modern = judge_of(64).file_state()
    bare = {key: tensor for key, tensor in modern.items() if not key.startswith("decoder_")}
    assert fastgan.FastganJudge(bare).file_state().keys() == modern.keys()
