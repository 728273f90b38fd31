from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.resnet_gan import FAMILY
from ganplugin.models.setting import GIVEN
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models.states import Draw, State


def generator_state(
    widths: tuple[int, ...] = (6, 6, 4), *, base: int = 3, classes: int = 0, spectral: bool = False
) -> State:
    """The tensors of a generator whose maps have these widths, from the first of ``base`` x ``base`` on."""
    draw = Draw(5)
    weight = draw.spectral if spectral else lambda name, *shape: {f"{name}.weight": draw.weight(*shape)}
    state: State = {**weight("l1", widths[0] * base**2, 7), "l1.bias": draw.normal(widths[0] * base**2)}
    for place, (before, after) in enumerate(pairwise(widths), start=2):
        for name, inside, kernel in (("c1", before, 3), ("c2", after, 3), ("c_sc", before, 1)):
            state |= weight(f"block{place}.{name}", after, inside, kernel, kernel)
            state[f"block{place}.{name}.bias"] = draw.normal(after)
        state |= class_norm(draw, f"block{place}.b1", before, classes)
        state |= class_norm(draw, f"block{place}.b2", after, classes)
    end = len(widths) + 1
    state |= draw.norm(f"b{end}", widths[-1])
    return state | weight(f"c{end}", 3, widths[-1], 3, 3) | {f"c{end}.bias": draw.normal(3)}


def class_norm(draw: Draw, name: str, width: int, classes: int) -> State:
    if not classes:
        return draw.norm(name, width)
    statistics = {key: value for key, value in draw.norm(f"{name}.bn", width).items() if "running" in key}
    return {**statistics, f"{name}.embed.weight": 1 + draw.normal(classes, 2 * width, scale=0.5)}


def normed(state: State, name: str, x: Tensor, label: Tensor | None) -> Tensor:
    if label is None:
        mean, variance, weight, bias = (
            state[f"{name}.{entry}"] for entry in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, weight, bias, eps=1e-5)
    x = F.batch_norm(x, state[f"{name}.bn.running_mean"], state[f"{name}.bn.running_var"], eps=1e-5)
    scale, shift = state[f"{name}.embed.weight"][label.argmax(1)].chunk(2, 1)
    return x * scale[:, :, None, None] + shift[:, :, None, None]


def reference(state: State, z: Tensor, label: Tensor | None = None) -> Tensor:
    """The network as the papers draw it, in the order of mimicry: doubling before the convolutions."""
    width = state["block2.c1.weight"].shape[1]
    x = z @ state["l1.weight"].T + state["l1.bias"]
    side = int((x.shape[1] // width) ** 0.5)
    x = x.view(len(z), width, side, side)
    place = 2
    while f"block{place}.c1.weight" in state:
        name = f"block{place}"
        inner = doubled(normed(state, f"{name}.b1", x, label).relu())
        inner = F.conv2d(inner, state[f"{name}.c1.weight"], state[f"{name}.c1.bias"], padding=1)
        inner = normed(state, f"{name}.b2", inner, label).relu()
        inner = F.conv2d(inner, state[f"{name}.c2.weight"], state[f"{name}.c2.bias"], padding=1)
        x = inner + F.conv2d(doubled(x), state[f"{name}.c_sc.weight"], state[f"{name}.c_sc.bias"])
        place += 1
    x = normed(state, f"b{place}", x, None).relu()
    return F.conv2d(x, state[f"c{place}.weight"], state[f"c{place}.bias"], padding=1)


def doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


@pytest.mark.parametrize(
    ("widths", "base", "side"), [((6, 6, 4), 3, 12), ((5, 5, 5, 5), 4, 32), ((8, 6, 4, 3, 2), 2, 32)]
)
def test_sizes_are_read_from_shapes(widths: tuple[int, ...], base: int, side: int) -> None:
    state = generator_state(widths, base=base)
    network = FAMILY.rebuild(state, {})
    z = torch.randn(3, 7)
    pictures = network.module(z)
    assert torch.allclose(pictures, reference(state, z).tanh() / 2 + 0.5, atol=1e-5)
    assert pictures.std() > 0.02
    assert (network.facts["width"], network.facts["z_dim"]) == (side, 7)
    assert {fact.name: fact.value for fact in network.inferred}["residual blocks"] == len(widths) - 1


def test_classes_scale_and_shift_the_norms() -> None:
    state = generator_state(classes=4)
    network = FAMILY.rebuild(state, {})
    assert network.facts["classes"] == ("0", "1", "2", "3")
    z, label = torch.randn(3, 7), torch.eye(4)[[2, 0, 3]]
    expected = reference(state, z, label).tanh() / 2 + 0.5
    assert torch.allclose(network.module(z, label), expected, atol=1e-5)
    assert not torch.allclose(network.module(z, label.flip(0)), expected, atol=1e-2)


def test_spectral_norms_are_folded() -> None:
    state = generator_state(spectral=True)
    assert FAMILY.detect(state)
    z = torch.randn(2, 7)
    plain = {}
    for key, value in state.items():
        name, _, entry = key.rpartition(".")
        if entry == "weight_orig":
            sigma = state[f"{name}.weight_u"] @ value.flatten(1) @ state[f"{name}.weight_v"]
            plain[f"{name}.weight"] = value / sigma
        else:
            plain[key] = value
    expected = reference(plain, z).tanh() / 2 + 0.5
    assert torch.allclose(FAMILY.rebuild(state, {}).module(z), expected, atol=1e-5)


def test_a_sigmoid_can_be_given() -> None:
    state, z = generator_state(), torch.randn(2, 7)
    network = FAMILY.rebuild(state, {GIVEN: {"last_activation": "sigmoid"}})
    assert torch.allclose(network.module(z), reference(state, z).sigmoid(), atol=1e-5)


@pytest.mark.parametrize("key", ["block2.c1.weight", "block3.b2.running_var", "c4.bias", "b4.weight"])
def test_a_near_miss_is_told_what_it_lacks(key: str) -> None:
    state = generator_state()
    del state[key]
    with pytest.raises(CheckpointError, match="residual GAN generator"):
        FAMILY.rebuild(state, {})


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"l1.weight": torch.zeros(55, 7)}, "no square map"),
        ({"block5.c1.weight": torch.zeros(4, 4, 3, 3)}, "numbered in a row"),
        ({"attn_block.gamma": torch.zeros(())}, "SAGAN"),
        ({"extra.weight": torch.zeros(3)}, "Unexpected"),
    ],
)
def test_what_does_not_fit_is_refused(more: State, problem: str) -> None:
    with pytest.raises(CheckpointError, match=problem):
        FAMILY.rebuild({**generator_state(), **more}, {})


def test_the_whole_way_from_a_training_checkpoint(tmp_path: Path) -> None:
    state = generator_state(classes=4)
    optimiser = {"state": {0: {"step": 3, "exp_avg": torch.zeros(54, 7)}}, "param_groups": [{"lr": 2e-4}]}
    content = {"model_state_dict": state, "optimizer_state_dict": optimiser, "global_step": 100000}
    torch.save(content, tmp_path / "netG_100000_steps.pth")
    done = export_checkpoint(tmp_path / "netG_100000_steps.pth")
    assert (done.manifest.family, done.manifest.width, done.part) == ("resnet-gan", 12, "model_state_dict")
    z, label = torch.randn(3, 7), torch.eye(4)[[2, 0, 3]]
    made = open_model(done.path, RuntimeOptions(device="cpu")).run({"z": z.numpy(), "label": label.numpy()})["image"]
    expected = reference(state, z, label).tanh() / 2 + 0.5
    assert torch.allclose(torch.from_numpy(made), expected, atol=1e-5)
