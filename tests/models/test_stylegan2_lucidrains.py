"""lucidrains' StyleGAN2, held against the formulas of the paper computed one sample at a time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.export.exporting import export_checkpoint
from ganplugin.models.network import Network
from ganplugin.models.stylegan2_lucidrains import FAMILY
from ganplugin.models.stylegan2_lucidrains_scorer import FAMILY as SCORER_FAMILY
from ganplugin.registry import Registry

REGISTRY = Registry("family", {family.id: family for family in (FAMILY, SCORER_FAMILY)})
DIM, DEPTH = 6, 3
State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _same_draws() -> None:
    torch.manual_seed(4)


def random_state(shapes: dict[str, tuple[int, ...]], seed: int) -> State:
    generator = torch.Generator().manual_seed(seed)
    return {key: torch.randn(shape, generator=generator) * 0.4 for key, shape in shapes.items()}


def mapping_state(name: str = "SE", seed: int = 1) -> State:
    shapes: dict[str, tuple[int, ...]] = {}
    for index in range(DEPTH):
        shapes |= {f"{name}.net.{2 * index}.weight": (DIM, DIM), f"{name}.net.{2 * index}.bias": (DIM,)}
    return {key: 10 * value for key, value in random_state(shapes, seed).items()}


def synthesis_state(name: str = "GE", widths: tuple[int, ...] = (5, 4, 3), rgb: int = 3, seed: int = 2) -> State:
    first = widths[0]
    shapes: dict[str, tuple[int, ...]] = {
        "initial_block": (1, first, 4, 4), "initial_conv.weight": (first, first, 3, 3), "initial_conv.bias": (first,),
    }  # fmt: skip
    for index, after in enumerate(widths):
        before, block = widths[max(0, index - 1)], f"blocks.{index}."
        for number, taken in ((1, before), (2, after)):
            shapes |= {
                f"{block}to_style{number}.weight": (taken, DIM), f"{block}to_style{number}.bias": (taken,),
                f"{block}to_noise{number}.weight": (after, 1), f"{block}to_noise{number}.bias": (after,),
                f"{block}conv{number}.weight": (after, taken, 3, 3),
            }  # fmt: skip
        shapes |= {
            f"{block}to_rgb.to_style.weight": (after, DIM), f"{block}to_rgb.to_style.bias": (after,),
            f"{block}to_rgb.conv.weight": (rgb, after, 1, 1),
        }  # fmt: skip
    state = random_state({f"{name}.{key}": shape for key, shape in shapes.items()}, seed)
    filters = {
        f"{name}.blocks.{index}.to_rgb.upsample.1.f": torch.tensor([1.0, 2, 1]) for index in range(len(widths) - 1)
    }
    quiet = {key: value * 0.2 for key, value in state.items() if key.endswith("to_rgb.conv.weight")}
    return state | quiet | filters


def discriminator_state(widths: tuple[int, ...] = (3, 4, 5), channels: int = 3) -> State:
    """The last width is that of a block that does not halve."""
    shapes: dict[str, tuple[int, ...]] = {}
    filters: State = {}
    for index, after in enumerate(widths):
        before, block = widths[index - 1] if index else channels, f"blocks.{index}."
        shapes |= {
            f"{block}conv_res.weight": (after, before, 1, 1), f"{block}conv_res.bias": (after,),
            f"{block}net.0.weight": (after, before, 3, 3), f"{block}net.0.bias": (after,),
            f"{block}net.2.weight": (after, after, 3, 3), f"{block}net.2.bias": (after,),
        }  # fmt: skip
        if index < len(widths) - 1:
            shapes |= {f"{block}downsample.1.weight": (after, after, 3, 3), f"{block}downsample.1.bias": (after,)}
            filters[f"{block}downsample.0.f"] = torch.tensor([1.0, 2, 1])
    last = widths[-1]
    shapes |= {"final_conv.weight": (last, last, 3, 3), "final_conv.bias": (last,)}
    return random_state(shapes | {"to_logit.weight": (1, 4 * last), "to_logit.bias": (1,)}, 3) | filters


def generator_state() -> State:
    return mapping_state() | synthesis_state()


def attention_state(name: str, width: int, form: str, seed: int = 7) -> State:
    """Two heads of 64 channels, and the feed-forward, under the names of one of the three forms."""
    shapes: dict[str, tuple[int, ...]] = {}
    for place in (0, 1):
        if form == "normed":
            shapes |= {f"{place}.fn.norm.g": (1, width, 1, 1), f"{place}.fn.norm.b": (1, width, 1, 1)}
        else:
            shapes[f"{place}.fn.g"] = (1,) if form == "early" else (1, width, 1, 1)
    shapes |= {"0.fn.fn.to_out.weight": (width, 128, 1, 1), "0.fn.fn.to_out.bias": (width,)}
    shapes |= {"1.fn.fn.0.weight": (2 * width, width, 1, 1), "1.fn.fn.0.bias": (2 * width,)}
    shapes |= {"1.fn.fn.2.weight": (width, 2 * width, 1, 1), "1.fn.fn.2.bias": (width,)}
    if form == "early":
        for part in ("q", "k", "v"):
            shapes |= {f"0.fn.fn.to_{part}.weight": (128, width, 1, 1), f"0.fn.fn.to_{part}.bias": (128,)}
    else:
        shapes |= {"0.fn.fn.to_q.weight": (128, width, 1, 1), "0.fn.fn.to_kv.net.0.weight": (width, 1, 3, 3)}
        shapes["0.fn.fn.to_kv.net.1.weight"] = (256, width, 1, 1)
    return random_state({f"{name}.{key}": shape for key, shape in shapes.items()}, seed)


def attended(state: State, name: str, x: Tensor) -> Tensor:
    """One sample [c, h, w]: what attention and feed-forward make of it."""
    part = {key.removeprefix(f"{name}."): value for key, value in state.items() if key.startswith(f"{name}.")}
    if not part:
        return x
    for place, inner in ((0, attention), (1, feed_forward)):
        own = {key.removeprefix(f"{place}.fn."): v for key, v in part.items() if key.startswith(f"{place}.fn.")}
        if "g" in own:
            x = x + inner(own, x) * own["g"].reshape(-1, 1, 1)
        else:
            normed = (x - x.mean(dim=0)) / (x.var(dim=0, unbiased=False) + 1e-5).sqrt()
            x = x + inner(own, normed * own["norm.g"][0] + own["norm.b"][0])
    return x


def feed_forward(own: State, x: Tensor) -> Tensor:
    hidden = F.leaky_relu(F.conv2d(x, own["fn.0.weight"], own["fn.0.bias"]), 0.2)
    return F.conv2d(hidden, own["fn.2.weight"], own["fn.2.bias"])


def attention(own: State, x: Tensor) -> Tensor:
    early = "fn.to_k.weight" in own
    if early:
        query, key, value = (F.conv2d(x, own[f"fn.to_{part}.weight"], own[f"fn.to_{part}.bias"]) for part in "qkv")
        query, key = query / 64**0.25, key / 64**0.25
    else:
        spread = F.conv2d(x, own["fn.to_kv.net.0.weight"], padding=1, groups=len(x))
        key, value = F.conv2d(spread, own["fn.to_kv.net.1.weight"]).chunk(2)
        query = F.conv2d(x, own["fn.to_q.weight"])
    mixed = []
    for head in range(2):
        q, k, v = (part[64 * head : 64 * head + 64].flatten(1) for part in (query, key, value))
        shares = q.softmax(dim=0).t() @ k.softmax(dim=1)
        mixed.append((v @ shares.t()).reshape(64, *x.shape[1:]) / (1 if early else 8))
    gathered = torch.cat(mixed)
    return F.conv2d(gathered if early else F.gelu(gathered), own["fn.to_out.weight"], own["fn.to_out.bias"])


def mapped(state: State, z: Tensor, rate: float = 0.1) -> Tensor:
    x = z / z.norm(dim=1, keepdim=True)
    for index in range(DEPTH):
        weight, bias = state[f"SE.net.{2 * index}.weight"], state[f"SE.net.{2 * index}.bias"]
        x = F.leaky_relu(x @ (weight * rate).t() + bias * rate, 0.2)
    return x


def modulated(x: Tensor, weight: Tensor, style: Tensor, *, normal: bool) -> Tensor:
    """One sample [c, h, w] under its own weights."""
    own = weight * (style[None, :, None, None] + 1)
    if normal:
        own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
    return F.conv2d(x[None], own, padding=weight.shape[-1] // 2)[0]


def blurred(x: Tensor) -> Tensor:
    row = torch.tensor([1.0, 2, 1]) / 4
    kernel = torch.outer(row, row).expand(x.shape[0], 1, 3, 3)
    return F.conv2d(F.pad(x[None], (1, 1, 1, 1), mode="reflect"), kernel, groups=x.shape[0])[0]


def doubled(x: Tensor) -> Tensor:
    return F.interpolate(x[None], scale_factor=2, mode="bilinear", align_corners=False)[0]


def drawn(state: State, w: Tensor, noise: Tensor) -> Tensor:
    """One sample: w [layers, DIM] and a noise picture [size, size] to a picture 0..1, unclamped."""
    x = F.conv2d(state["GE.initial_block"], state["GE.initial_conv.weight"], state["GE.initial_conv.bias"], padding=1)[
        0
    ]
    picture: Tensor | None = None
    for index in range(len(w)):
        block = f"GE.blocks.{index}."
        x = attended(state, f"GE.attns.{index}", x)
        if index:
            x, picture = doubled(x), doubled(picture)
            picture = blurred(picture) if "GE.blocks.0.to_rgb.upsample.1.f" in state else picture
        for number in (1, 2):
            style = state[f"{block}to_style{number}.weight"] @ w[index] + state[f"{block}to_style{number}.bias"]
            cut = noise[: x.shape[1], : x.shape[2]].t()
            strength = state[f"{block}to_noise{number}.weight"][:, :, None] * cut
            x = modulated(x, state[f"{block}conv{number}.weight"], style, normal=True)
            x = F.leaky_relu(x + strength + state[f"{block}to_noise{number}.bias"][:, None, None], 0.2)
        style = state[f"{block}to_rgb.to_style.weight"] @ w[index] + state[f"{block}to_rgb.to_style.bias"]
        added = modulated(x, state[f"{block}to_rgb.conv.weight"], style, normal=False)
        picture = added if picture is None else picture + added
    return torch.as_tensor(picture)


def judged(state: State, image: Tensor) -> Tensor:
    """The logit of each picture; training makes those of real pictures low."""
    x = image
    for index in range(sum(key.endswith("conv_res.weight") for key in state)):
        part = {
            key.removeprefix(f"blocks.{index}."): v for key, v in state.items() if key.startswith(f"blocks.{index}.")
        }
        down = next((key[:-7] for key in ("downsample.1.weight", "downsample.weight") if key in part), None)
        halves = down is not None
        past = F.conv2d(x, part["conv_res.weight"], part["conv_res.bias"], stride=2 if halves else 1)
        for name in ("net.0", "net.2"):
            x = F.leaky_relu(F.conv2d(x, part[f"{name}.weight"], part[f"{name}.bias"], padding=1), 0.2)
        if halves:
            x = torch.stack([blurred(row) for row in x]) if "downsample.0.f" in part else x
            x = F.conv2d(x, part[f"{down}.weight"], part[f"{down}.bias"], stride=2, padding=1)
        x = (x + past) / 2**0.5
        x = torch.stack([attended(state, f"attn_blocks.{index}", row) for row in x])
    x = F.conv2d(x, state["final_conv.weight"], state["final_conv.bias"], padding=1)
    return (x.flatten(1) @ state["to_logit.weight"].t() + state["to_logit.bias"])[:, 0]


def run(network: Network, z: Tensor, **changed: Tensor) -> tuple[Tensor, Tensor]:
    given = {"z": z, **changed}
    with torch.no_grad():
        return network.module(*(given.get(port.name, port.default) for port in network.inputs))


@pytest.mark.parametrize("rgb", [3, 4])
def test_pictures_follow_the_formulas(rgb: int) -> None:
    state = mapping_state() | synthesis_state(rgb=rgb)
    network = FAMILY.rebuild(state, {})
    z, noise = torch.randn(3, DIM), torch.rand(3, 1, 16, 16)
    image, w = run(network, z, noise_0=noise)
    assert torch.allclose(w, mapped(state, z)[:, None].expand(-1, 3, -1), atol=1e-5)
    expected = torch.stack([drawn(state, w[row], noise[row, 0]) for row in range(3)])
    assert torch.allclose(image, expected.clamp(0, 1), atol=1e-5)
    assert ((image > 0) & (image < 1)).float().mean() > 0.1
    assert network.facts["channels"] == ("RGB" if rgb == 3 else "RGBA")
    assert (network.facts["width"], network.facts["z_dim"], network.facts["num_ws"]) == (16, DIM, 3)


def test_layers_truncation_and_noise_are_inputs() -> None:
    state = generator_state()
    network = FAMILY.rebuild(state, {})
    ws, mix = torch.randn(2, 3, DIM), torch.tensor([0.0, 1.0, 1.0])
    image, w = run(network, torch.randn(2, DIM), ws=ws, mix=mix, noise_strength=torch.tensor(0.0))
    assert torch.allclose(w[:, 1:], ws[:, 1:], atol=1e-5)
    expected = torch.stack([drawn(state, w[row], torch.zeros(16, 16)) for row in range(2)])
    assert torch.allclose(image, expected.clamp(0, 1), atol=1e-5)
    centre = run(network, torch.randn(1, DIM), truncation=torch.zeros(3))[1][0, 0]
    draws = mapped(state, torch.randn(20000, DIM, generator=torch.Generator().manual_seed(9)))
    assert torch.allclose(centre, draws.mean(dim=0), atol=0.05)


def test_a_learned_start_instead_of_a_constant() -> None:
    state = generator_state()
    constant = state.pop("GE.initial_block")
    kernel = torch.randn(DIM, 5, 4, 4)
    network = FAMILY.rebuild({**state, "GE.to_initial_block.weight": kernel}, {})
    z, zero = torch.randn(2, DIM), torch.tensor(0.0)
    image, w = run(network, z, noise_strength=zero)
    starts = F.conv_transpose2d(w.mean(dim=1)[:, :, None, None], kernel)
    assert starts.shape[1:] == constant.shape[1:]
    states = [{**state, "GE.initial_block": start[None]} for start in starts]
    expected = torch.stack([drawn(one, w[row], torch.zeros(16, 16)) for row, one in enumerate(states)])
    assert torch.allclose(image, expected.clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("form", ["early", "scaled", "normed"])
def test_attention_has_had_three_forms(form: str) -> None:
    state = generator_state() | attention_state("GE.attns.0", 5, form) | attention_state("GE.attns.2", 4, form, 8)
    network = FAMILY.rebuild(state, {})
    z, noise = torch.randn(2, DIM), torch.rand(2, 1, 16, 16)
    image, w = run(network, z, noise_0=noise)
    expected = torch.stack([drawn(state, w[row], noise[row, 0]) for row in range(2)])
    assert torch.allclose(image, expected.clamp(0, 1), atol=1e-5)
    assert not torch.allclose(image, run(FAMILY.rebuild(generator_state(), {}), z, noise_0=noise)[0], atol=0.01)
    assert {fact.name: fact.value for fact in network.inferred}["attention in blocks"] == "0, 2"
    judge = discriminator_state() | attention_state("attn_blocks.1", 4, form)
    images = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        scores = SCORER_FAMILY.rebuild(judge, {}).module(images)
    assert torch.allclose(scores, -judged(judge, images), atol=1e-4)
    assert not torch.allclose(scores, -judged(discriminator_state(), images), atol=0.01)


def test_versions_before_1_1_do_not_smooth() -> None:
    state = {key: value for key, value in generator_state().items() if not key.endswith(".f")}
    image, w = run(FAMILY.rebuild(state, {}), torch.randn(2, DIM), noise_strength=torch.tensor(0.0))
    expected = torch.stack([drawn(state, w[row], torch.zeros(16, 16)) for row in range(2)])
    assert torch.allclose(image, expected.clamp(0, 1), atol=1e-5)
    judge = {key.replace("downsample.1.", "downsample."): v for key, v in discriminator_state().items()}
    judge = {key: value for key, value in judge.items() if not key.endswith(".f")}
    images = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(SCORER_FAMILY.rebuild(judge, {}).module(images), -judged(judge, images), atol=1e-5)


def test_the_dual_contrastive_loss_drives_the_logits_of_real_pictures_up() -> None:
    state, images = discriminator_state(), torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        scores = SCORER_FAMILY.rebuild(state, {"--set": {"dual_contrast_loss": "true"}}).module(images)
    assert torch.allclose(scores, judged(state, images), atol=1e-5)


def test_a_scorer_that_quantises_is_refused() -> None:
    with pytest.raises(CheckpointError, match="fq_layers"):
        SCORER_FAMILY.rebuild({**discriminator_state(), "quantize_blocks.0.fn.embed": torch.zeros(2, 2)}, {})


def test_averaged_networks_go_first_and_raw_ones_do() -> None:
    raw = mapping_state("S", 5) | synthesis_state("G", seed=6)
    both = FAMILY.rebuild(raw | generator_state(), {})
    z = torch.randn(2, DIM)
    assert torch.equal(run(both, z)[0], run(FAMILY.rebuild(generator_state(), {}), z)[0])
    assert not torch.allclose(run(FAMILY.rebuild(raw, {}), z)[0], run(both, z)[0], atol=0.01)


def test_scores_follow_the_formulas_and_are_high_for_real_pictures() -> None:
    state = discriminator_state()
    network = SCORER_FAMILY.rebuild(state, {})
    images = torch.rand(3, 3, 8, 8)
    with torch.no_grad():
        assert torch.allclose(network.module(images), -judged(state, images), atol=1e-5)
    assert (network.facts["width"], network.facts["channels"]) == (8, "RGB")


def saved(folder: Path, rate: float | None) -> Path:
    whole = generator_state() | {f"D.{key}": value for key, value in discriminator_state((3, 4, 4, 4)).items()}
    doubles = {f"D_aug.{key}": value for key, value in whole.items() if key.startswith("D.")}
    torch.save({"GAN": whole | doubles, "version": "1.9.0"}, folder / "model_10.pt")
    if rate is not None:
        (folder / ".config.json").write_text(json.dumps({"image_size": 16, "lr_mlp": rate, "attn_layers": []}))
    return folder / "model_10.pt"


@pytest.mark.parametrize(("rate", "origin"), [(0.3, "metadata"), (None, "default")])
def test_the_file_beside_says_the_learning_rate_of_the_mapping(tmp_path: Path, rate: float | None, origin: str) -> None:
    matches = matches_of(load_checkpoint(saved(tmp_path, rate)), REGISTRY)
    part = next(match.part for match in matches if match.family is FAMILY)
    network = FAMILY.rebuild(part.state, part.config)
    z = torch.randn(2, DIM)
    assert torch.allclose(run(network, z)[1][:, 0], mapped(generator_state(), z, rate or 0.1), atol=1e-5)
    assert {fact.name: fact.origin for fact in network.inferred}["learning rate multiplier of the mapping"] == origin


@pytest.mark.parametrize("content", ["{", "[]", '{"lr_mlp": 0.5}', "[" * 20000, '{"image_size": 1, "lr_mlp": "x"}'])
def test_a_strange_file_beside_changes_nothing(tmp_path: Path, content: str) -> None:
    path = saved(tmp_path, None)
    (tmp_path / ".config.json").write_text(content)
    assert FAMILY.settings[0].read(load_checkpoint(path).config).value == 0.1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"GE.blocks.1.conv2.weight": None}, "lacks its tensor"),
        ({"GE.extra": torch.zeros(1)}, "does not have: GE.extra"),
        ({"GE.attns.1.0.fn.g": torch.zeros(1)}, "lacks its tensor GE.attns.1.0.fn.fn.to_q.weight"),
        ({"GE.initial_conv.weight": None}, "before version 0.20"),
        ({"GE.blocks.0.to_rgb.upsample.1.f": None}, "smooths some"),
        ({"GE.blocks.0.to_rgb.upsample.1.f": torch.ones(3)}, "another filter"),
        ({"SE.net.2.weight": torch.zeros(4, 5)}, "of shape"),
    ],
)
def test_a_strange_file_is_refused_in_one_line(change: dict[str, Tensor | None], words: str) -> None:
    changed = {key: value for key, value in {**generator_state(), **change}.items() if value is not None}
    with pytest.raises(CheckpointError, match=re.escape(words)):
        FAMILY.rebuild(changed, {})


def test_export_of_a_training_checkpoint(tmp_path: Path) -> None:
    done = export_checkpoint(saved(tmp_path, 0.1), families=REGISTRY)
    assert (done.manifest.family, done.others) == (FAMILY.id, (("GAN.D", SCORER_FAMILY.title),))
    assert done.manifest.verification is not None
