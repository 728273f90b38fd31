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
from ganplugin.models.fastgan import FAMILY, PROJECTED_FAMILY
from tests.models.states import Draw, State

Z = 6
WIDTHS = {4: 16, 8: 8, 16: 8, 32: 4, 64: 4, 128: 2, 256: 2, 512: 2, 1024: 1}
SMALL = {64: 4, 128: 8, 256: 16, 512: 32}


def fastgan_state(
    size: int = 256, *, prefix: str = "", double: bool = False, bias: bool = False, light: bool = False
) -> State:
    """The keys in the order of the original: blocks of two convolutions with noise alternate with plain ones.

    All blocks are ``double``, or none (``light``), in Projected GAN's form.
    """
    draw = Draw(21)
    state = {
        **draw.spectral("init.init.0", Z, 2 * WIDTHS[4], 4, 4, axis=1),
        **draw.norm("init.init.1", 2 * WIDTHS[4], 0.5),
    }
    sides = [side for side in WIDTHS if 4 < side <= size]
    for side in sides:
        before, after = WIDTHS[side // 2], WIDTHS[side]
        name = f"feat_{side}"
        state |= draw.spectral(f"{name}.1", 2 * after, before, 3, 3)
        if not light and (double or side in (8, 32, 128, 512)):
            state |= {f"{name}.2.weight": draw.normal(1), **draw.norm(f"{name}.3", 2 * after, 0.5)}
            state |= draw.spectral(f"{name}.5", 2 * after, after, 3, 3)
            state |= {f"{name}.6.weight": draw.normal(1), **draw.norm(f"{name}.7", 2 * after, 0.5)}
        else:
            state |= draw.norm(f"{name}.2", 2 * after, 0.5)
    for side in sides:
        if side in SMALL:
            state |= draw.spectral(f"se_{side}.main.1", WIDTHS[side], WIDTHS[SMALL[side]], 4, 4)
            state |= draw.spectral(f"se_{side}.main.3", WIDTHS[side], WIDTHS[side], 1, 1)
    if not prefix:
        state |= draw.spectral("to_128", 3, WIDTHS[128], 1, 1)
    state |= draw.spectral("to_big", 3, WIDTHS[size], 3, 3, bias=bias)
    return {prefix + key: tensor for key, tensor in state.items()}


def weight(s: State, name: str, *, transposed: bool = False) -> Tensor:
    value = s[f"{name}.weight_orig"]
    rows = (value.transpose(0, 1) if transposed else value).flatten(1)
    return value / (s[f"{name}.weight_u"] @ rows @ s[f"{name}.weight_v"])


def normed(s: State, name: str, x: Tensor) -> Tensor:
    return F.batch_norm(
        x, s[f"{name}.running_mean"], s[f"{name}.running_var"], s.get(f"{name}.weight"), s.get(f"{name}.bias")
    )


def gated(x: Tensor) -> Tensor:
    half = x.shape[1] // 2
    return x[:, :half] * x[:, half:].sigmoid()


def made(state: State, z: Tensor, noises: list[Tensor], size: int, *, projected: bool = False) -> Tensor:
    s = {key.removeprefix("synthesis."): tensor for key, tensor in state.items()}
    maps = iter(noises)
    if projected:
        z = z / (z.pow(2).mean(dim=1, keepdim=True) + 1e-8).sqrt()
    seen = {4: F.conv_transpose2d(z[:, :, None, None], weight(s, "init.init.0", transposed=True))}
    seen[4] = gated(normed(s, "init.init.1", seen[4]))
    for side in (side for side in WIDTHS if 4 < side <= size):
        name = f"feat_{side}"
        x = seen[side // 2].repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = F.conv2d(x, weight(s, f"{name}.1"), padding=1)
        if f"{name}.5.weight_orig" in s:
            x = gated(normed(s, f"{name}.3", x + s[f"{name}.2.weight"] * next(maps)))
            x = F.conv2d(x, weight(s, f"{name}.5"), padding=1)
            x = gated(normed(s, f"{name}.7", x + s[f"{name}.6.weight"] * next(maps)))
        else:
            x = gated(normed(s, f"{name}.2", x))
        if side in SMALL:
            gate = F.conv2d(F.adaptive_avg_pool2d(seen[SMALL[side]], 4), weight(s, f"se_{side}.main.1"))
            x = x * F.conv2d(gate * gate.sigmoid(), weight(s, f"se_{side}.main.3")).sigmoid()
        seen[side] = x
    return F.conv2d(seen[size], weight(s, "to_big"), s.get("to_big.bias"), padding=1)


def shown(pictures: Tensor) -> Tensor:
    return (pictures / 2 + 0.5).clamp(0, 1)


def noise_maps(sides: list[int], seed: int = 3) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 1, side, side, generator=random) for side in sides]


@pytest.mark.parametrize(("size", "sides"), [(128, [8, 8, 32, 32, 128, 128]), (256, [8, 8, 32, 32, 128, 128])])
def test_the_original_computes_what_the_tensors_say(size: int, sides: list[int]) -> None:
    state = fastgan_state(size)
    assert FAMILY.detect(state)
    assert not PROJECTED_FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    z = torch.randn(2, Z, generator=torch.Generator().manual_seed(1))
    noises = noise_maps(sides)
    strength = torch.tensor(0.7)
    expected = shown(made(state, z, [noise * strength for noise in noises], size))
    assert torch.allclose(network.module(z, *noises, strength), expected, atol=2e-5)
    assert expected.std() > 0.02
    assert network.facts["width"] == size
    names = [given.name for given in network.inputs]
    assert names == ["z", *(f"noise_{index}" for index in range(len(sides))), "noise_strength"]


def test_only_the_largest_original_ends_in_tanh() -> None:
    """The original applies tanh at 1024 alone; a missing excitation of that side is not an error."""
    state = fastgan_state(1024)
    network = FAMILY.rebuild(state, {})
    told = {fact.name: fact.value for fact in network.inferred}
    assert (told["picture side"], told["last activation"], told["noise maps"]) == (1024, "tanh", 8)
    assert {fact.name: fact.value for fact in FAMILY.rebuild(fastgan_state(512), {}).inferred}[
        "last activation"
    ] == "none"


@pytest.mark.parametrize("double", [True, False])
def test_projected_gan_norms_the_latent(double: bool) -> None:
    state = fastgan_state(256, prefix="synthesis.", double=double, bias=True)
    assert PROJECTED_FAMILY.detect(state)
    assert not FAMILY.detect(state)
    network = PROJECTED_FAMILY.rebuild(state, {})
    z = 3 * torch.randn(2, Z, generator=torch.Generator().manual_seed(2))
    sides = [side for side in (8, 16, 32, 64, 128, 256) for _ in range(2) if double or side in (8, 32, 128)]
    noises = noise_maps(sides)
    expected = shown(made(state, z, noises, 256, projected=True))
    assert torch.allclose(network.module(z, *noises, torch.tensor(1.0)), expected, atol=2e-5)
    assert torch.allclose(network.module(z * 2, *noises, torch.tensor(1.0)), expected, atol=2e-5)


def test_light_blocks_take_no_noise() -> None:
    state = fastgan_state(256, prefix="synthesis.", light=True, bias=True)
    network = PROJECTED_FAMILY.rebuild(state, {})
    z = torch.randn(2, Z, generator=torch.Generator().manual_seed(6))
    assert torch.allclose(network.module(z), shown(made(state, z, [], 256, projected=True)), atol=2e-5)
    assert [given.name for given in network.inputs] == ["z"]
    assert "noise" not in {fact.name for fact in network.inferred}


def test_the_newer_style_of_spectral_norm_is_read_alike() -> None:
    state = fastgan_state(128)
    names = {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}
    newer = {}
    for key, tensor in state.items():
        module, _, entry = key.rpartition(".")
        newer[f"{module}.parametrizations.weight.{names[entry]}" if entry in names else key] = tensor
    assert FAMILY.detect(newer)
    z = torch.randn(1, Z, generator=torch.Generator().manual_seed(7))
    rest = [*noise_maps([8, 8, 32, 32, 128, 128]), torch.tensor(1.0)]
    assert torch.equal(FAMILY.rebuild(newer, {}).module(z, *rest), FAMILY.rebuild(state, {}).module(z, *rest))


def conditional_state(classes: int) -> State:
    """Projected GAN's conditional form: named layers, one noise number a block, gains linear in an embedding."""
    plain = fastgan_state(128, prefix="", double=True, bias=True)
    draw, state = Draw(5), State()
    for key, tensor in plain.items():
        name, _, rest = key.partition(".")
        if not name.startswith("feat_"):
            state[key] = tensor
        elif rest[0] in "15":
            state[f"{name}.conv{1 + (rest[0] == '5')}.{rest[2:]}"] = tensor
    for side in (8, 16, 32, 64, 128):
        width = 2 * WIDTHS[side]
        state[f"feat_{side}.noise.weight"] = draw.normal(1)
        for norm in ("bn1", "bn2"):
            state |= {f"feat_{side}.{norm}.stored_mean": draw.normal(width)}
            state |= {f"feat_{side}.{norm}.stored_var": draw.normal(width).abs() + 0.5}
            for linear in ("gain", "bias"):
                state |= draw.spectral(f"feat_{side}.{norm}.{linear}", width, Z, bias=True)
    state["embed.weight"] = draw.normal(classes, Z, scale=1)
    return {f"synthesis.{key}": tensor for key, tensor in state.items() if not key.startswith("to_128")}


def test_the_conditional_form_norms_by_class() -> None:
    state = conditional_state(3)
    network = PROJECTED_FAMILY.rebuild(state, {})
    assert [given.name for given in network.inputs][:3] == ["z", "label", "noise_0"]
    assert network.facts["classes"] == ("0", "1", "2")
    s = {key.removeprefix("synthesis."): tensor for key, tensor in state.items()}
    z, label = torch.randn(3, Z), torch.eye(3)[[2, 0, 1]]
    noises = noise_maps([side for side in (8, 16, 32, 64, 128) for _ in range(2)])
    embedded, maps = s["embed.weight"][[2, 0, 1]], iter(noises)
    x = z / (z.pow(2).mean(dim=1, keepdim=True) + 1e-8).sqrt()
    x = F.conv_transpose2d(x[:, :, None, None], weight(s, "init.init.0", transposed=True))
    seen = {4: gated(normed(s, "init.init.1", x))}
    for side in (8, 16, 32, 64, 128):
        x = seen[side // 2].repeat_interleave(2, 2).repeat_interleave(2, 3)
        for number in (1, 2):
            x = F.conv2d(x, weight(s, f"feat_{side}.conv{number}"), padding=1)
            x = x + s[f"feat_{side}.noise.weight"] * next(maps)
            name = f"feat_{side}.bn{number}"
            x = F.batch_norm(x, s[f"{name}.stored_mean"], s[f"{name}.stored_var"])
            gain, bias = (
                (embedded @ weight(s, f"{name}.{part}").T + s[f"{name}.{part}.bias"])[:, :, None, None]
                for part in ("gain", "bias")
            )
            x = gated(x * (1 + gain) + bias)
        if side in SMALL:
            gate = F.conv2d(
                seen[SMALL[side]] if side == 64 else F.avg_pool2d(seen[8], 2), weight(s, f"se_{side}.main.1")
            )
            x = x * F.conv2d(gate * gate.sigmoid(), weight(s, f"se_{side}.main.3")).sigmoid()
        seen[side] = x
    expected = shown(F.conv2d(seen[128], weight(s, "to_big"), s["to_big.bias"], padding=1))
    assert torch.allclose(network.module(z, label, *noises, torch.tensor(1.0)), expected, atol=2e-5)


def test_the_default_noise_is_the_same_every_time() -> None:
    first, second = (FAMILY.rebuild(fastgan_state(128), {}).inputs for _ in range(2))
    for one, other in zip(first[1:], second[1:], strict=True):
        assert one.default is not None
        assert other.default is not None
        assert torch.equal(one.default, other.default)


def parameters(state: State) -> list[Tensor]:
    return [v for k, v in state.items() if k.endswith(("weight", "bias", "weight_orig"))]


def test_a_bare_list_of_averaged_weights_gets_its_names_and_the_statistics(tmp_path: Path) -> None:
    raw = fastgan_state(128)
    averaged = {k: v * 1.1 if k.endswith(("weight", "bias", "weight_orig")) else v for k, v in raw.items()}
    file = tmp_path / "all_50000.pth"
    wrapped = {f"module.{key}": tensor for key, tensor in raw.items()}
    torch.save({"g": wrapped, "d": {"x": torch.ones(2)}, "g_ema": parameters(averaged), "opt_g": {}}, file)
    first, second = matches_of(load_checkpoint(file), FAMILIES)
    assert (first.part.path, first.is_averaged, second.part.path) == ("g_ema", True, "g")
    assert list(first.part.state) == list(raw)
    assert all(torch.equal(first.part.state[key], averaged[key]) for key in raw)


def test_a_bare_list_that_fits_nothing_stays_without_names(tmp_path: Path) -> None:
    raw = fastgan_state(128)
    file = tmp_path / "all_1.pth"
    torch.save({"g": raw, "g_ema": parameters(raw)[:-1]}, file)
    assert [match.part.path for match in matches_of(load_checkpoint(file), FAMILIES)] == ["g"]


@pytest.mark.parametrize(
    "key", ["feat_16.1.weight_orig", "feat_8.3.bias", "se_128.main.1.weight_u", "init.init.1.bias"]
)
def test_a_missing_tensor_is_refused(key: str) -> None:
    state = fastgan_state(128)
    del state[key]
    with pytest.raises(CheckpointError):
        FAMILY.rebuild(state, {})


def test_a_stray_tensor_is_refused() -> None:
    with pytest.raises(CheckpointError, match="almost a FastGAN"):
        FAMILY.rebuild({**fastgan_state(128), "feat_8.9.weight": torch.ones(1)}, {})


def test_it_exports_with_its_noise_inputs(tmp_path: Path) -> None:
    file = tmp_path / "50000.pth"
    torch.save({"g": fastgan_state(64)}, file)
    done = export_checkpoint(file)
    assert (done.manifest.family, done.manifest.width) == ("fastgan", 64)
    assert done.manifest.verification is not None
