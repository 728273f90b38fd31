from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from ganplugin.models.layer_chain import Layer, Norm, chain_of, square_side


def anything(layers: tuple[Layer, ...]) -> bool:
    return True


def shapes(**found: tuple[int, ...]) -> dict[str, Tensor]:
    return {name.replace("_", "."): torch.zeros(shape) for name, shape in found.items()}


def kinds(state: dict[str, Tensor]) -> list[str]:
    return [layer.kind for layer in chain_of(state, "generator", anything)]


def test_layers_norms_and_what_lies_between() -> None:
    module = nn.Sequential(
        *(nn.Linear(5, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4))),
        *(nn.ConvTranspose2d(8, 6, 4, bias=False), nn.ReLU(), nn.InstanceNorm2d(6, affine=True)),
        nn.ConvTranspose2d(6, 3, 5),
    )
    assert chain_of(module.state_dict(), "generator", anything) == (
        Layer("0", "linear", 5, 128, 0, True, norm=Norm("1", "batch", (128,), 0)),
        Layer("4", "transposed", 8, 6, 4, False, silent=2, norm=Norm("6", "instance", (6,), 1)),
        Layer("7", "transposed", 6, 3, 5, True, silent=0),
    )


def test_the_place_in_a_container_of_its_own() -> None:
    state = shapes(l1_0_weight=(72, 5), blocks_1_weight=(4, 8, 3, 3), blocks_4_weight=(3, 4, 3, 3))
    layers = chain_of(state, "generator", anything)
    assert [(layer.kind, layer.silent, layer.lead) for layer in layers] == [
        ("linear", None, 0),
        ("plain", None, 1),
        ("plain", 2, 0),
    ]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"a": (5, 8, 4, 4), "b": (8, 8, 4, 4), "c": (8, 3, 4, 4)}, ["transposed"] * 3),
        ({"a": (5, 8, 4, 4), "b": (8, 8, 3, 3), "c": (8, 3, 4, 4)}, ["transposed", "plain", "transposed"]),
        ({"a": (5, 8, 4, 4), "b": (8, 8, 4, 4), "c": (3, 8, 3, 3)}, ["transposed", "plain", "plain"]),
        ({"a": (32, 5), "b": (8, 8, 3, 3), "c": (4, 8, 3, 3)}, ["linear", "plain", "plain"]),
        ({"a": (32, 5), "b": (8, 8, 3, 3), "c": (8, 4, 3, 3)}, ["linear", "transposed", "transposed"]),
        ({"a": (8, 8, 4, 4), "b": (8, 8, 4, 4)}, ["transposed"] * 2),
        ({"a": (3, 3, 7, 7), "b": (6, 3, 3, 3), "c": (3, 6, 7, 7)}, []),
    ],
)
def test_as_many_channels_before_as_after_are_of_their_neighbours_kind(
    weights: dict[str, tuple[int, ...]], expected: list[str]
) -> None:
    assert kinds({f"{name}.weight": torch.zeros(shape) for name, shape in weights.items()}) == expected


def test_sorted_keys_are_put_in_the_order_of_their_numbers_or_of_what_chains() -> None:
    numbered = {f"net.{place}.weight": torch.zeros(8, 8) for place in (0, 2, 10)}
    numbered["net.0.weight"], numbered["net.10.weight"] = torch.zeros(8, 5), torch.zeros(9, 8)
    named = shapes(bn1_weight=(8,), bn1_bias=(8,), conv1_weight=(8, 3, 4, 4), fc_weight=(1, 8))
    swapped = shapes(adv_0_weight=(1, 8), body_0_weight=(6, 3, 4, 4), body_2_weight=(8, 6, 4, 4))
    for state, role, names in (
        (numbered, "generator", ["net.0", "net.2", "net.10"]),
        (named, "scorer", ["conv1", "fc"]),
        (swapped, "scorer", ["body.0", "body.2", "adv.0"]),
    ):
        state = dict(sorted(state.items()))
        layers = chain_of(state, role, lambda layers: layers[-1].after != 8)
        assert [layer.name for layer in layers] == names


def test_keys_can_be_sorted_by_their_types_first() -> None:
    module = nn.Sequential(nn.ConvTranspose2d(5, 8, 4), nn.BatchNorm2d(8), nn.ConvTranspose2d(8, 3, 4))
    state = dict(sorted(module.state_dict().items(), key=lambda item: (item[1].is_floating_point(), item[0])))
    assert next(iter(state)) == "1.num_batches_tracked"
    assert [layer.name for layer in chain_of(state, "generator", anything)] == ["0", "2"]


def test_the_order_of_the_file_is_kept_where_it_can_be_seen() -> None:
    state = shapes(b_weight=(8, 5), b_bias=(8,), a_weight=(9, 8), a_bias=(9,))
    assert [layer.name for layer in chain_of(state, "generator", anything)] == ["b", "a"]


@pytest.mark.parametrize(
    "state",
    [
        shapes(a_weight=(8, 5)),
        shapes(a_weight=(8, 5), b_weight=(9, 7)),
        shapes(a_weight=(5, 8, 4, 4), b_weight=(7, 3, 4, 4)),
        shapes(a_weight=(5, 8, 4, 3), b_weight=(8, 3, 4, 4)),
        shapes(a_weight=(5, 0, 4, 4), b_weight=(0, 3, 4, 4)),
        shapes(a_weight=(24, 5), b_weight=(8, 3, 4, 4)),
        shapes(a_weight=(8, 5), n_scale=(8,), b_weight=(9, 8)),
        shapes(n_weight=(8,), n_bias=(8,), a_weight=(8, 5), b_weight=(9, 8)),
        shapes(a_weight=(8, 5), a_bias=(8,), b_weight=(9, 8)),
        shapes(a_weight=(5, 8, 4, 4), n_running__mean=(8,), m_running__mean=(8,), b_weight=(8, 3, 4, 4)),
    ],
)
def test_what_does_not_chain_is_none(state: dict[str, Tensor]) -> None:
    assert chain_of(state, "generator", anything) == ()


@pytest.mark.parametrize("odd", ["²", "9" * 5000, "a.²"])
def test_names_of_odd_numbers_do_no_harm(odd: str) -> None:
    state = {f"{odd}.weight": torch.zeros(8, 5), f"{odd}b.weight": torch.zeros(9, 8)}
    assert len(chain_of(state, "generator", anything)) == 2


def test_the_ends_are_asked_about() -> None:
    state = shapes(a_weight=(8, 5), b_weight=(9, 8))
    assert chain_of(state, "generator", lambda layers: layers[-1].after == 3) == ()


@pytest.mark.parametrize(("values", "channels", "side"), [(128, 8, 4), (8, 8, 1), (24, 8, 0), (8, 0, 0), (7, 8, 0)])
def test_square_side(values: int, channels: int, side: int) -> None:
    assert square_side(values, channels) == side
