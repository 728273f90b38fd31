from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.models.families import FAMILIES
from ganplugin.models.lightweight_gan import FAMILY
from tests.models.states import Draw, State

Z = 6
HEADS, HEAD = 2, 64


def convolution(draw: Draw, name: str, *shape: int) -> State:
    return {f"{name}.weight": draw.weight(*shape), f"{name}.bias": draw.normal(shape[0])}


def generator_state(
    widths: tuple[int, ...] = (6, 4, 4),
    *,
    attention: int | None = None,
    excitation: int | None = None,
    frequencies: bool = False,
    old: bool = False,
    blurred: bool = False,
    repeated: bool = False,
    pooled: bool = False,
    spatial: int | None = None,
    early: str | None = None,
    channels: int = 3,
) -> State:
    """Blocks of ``widths``; ``old`` are those of 3 x 3 convolutions without noise. Sides double from 4.

    ``repeated`` are those that repeat pixels, ``pooled`` an excitation from means and maxima, ``spatial`` the block
    with a gate for each pixel, ``early`` the kind of attention.
    """
    draw = Draw(31)
    state: State = {"initial_conv.0.weight": draw.weight(Z, 2 * Z, 4, 4), "initial_conv.0.bias": draw.normal(2 * Z)}
    state |= draw.norm("initial_conv.1", 2 * Z)
    for index, (before, after) in enumerate(zip((Z, *widths), widths, strict=False)):
        name = f"layers.{index}"
        if not repeated:
            state |= convolution(draw, f"{name}.0.0.net.0", 4 * before, before, 1, 1)
        if blurred:
            state[f"{name}.0.1.f"] = torch.tensor([1.0, 2.0, 1.0])
        if old:
            state |= convolution(draw, f"{name}.0.2", 2 * after, before, 3, 3) | draw.norm(f"{name}.0.3", 2 * after)
        else:
            state |= convolution(draw, f"{name}.0.2.1", 2 * after, before, 4, 4)
            state |= {f"{name}.0.3.weight": draw.normal(1), **draw.norm(f"{name}.0.4", 2 * after)}
        if index == excitation:
            side = 4 if pooled else 1
            if pooled:
                pass
            elif frequencies:
                state[f"{name}.1.dct_weights"] = draw.normal(1, after, 8 << index, 8 << index, scale=0.1)
            else:
                state |= convolution(draw, f"{name}.1.to_k", 1, after, 1, 1)
            state |= convolution(draw, f"{name}.1.net.0", 3, (2 if pooled else 1) * after, side, side)
            state |= convolution(draw, f"{name}.1.net.2", widths[index + 3], 3, 1, 1)
        if index == spatial:
            wide = 4 if before > 3 else 2
            state |= convolution(draw, f"{name}.2.net.0", wide, wide, 3, 3)
            state |= convolution(draw, f"{name}.2.net.2", wide, wide, 3, 3)
            state |= convolution(draw, f"{name}.2.net.4", 1, wide, 3, 3)
        if index == attention and early is not None:
            state |= early_attention(draw, f"{name}.{2 if spatial is None else 3}", before, early)
        elif index == attention:
            inner = HEADS * HEAD
            state |= {
                f"{name}.2.fn.to_lin_q.weight": draw.weight(inner, before, 1, 1),
                f"{name}.2.fn.to_lin_kv.net.0.weight": draw.weight(before, 1, 3, 3),
                f"{name}.2.fn.to_lin_kv.net.1.weight": draw.weight(2 * inner, before, 1, 1),
                f"{name}.2.fn.to_q.weight": draw.weight(inner, before, 1, 1),
                f"{name}.2.fn.to_kv.weight": draw.weight(2 * inner, before, 1, 1),
                **convolution(draw, f"{name}.2.fn.to_out", before, 2 * inner, 1, 1),
                f"{name}.2.norm.g": 1 + draw.normal(1, before, 1, 1),
                f"{name}.2.norm.b": draw.normal(1, before, 1, 1),
            }
    return state | convolution(draw, "out_conv", channels, widths[-1], 3, 3)


def early_attention(draw: Draw, name: str, width: int, kind: str) -> State:
    """``joint`` (before 0.19), ``scaled`` (0.19) or ``normed`` (0.20)."""
    inner = HEADS * HEAD
    state = convolution(draw, f"{name}.fn.to_out", width, inner, 1, 1)
    if kind == "joint":
        return state | {f"{name}.fn.to_qkv.weight": draw.weight(3 * inner, width, 1, 1), f"{name}.g": torch.tensor(0.7)}
    state |= {
        f"{name}.fn.to_q.weight": draw.weight(inner, width, 1, 1),
        f"{name}.fn.to_kv.net.0.weight": draw.weight(width, 1, 3, 3),
        f"{name}.fn.to_kv.net.1.weight": draw.weight(2 * inner, width, 1, 1),
    }
    if kind == "scaled":
        return state | {f"{name}.g": 1 + draw.normal(1, width, 1, 1)}
    return state | {f"{name}.norm.g": 1 + draw.normal(1, width, 1, 1), f"{name}.norm.b": draw.normal(1, width, 1, 1)}


def early_attended(s: State, name: str, fmap: Tensor) -> Tensor:
    x, inner = fmap, HEADS * HEAD
    if f"{name}.norm.g" in s:
        mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
        x = (x - mean) / (variance + 1e-5).sqrt() * s[f"{name}.norm.g"] + s[f"{name}.norm.b"]
    joint = f"{name}.fn.to_qkv.weight" in s
    if joint:
        q, k, v = applied(s, f"{name}.fn.to_qkv", x).flatten(2).split(inner, dim=1)
    else:
        deep = F.conv2d(x, s[f"{name}.fn.to_kv.net.0.weight"], padding=1, groups=x.shape[1])
        k, v = applied(s, f"{name}.fn.to_kv.net.1", deep).flatten(2).split(inner, dim=1)
        q = applied(s, f"{name}.fn.to_q", x).flatten(2)
    heads = []
    for head in range(HEADS):
        part = slice(head * HEAD, (head + 1) * HEAD)
        context = torch.einsum("bdn,ben->bde", k[:, part].softmax(2), v[:, part])
        heads.append(torch.einsum("bdn,bde->ben", q[:, part].softmax(1), context))
    found = torch.cat(heads, 1).unflatten(2, x.shape[2:])
    added = applied(s, f"{name}.fn.to_out", found if joint else F.gelu(found / 8))
    return fmap + added * s.get(f"{name}.g", torch.ones(1))


def pixel_gate(s: State, name: str, x: Tensor) -> Tensor:
    """Channels in groups, with zeros on either side of all of them."""
    groups = s[f"{name}.net.0.weight"].shape[0] // 2
    group = -(-x.shape[1] // groups)
    x = F.pad(x, (0, 0, 0, 0) + ((group - x.shape[1] % group) // 2,) * 2)
    parts = x.chunk(groups, dim=1)
    x = torch.cat([*(part.mean(1, keepdim=True) for part in parts), *(part.amax(1, keepdim=True) for part in parts)], 1)
    x = F.interpolate(applied(s, f"{name}.net.0", x, 1), scale_factor=2)
    return applied(s, f"{name}.net.4", F.leaky_relu(applied(s, f"{name}.net.2", x, 1), 0.1), 1).sigmoid()


def applied(s: State, name: str, x: Tensor, padding: int = 0) -> Tensor:
    return F.conv2d(x, s[f"{name}.weight"], s.get(f"{name}.bias"), padding=padding)


def gated(s: State, name: str, x: Tensor) -> Tensor:
    entries = [s[f"{name}.{entry}"] for entry in ("running_mean", "running_var", "weight", "bias")]
    first, second = F.batch_norm(x, *entries).chunk(2, dim=1)
    return first * second.sigmoid()


def attended(s: State, name: str, fmap: Tensor) -> Tensor:
    """Written with loops over heads, and unfolded neighbourhoods, from the formulas."""
    mean, variance = fmap.mean(1, keepdim=True), fmap.var(1, unbiased=False, keepdim=True)
    x = (fmap - mean) / (variance + 1e-5).sqrt() * s[f"{name}.norm.g"] + s[f"{name}.norm.b"]
    height, width = x.shape[2:]
    deep = F.conv2d(x, s[f"{name}.fn.to_lin_kv.net.0.weight"], padding=1, groups=x.shape[1])
    lin_k, lin_v = applied(s, f"{name}.fn.to_lin_kv.net.1", deep).flatten(2).split(HEADS * HEAD, dim=1)
    lin_q = applied(s, f"{name}.fn.to_lin_q", x).flatten(2)
    q = applied(s, f"{name}.fn.to_q", x).flatten(2)
    k, v = applied(s, f"{name}.fn.to_kv", x).split(HEADS * HEAD, dim=1)
    far, near = [], []
    for head in range(HEADS):
        part = slice(head * HEAD, (head + 1) * HEAD)
        context = torch.einsum("bdn,ben->bde", lin_k[:, part].softmax(2), lin_v[:, part])
        far.append(torch.einsum("bdn,bde->ben", lin_q[:, part].softmax(1) / 8, context))
        keys, values = (F.unfold(t[:, part], 3, padding=1).unflatten(1, (HEAD, 9)) for t in (k, v))
        shares = torch.einsum("bdn,bdjn->bjn", q[:, part] / 8, keys).softmax(1)
        near.append(torch.einsum("bjn,bdjn->bdn", shares, values))
    both = torch.cat((F.gelu(torch.cat(far, 1)), torch.cat(near, 1)), 1)
    return fmap + applied(s, f"{name}.fn.to_out", both.unflatten(2, (height, width)))


def made(s: State, z: Tensor, noises: list[Tensor]) -> Tensor:
    x = F.conv_transpose2d(z[:, :, None, None], s["initial_conv.0.weight"], s["initial_conv.0.bias"])
    x = F.normalize(gated(s, "initial_conv.1", x), dim=1)
    gates, index = {}, 0
    while any(f"layers.{index}.0.2.{key}" in s for key in ("weight", "1.weight")):
        name = f"layers.{index}"
        gate = pixel_gate(s, f"{name}.2", x) if f"{name}.2.net.0.weight" in s else torch.ones(1)
        for place in (f"{name}.2", f"{name}.3"):
            if f"{place}.fn.to_lin_q.weight" in s:
                x = attended(s, place, x)
            elif f"{place}.fn.to_out.weight" in s:
                x = early_attended(s, place, x)
        if f"{name}.0.0.net.0.weight" in s:
            x = F.pixel_shuffle(F.silu(applied(s, f"{name}.0.0.net.0", x)), 2)
        else:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        if (taps := s.get(f"{name}.0.1.f")) is not None:
            kernel = (torch.outer(taps, taps) / 16).expand(x.shape[1], 1, 3, 3)
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), kernel, groups=x.shape[1])
        if f"{name}.0.2.1.weight" in s:
            x = applied(s, f"{name}.0.2.1", F.pad(x, (2, 1, 2, 1)))
            x = gated(s, f"{name}.0.4", x + s[f"{name}.0.3.weight"] * noises[index])
        else:
            x = gated(s, f"{name}.0.3", applied(s, f"{name}.0.2", x, padding=1))
        if f"{name}.1.net.0.weight" in s:
            if (weights := s.get(f"{name}.1.dct_weights")) is not None:
                pooled = (x * weights).sum(dim=(2, 3))[:, :, None, None]
            elif f"{name}.1.to_k.weight" not in s:
                pooled = torch.cat((F.adaptive_max_pool2d(x, 4), F.adaptive_avg_pool2d(x, 4)), dim=1)
            else:
                shares = applied(s, f"{name}.1.to_k", x).flatten(2).softmax(2)
                pooled = (x.flatten(2) * shares).sum(2)[:, :, None, None]
            inner = F.leaky_relu(applied(s, f"{name}.1.net.0", pooled), 0.1)
            gates[index + 3] = applied(s, f"{name}.1.net.2", inner).sigmoid()
        x = x * gates.get(index, torch.ones(1)) * gate
        index += 1
    return applied(s, "out_conv", x, padding=1).clamp(0, 1)


def latents(rows: int) -> Tensor:
    return torch.randn(rows, Z, generator=torch.Generator().manual_seed(9))


def noise_maps(count: int) -> list[Tensor]:
    random = torch.Generator().manual_seed(8)
    return [torch.randn(1, 1, 8 << index, 8 << index, generator=random) for index in range(count)]


VARIANTS: dict[str, State] = {
    "plain": generator_state(),
    "attention": generator_state(attention=1),
    "excitation": generator_state((6, 5, 4, 4, 3), excitation=1),
    "frequencies": generator_state((6, 5, 4, 4, 3), excitation=1, frequencies=True),
    "blurred, RGBA": generator_state(blurred=True, channels=4),
    "repeated pixels, blurred, grey": generator_state(repeated=True, blurred=True, channels=1),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_newer_layout_computes_what_the_tensors_say(variant: str) -> None:
    state = VARIANTS[variant]
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    blocks = len(network.inputs) - 2
    noises, z = noise_maps(blocks), latents(2)
    strength = torch.tensor(0.5)
    expected = made(state, z, [noise * strength for noise in noises])
    assert torch.allclose(network.module(z, *noises, strength), expected, atol=2e-5)
    assert expected.std() > 0.01
    assert network.facts["width"] == 4 << blocks
    assert [given.name for given in network.inputs] == ["z", *(f"noise_{i}" for i in range(blocks)), "noise_strength"]


OLDER: dict[str, State] = {
    "pixel shuffle": generator_state(old=True),
    "0.20": generator_state(old=True, repeated=True, attention=1, early="normed"),
    "0.19, blurred": generator_state(old=True, repeated=True, blurred=True, attention=1, early="scaled"),
    "0.18": generator_state((6, 5, 4, 4), old=True, repeated=True, attention=2, early="joint", excitation=0),
    "0.14": generator_state((6, 5, 4, 4, 4), old=True, repeated=True, pooled=True, excitation=1),
    "0.14, spatial": generator_state((6, 4), old=True, repeated=True, spatial=1, attention=1, early="joint"),
    "0.14, spatial, few channels": generator_state((3, 3), old=True, repeated=True, spatial=1),
}


@pytest.mark.parametrize("variant", OLDER)
def test_the_older_layouts_have_no_noise(variant: str) -> None:
    state = OLDER[variant]
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    assert [given.name for given in network.inputs] == ["z"]
    assert "noise" not in {fact.name for fact in network.inferred}
    assert torch.allclose(network.module(latents(3)), made(state, latents(3), []), atol=2e-5)


def test_what_was_found_is_told() -> None:
    told = {fact.name: fact.value for fact in FAMILY.rebuild(VARIANTS["excitation"], {}).inferred}
    assert (told["picture side"], told["excitation at"], told["attention at"], told["noise maps"]) == (
        128,
        "8",
        "none",
        5,
    )


def test_the_averaged_generator_of_the_container_is_exported(tmp_path: Path) -> None:
    raw = generator_state((4, 4))
    averaged = {key: tensor + 0.01 if tensor.is_floating_point() else tensor for key, tensor in raw.items()}
    gan = {f"G.{key}": value for key, value in raw.items()} | {f"GE.{key}": value for key, value in averaged.items()}
    gan |= {"D.to_logits.0.weight": torch.ones(2, 2, 1, 1)}
    file = tmp_path / "model_7.pt"
    torch.save({"GAN": gan, "version": "1.2.1", "G_scaler": {}, "D_scaler": {}}, file)
    first, second = matches_of(load_checkpoint(file), FAMILIES)
    assert (first.part.path, first.is_averaged, second.part.path) == ("GAN.GE", True, "GAN.G")
    assert torch.equal(first.part.state["out_conv.bias"], averaged["out_conv.bias"])
    done = export_checkpoint(file)
    assert (done.manifest.family, done.manifest.width, done.part) == ("lightweight-gan", 16, "GAN.GE")


@pytest.mark.parametrize("key", ["layers.1.0.3.weight", "layers.1.2.fn.to_q.weight", "layers.0.0.2.1.bias"])
def test_a_missing_tensor_is_refused(key: str) -> None:
    state = dict(VARIANTS["attention"])
    del state[key]
    with pytest.raises(CheckpointError, match="almost a lightweight-gan"):
        FAMILY.rebuild(state, {})


def test_other_networks_are_not_taken() -> None:
    assert not FAMILY.detect({"initial_conv.0.weight": torch.ones(1), "out_conv.weight": torch.ones(1)})
    with pytest.raises(CheckpointError):
        FAMILY.rebuild({}, {})


@pytest.mark.parametrize(
    ("version", "known"), [("0.12.0", False), ("0.12.5", False), ("0.12.6", True), ("1.2.1", True)]
)
def test_a_version_that_the_file_names_is_heeded(tmp_path: Path, version: str, known: bool) -> None:
    """Files of 0.12.0 to 0.12.5 have the same tensors, but their first map is normalised along another axis."""
    state = {f"GE.{key}": tensor for key, tensor in generator_state((4, 4)).items()}
    path = tmp_path / "model_3.pt"
    torch.save({"GAN": state, "version": version}, path)
    (match,) = matches_of(load_checkpoint(path), FAMILIES)
    if known:
        match.family.rebuild(match.part.state, match.part.config)
    else:
        with pytest.raises(CheckpointError, match=f"written by lightweight-gan {version}"):
            match.family.rebuild(match.part.state, match.part.config)
