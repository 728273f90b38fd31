from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.adain import FAMILY, adapted

State = dict[str, Tensor]

DECODER = {1: (4, 8), 5: (4, 4), 8: (4, 4), 11: (4, 4), 14: (3, 4), 18: (3, 3), 21: (2, 3), 25: (2, 2), 28: (3, 2)}
"""Place to (channels after, channels before) in decoder.pth."""

ENCODER = {2: (2, 3), 5: (2, 2), 9: (3, 2), 12: (3, 3), 16: (4, 3), 19: (4, 4), 22: (4, 4), 25: (4, 4), 29: (8, 4)}
"""The same in vgg_normalised.pth up to relu4_1; the published file goes on."""

REST = {32: (8, 8), 35: (8, 8), 38: (8, 8), 42: (8, 8), 45: (8, 8), 48: (8, 8), 51: (8, 8)}


def chain(convs: dict[int, tuple[int, int]], seed: int) -> State:
    random = torch.Generator().manual_seed(seed)
    state: State = {}
    for place, (after, before) in convs.items():
        state[f"{place}.weight"] = torch.randn(after, before, 3, 3, generator=random) * (1.6 / (9 * before) ** 0.5)
        state[f"{place}.bias"] = 0.1 * torch.rand(after, generator=random)
    return state


def decoder() -> State:
    return chain(DECODER, 1)


def encoder(rest: bool = True) -> State:
    first = {"0.weight": torch.eye(3).view(3, 3, 1, 1) * 2, "0.bias": torch.tensor([-0.9, -1.0, -1.1])}
    return {**first, **chain(ENCODER | (REST if rest else {}), 2)}


def both() -> State:
    return {
        **{f"decoder.{key}": tensor for key, tensor in decoder().items()},
        **{f"encoder.{key}": tensor for key, tensor in encoder().items()},
    }


def encoded(state: State, x: Tensor) -> Tensor:
    """What the port's encoder computes up to relu4_1, written out."""
    x = F.conv2d(x, state["0.weight"], state["0.bias"])
    for place in ENCODER:
        if place in (9, 16, 29):
            x = F.max_pool2d(x, 2, ceil_mode=True)
        x = torch.relu(F.conv2d(F.pad(x, (1,) * 4, "reflect"), state[f"{place}.weight"], state[f"{place}.bias"]))
    return x


def decoded(state: State, x: Tensor) -> Tensor:
    for place in DECODER:
        if place in (5, 18, 25):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.conv2d(F.pad(x, (1,) * 4, "reflect"), state[f"{place}.weight"], state[f"{place}.bias"])
        x = x if place == 28 else torch.relu(x)
    return x


def painted(content: Tensor, style: Tensor, strength: float) -> Tensor:
    first, second = encoded(encoder(), content), encoded(encoder(), style)
    moments = [(x.mean((2, 3), keepdim=True), (x.var((2, 3), keepdim=True) + 1e-5).sqrt()) for x in (first, second)]
    moved = (first - moments[0][0]) / moments[0][1] * moments[1][1] + moments[1][0]
    return decoded(decoder(), strength * moved + (1 - strength) * first).clamp(0, 1)


def test_features_take_on_mean_and_deviation() -> None:
    content, style = torch.randn(2, 3, 6, 8), 4 + 2 * torch.randn(1, 3, 5, 5)
    moved = adapted(content, style)
    assert torch.allclose(moved.mean((2, 3)), style.mean((2, 3)).expand(2, 3), atol=1e-4)
    assert torch.allclose(moved.var((2, 3)), style.var((2, 3)).expand(2, 3), rtol=1e-3)


@pytest.mark.parametrize(("sides", "style_sides"), [((32, 40), (24, 24)), ((37, 21), (40, 19))])
@pytest.mark.parametrize("strength", [1.0, 0.4, 0.0])
def test_the_network_is_rebuilt_from_its_tensors(
    sides: tuple[int, int], style_sides: tuple[int, int], strength: float
) -> None:
    network = FAMILY.rebuild(both(), {})
    content, style = torch.rand(2, 3, *sides), torch.rand(1, 3, *style_sides)
    wanted = painted(content, style, strength)
    found = network.module(content, style, torch.tensor(strength))
    assert wanted.std() > 0.01
    assert found.shape == wanted.shape
    assert found.shape[2:] == tuple(-(-side // 8) * 8 for side in sides)
    assert torch.allclose(found, wanted, atol=1e-4)


def test_files_are_known_by_their_roles() -> None:
    assert list(FAMILY.roles) == ["decoder", "encoder"]
    fits = {role: [check(state) for state in (decoder(), encoder())] for role, check in FAMILY.roles.items()}
    assert fits == {"decoder": [True, False], "encoder": [False, True]}
    assert FAMILY.roles["encoder"](encoder(rest=False))
    assert FAMILY.detect(both())
    assert not FAMILY.detect(decoder())
    assert not FAMILY.detect({})


def test_an_encoder_that_ends_where_it_is_cut_does_as_well() -> None:
    short = {
        key: tensor for key, tensor in both().items() if key in {f"encoder.{name}" for name in encoder(rest=False)}
    }
    short |= {key: tensor for key, tensor in both().items() if key.startswith("decoder.")}
    inputs = (torch.rand(1, 3, 24, 32), torch.rand(1, 3, 16, 24), torch.tensor(0.6))
    assert len(short) < len(both())
    assert torch.equal(FAMILY.rebuild(short, {}).module(*inputs), FAMILY.rebuild(both(), {}).module(*inputs))


def test_an_encoder_of_another_width_is_refused() -> None:
    state = both()
    state["encoder.29.weight"], state["encoder.29.bias"] = torch.zeros(6, 4, 3, 3), torch.zeros(6)
    with pytest.raises(CheckpointError, match="decoder of 8 channels with an encoder of 6"):
        FAMILY.rebuild(state, {})
    with pytest.raises(CheckpointError, match="no AdaIN decoder with its encoder"):
        FAMILY.rebuild({key: tensor for key, tensor in both().items() if key.startswith("decoder")}, {})


def test_the_default_style_is_a_picture() -> None:
    style = FAMILY.rebuild(both(), {}).inputs[1].default
    assert style is not None
    assert style.shape == (1, 3, 64, 64)
    assert 0 <= style.min() < 0.3 < 0.7 < style.max() <= 1


@pytest.mark.parametrize("decoder_first", [True, False])
def test_one_file_alone_is_refused_with_the_remedy(tmp_path: Path, decoder_first: bool) -> None:
    path = tmp_path / "half.pth"
    torch.save(decoder() if decoder_first else encoder(), path)
    here, other = ("decoder", "encoder") if decoder_first else ("encoder", "decoder")
    with pytest.raises(CheckpointError, match=f"is the {here} of an AdaIN .* needs its {other} too .* DECODER ENCODER"):
        export_checkpoint(path)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    one, two = tmp_path / "decoder.pth", tmp_path / "again.pth"
    torch.save(decoder(), one)
    torch.save(decoder(), two)
    with pytest.raises(CheckpointError, match=r"decoder\.pth and again\.pth do not make one network"):
        export_checkpoint(one, beside=[two])
    torch.save(encoder(), two)
    with pytest.raises(CheckpointError, match="do not make one network"):
        export_checkpoint(one, beside=[two, one])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.pth", "decoder.pth"]


def test_the_file_equals_the_network_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    one, two = tmp_path / "decoder.pth", tmp_path / "vgg_normalised.pth"
    torch.save(decoder(), one)
    torch.save(encoder(), two)
    done = export_checkpoint(two, beside=[one])
    assert done.path == tmp_path / "decoder.onnx"
    manifest = done.manifest
    assert (manifest.family, manifest.name, manifest.size_multiple) == ("adain", "decoder", 8)
    assert manifest.source is not None
    assert manifest.source.file == "decoder.pth"
    found = {fact.name: fact.value for fact in manifest.inferred}
    assert found["weights"] == "decoder in decoder.pth + encoder in vgg_normalised.pth"
    assert len(str(found["encoder SHA-256"])) == 64
