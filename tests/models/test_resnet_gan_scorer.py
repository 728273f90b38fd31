from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.resnet_gan import FAMILY as GENERATOR
from ganplugin.models.resnet_gan_scorer import FAMILY
from ganplugin.models.setting import GIVEN
from tests.models.states import Draw, State
from tests.models.test_resnet_gan import generator_state

Blocks = tuple[tuple[int, bool], ...]

SIDE_32: Blocks = ((4, True), (4, True), (4, False), (4, False))
SIDE_48: Blocks = ((3, True), (4, True), (5, True), (6, True), (7, False))
SIDE_64: Blocks = ((3, True), (4, True), (5, True), (6, True), (7, True))
SIDE_128: Blocks = ((3, True), (4, True), (5, True), (6, True), (7, True), (7, False))


def scorer_state(blocks: Blocks = SIDE_32, head: int = 5, *, spectral: bool = True, classes: int = 0) -> State:
    """The tensors of a discriminator whose blocks have these widths after them, and halve or do not."""
    draw = Draw(6)
    weight = draw.spectral if spectral else lambda name, *shape: {f"{name}.weight": draw.weight(*shape)}
    state: State = {}
    before = 3
    for place, (after, halves) in enumerate(blocks, start=1):
        hidden = after if place == 1 else before
        shortcut = (("c_sc", after, before, 1),) if halves or before != after else ()
        for name, out, inside, kernel in (("c1", hidden, before, 3), ("c2", after, hidden, 3), *shortcut):
            state |= weight(f"block{place}.{name}", out, inside, kernel, kernel)
            state[f"block{place}.{name}.bias"] = draw.normal(out)
        before = after
    state |= weight(f"l{head}", 1, before) | {f"l{head}.bias": draw.normal(1)}
    return state | (weight("l_y", classes, before) if classes else {})


def plain(state: State) -> State:
    found = {key: value for key, value in state.items() if not key.endswith(("weight_orig", "weight_u", "weight_v"))}
    for key, value in state.items():
        name, _, entry = key.rpartition(".")
        if entry == "weight_orig":
            found[f"{name}.weight"] = value / (state[f"{name}.weight_u"] @ value.flatten(1) @ state[f"{name}.weight_v"])
    return found


def reference(state: State, blocks: Blocks, images: Tensor, pooling: str, label: Tensor | None = None) -> Tensor:
    """The network as mimicry computes it: its first ReLU writes over what goes around the block."""
    state = plain(state)

    def convolved(name: str, x: Tensor) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[2] // 2)

    x = images * 2 - 1
    for place, (_, halves) in enumerate(blocks, start=1):
        name = f"block{place}"
        x = x if place == 1 else x.relu()
        inner = convolved(f"{name}.c2", convolved(f"{name}.c1", x).relu())
        outer = F.avg_pool2d(x, 2) if place == 1 else x
        outer = convolved(f"{name}.c_sc", outer) if f"{name}.c_sc.weight" in state else outer
        outer = F.avg_pool2d(outer, 2) if halves and place > 1 else outer
        x = (F.avg_pool2d(inner, 2) if halves else inner) + outer
    features = x.relu().sum((2, 3)) if pooling == "sum" else x.relu().mean((2, 3))
    head = next(key[: -len(".weight")] for key in state if key.startswith("l") and key[1].isdigit() and "weight" in key)
    logits = (features @ state[f"{head}.weight"].T + state[f"{head}.bias"]).flatten()
    return logits if label is None else logits + (state["l_y.weight"][label.argmax(1)] * features).sum(1)


@pytest.mark.parametrize(
    ("blocks", "head", "side"), [(SIDE_32, 5, 32), (SIDE_48, 5, 48), (SIDE_64, 6, 64), (SIDE_128, 7, 128)]
)
def test_the_published_sizes(blocks: Blocks, head: int, side: int) -> None:
    state = scorer_state(blocks, head)
    assert FAMILY.detect(state)
    assert not GENERATOR.detect(state)
    network = FAMILY.rebuild(state, {})
    assert (network.facts["width"], network.facts["height"]) == (side, side)
    images = torch.rand(2, 3, side, side)
    expected = reference(state, blocks, images, "sum")
    assert torch.allclose(network.module(images), expected, rtol=1e-4, atol=1e-4)


def test_without_spectral_norm_features_are_averaged_or_summed() -> None:
    state, images = scorer_state(spectral=False), torch.rand(2, 3, 32, 32)
    network = FAMILY.rebuild(state, {})
    assert torch.allclose(network.module(images), reference(state, SIDE_32, images, "mean"), rtol=1e-4, atol=1e-4)
    given = FAMILY.rebuild(state, {GIVEN: {"pooling": "sum"}})
    assert torch.allclose(given.module(images), reference(state, SIDE_32, images, "sum"), rtol=1e-4, atol=1e-3)


def test_where_the_head_does_not_tell_the_side_does() -> None:
    """WGAN-GP's network for 48 x 48 has the tensors of the one for 64 x 64."""
    state = scorer_state(SIDE_64, 6, spectral=False)
    assert FAMILY.rebuild(state, {}).facts["width"] == 64
    network = FAMILY.rebuild(state, {GIVEN: {"side": "48"}})
    images = torch.rand(2, 3, 48, 48)
    assert torch.allclose(network.module(images), reference(state, SIDE_48, images, "mean"), rtol=1e-4, atol=1e-4)


def test_a_class_is_projected_on_the_features() -> None:
    state = scorer_state(classes=4)
    network = FAMILY.rebuild(state, {})
    images, label = torch.rand(3, 3, 32, 32), torch.eye(4)[[2, 0, 3]]
    expected = reference(state, SIDE_32, images, "sum", label)
    assert torch.allclose(network.module(images, label), expected, rtol=1e-4, atol=1e-4)
    assert network.facts["classes"] == ("0", "1", "2", "3")


def test_a_head_that_guesses_rotations_plays_no_part() -> None:
    state, draw = scorer_state(), Draw(7)
    more = {**state, **draw.spectral("l_y", 4, 4), "l_y.bias": draw.normal(4)}
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(FAMILY.rebuild(more, {}).module(images), FAMILY.rebuild(state, {}).module(images))


def test_infomax_names_its_blocks_by_what_they_see() -> None:
    state, draw = scorer_state(), Draw(7)
    names = {f"block{place}": f"local_feat_blocks.{place - 1}" for place in (1, 2, 3)}
    names |= {"block4": "global_feat_blocks.0", "l5": "linear"}
    renamed = {key.replace(name := key.partition(".")[0], names[name], 1): value for key, value in state.items()}
    renamed |= draw.spectral("local_nrkhs_a", 4, 4, 1, 1, bias=True) | draw.spectral("global_nrkhs_b", 9, 4, bias=True)
    assert FAMILY.detect(renamed)
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(FAMILY.rebuild(renamed, {}).module(images), FAMILY.rebuild(state, {}).module(images))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"block3.c1.weight_orig": None, "block3.c1.weight_u": None, "block3.c1.weight_v": None}, "numbered in a row"),
        ({"l5.bias": None}, "almost a residual GAN discriminator"),
        ({"block2.c_sc.weight_u": None}, "spectral norm"),
        ({"attn_block.gamma": torch.zeros(())}, "SAGAN"),
        ({"strange.weight": torch.zeros(2)}, "Unexpected"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Tensor | None], problem: str) -> None:
    state = {key: value for key, value in {**scorer_state(), **change}.items() if value is not None}
    with pytest.raises(CheckpointError, match=problem):
        FAMILY.rebuild(state, {})


def test_generators_are_not_taken() -> None:
    assert not FAMILY.detect(generator_state())
