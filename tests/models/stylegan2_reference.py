"""StyleGAN2 written a second time, plainly and slowly, straight from raw state dicts: what the family is held against.

Weights are modulated one sample at a time, doubling inserts zeros, and every gain is applied where the paper has it.
(By hand, this reference was held against outputs of the original project: equal to 1e-5.)
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]


TAPS = (1.0, 3.0, 3.0, 1.0)


def normal(*shape: int, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(shape)


def fir(taps: tuple[float, ...] = TAPS) -> Tensor:
    """As files store it: square, or a row from eight taps on."""
    row = torch.tensor(taps) / sum(taps)
    return row if len(taps) >= 8 else torch.outer(row, row)


def mapping_state(
    z_dim: int, w_dim: int, *, depth: int = 2, hidden: int = 0, classes: int = 0, embed: int = 0
) -> State:
    """Stored mapping weights are 100 times what is applied."""
    widths = [z_dim + (embed if classes else 0), *[hidden or w_dim] * (depth - 1), w_dim]
    state: State = {"mapping.w_avg": normal(w_dim)} if z_dim else {}
    if classes:
        state |= {"mapping.embed.weight": normal(embed, classes), "mapping.embed.bias": normal(embed)}
    for index, (before, after) in enumerate(itertools.pairwise(widths)):
        state[f"mapping.fc{index}.weight"] = normal(after, before, scale=100)
        state[f"mapping.fc{index}.bias"] = normal(after, scale=30)
    return state


def generator_state(
    architecture: str,
    widths: tuple[int, ...] = (6, 5, 4),
    *,
    channels: int = 3,
    w_dim: int = 7,
    base: tuple[int, int] = (4, 4),
    noise: bool = True,
    taps: tuple[float, ...] = TAPS,
) -> State:
    filter_ = fir(taps)
    state: State = {"synthesis.b4.const": normal(widths[0], *base)}
    for level, width in enumerate(widths):
        block, size = f"synthesis.b{4 << level}", [side << level for side in base]
        state[f"{block}.resample_filter"] = filter_
        for name, before in (("conv0", widths[level - 1]), ("conv1", width)):
            if level or name == "conv1":
                layer = f"{block}.{name}"
                state[f"{layer}.weight"] = normal(width, before, 3, 3)
                state[f"{layer}.bias"] = normal(width, scale=0.3)
                state[f"{layer}.resample_filter"] = filter_ if name == "conv0" else fir()
                state[f"{layer}.affine.weight"] = normal(before, w_dim)
                state[f"{layer}.affine.bias"] = 1 + normal(before, scale=0.2)
                if noise:
                    state[f"{layer}.noise_const"] = normal(*size)
                    state[f"{layer}.noise_strength"] = normal(scale=0.4)
        if architecture == "resnet" and level:
            state[f"{block}.skip.weight"] = normal(width, widths[level - 1], 1, 1)
            state[f"{block}.skip.resample_filter"] = filter_
        if architecture == "skip" or level == len(widths) - 1:
            state[f"{block}.torgb.weight"] = normal(channels, width, 1, 1)
            state[f"{block}.torgb.bias"] = normal(channels, scale=0.2)
            state[f"{block}.torgb.affine.weight"] = normal(width, w_dim)
            state[f"{block}.torgb.affine.bias"] = 1 + normal(width, scale=0.2)
    return state


def discriminator_state(
    architecture: str,
    widths: tuple[int, ...] = (4, 5, 6),
    *,
    channels: int = 3,
    classes: int = 0,
    deviation: int = 1,
    places: int = 16,
    taps: tuple[float, ...] = TAPS,
) -> State:
    """Blocks from the largest size down; the last of the widths is that of the end, which has ``places``."""
    filter_ = fir(taps)
    state: State = {}
    for index, (before, after) in enumerate(itertools.pairwise(widths)):
        block = f"b{4 << (len(widths) - 1 - index)}"
        state[f"{block}.resample_filter"] = filter_
        if index == 0 or architecture == "skip":
            state |= {
                f"{block}.fromrgb.weight": normal(before, channels, 1, 1),
                f"{block}.fromrgb.bias": normal(before),
            }
        for name, width in (("conv0", before), ("conv1", after)):
            state[f"{block}.{name}.weight"] = normal(width, before, 3, 3)
            state[f"{block}.{name}.bias"] = normal(width, scale=0.2)
            state[f"{block}.{name}.resample_filter"] = filter_ if name == "conv1" else fir()
        if architecture == "resnet":
            state |= {f"{block}.skip.weight": normal(after, before, 1, 1), f"{block}.skip.resample_filter": filter_}
    last, verdicts = widths[-1], 5 if classes else 1
    if architecture == "skip":
        state |= {"b4.fromrgb.weight": normal(last, channels, 1, 1), "b4.fromrgb.bias": normal(last)}
    state |= {"b4.conv.weight": normal(last, last + deviation, 3, 3), "b4.conv.bias": normal(last)}
    state |= {"b4.fc.weight": normal(last, last * places), "b4.fc.bias": normal(last)}
    state |= {"b4.out.weight": normal(verdicts, last), "b4.out.bias": normal(verdicts)}
    return state | (mapping_state(0, verdicts, classes=classes, embed=4) if classes else {})


def unit(x: Tensor) -> Tensor:
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()


def lrelu(x: Tensor, gain: float = 1.0, clamp: float = 256.0) -> Tensor:
    return (F.leaky_relu(x, 0.2) * math.sqrt(2) * gain).clamp(-clamp * gain, clamp * gain)


def mapped(state: State, z: Tensor | None, label: Tensor | None, rate: float = 0.01) -> Tensor:
    parts = [] if z is None else [unit(z)]
    if label is not None:
        weight = state["mapping.embed.weight"]
        parts.append(unit(label @ weight.t() / math.sqrt(weight.shape[1]) + state["mapping.embed.bias"]))
    x, index = torch.cat(parts, dim=1), 0
    while f"mapping.fc{index}.weight" in state:
        weight = state[f"mapping.fc{index}.weight"]
        x = x @ (weight * rate / math.sqrt(weight.shape[1])).t() + state[f"mapping.fc{index}.bias"] * rate
        x, index = F.leaky_relu(x, 0.2) * math.sqrt(2), index + 1
    return x


def resampled(x: Tensor, kernel: Tensor, up: int, down: int, pad: tuple[int, int]) -> Tensor:
    kernel = torch.outer(kernel, kernel) if kernel.ndim == 1 else kernel
    n, c, h, w = x.shape
    spread = torch.zeros(n, c, h * up, w * up)
    spread[:, :, ::up, ::up] = x
    padded = F.pad(spread, pad * 2).flatten(0, 1)[:, None]
    return F.conv2d(padded, kernel.flip(0, 1)[None, None] * up**2).unflatten(0, (n, c))[:, :, 0, ::down, ::down]


def doubled(x: Tensor, kernel: Tensor, margin: int = 0) -> Tensor:
    taps = len(kernel)
    return resampled(x, kernel, 2, 1, (margin + (taps + 1) // 2, margin + (taps - 2) // 2))


def halved(x: Tensor, kernel: Tensor) -> Tensor:
    return resampled(x, kernel, 1, 2, ((len(kernel) - 1) // 2, (len(kernel) - 2) // 2))


def affine(state: State, layer: str, w: Tensor) -> Tensor:
    weight = state[f"{layer}.affine.weight"]
    return w @ weight.t() / math.sqrt(weight.shape[1]) + state[f"{layer}.affine.bias"]


def styled(state: State, layer: str, x: Tensor, w: Tensor, *, up: bool, gain: float = 1, strength: float = 1) -> Tensor:
    weight, rows = state[f"{layer}.weight"], []
    for sample, style in zip(x, affine(state, layer, w), strict=True):
        one = weight * style[None, :, None, None]
        one = one / (one.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up:
            wide = doubled(sample[None], state[f"{layer}.resample_filter"], 1)
            rows.append(F.conv2d(wide, one.flip(2, 3)))
        else:
            rows.append(F.conv2d(sample[None], one, padding=1))
    y = torch.cat(rows)
    if f"{layer}.noise_const" in state:
        y = y + state[f"{layer}.noise_const"] * state[f"{layer}.noise_strength"] * strength
    return lrelu(y + state[f"{layer}.bias"][:, None, None], gain)


def synthesised(state: State, ws: Tensor, architecture: str, strength: float = 1.0) -> Tensor:
    """Pictures, nominally -1..1, of ws [batch, num_ws, w_dim]."""
    sizes = sorted({int(key.split(".")[1][1:]) for key in state if key.startswith("synthesis.b")})
    x = state["synthesis.b4.const"].expand(len(ws), -1, -1, -1)
    picture, place = torch.zeros(()), 0
    for size in sizes:
        block, before, gain = f"synthesis.b{size}", x, 1.0
        if size > 4:
            x = styled(state, f"{block}.conv0", x, ws[:, place], up=True, strength=strength)
            place += 1
            gain = math.sqrt(0.5) if architecture == "resnet" else 1.0
        x = styled(state, f"{block}.conv1", x, ws[:, place], up=False, gain=gain, strength=strength)
        place += 1
        if size > 4 and architecture == "resnet":
            weight = state[f"{block}.skip.weight"]
            wide = doubled(before, state[f"{block}.resample_filter"])
            x = x + math.sqrt(0.5) * F.conv2d(wide, weight / math.sqrt(weight.shape[1]))
        if f"{block}.torgb.weight" in state:
            weight = state[f"{block}.torgb.weight"] / math.sqrt(x.shape[1])
            style = affine(state, f"{block}.torgb", ws[:, place])[:, :, None, None]
            added = F.conv2d(x * style, weight, state[f"{block}.torgb.bias"]).clamp(-256, 256)
            old = doubled(picture, state[f"{block}.resample_filter"]) if picture.ndim else 0
            picture = old + added
    return picture


def plain(
    state: State, layer: str, x: Tensor, *, down: bool = False, gain: float = 1.0, clamp: float = 256.0
) -> Tensor:
    weight = state[f"{layer}.weight"] / math.sqrt(state[f"{layer}.weight"][0].numel())
    if down:
        kernel = state[f"{layer}.resample_filter"]
        x = resampled(x, kernel, 1, 1, (1 + (len(kernel) - 1) // 2, 1 + (len(kernel) - 2) // 2))
        y = F.conv2d(x, weight, stride=2)
    else:
        y = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    return lrelu(y + state[f"{layer}.bias"][:, None, None], gain, clamp)


def judged(
    state: State, images: Tensor, architecture: str, label: Tensor | None = None, clamp: float = 256.0
) -> Tensor:
    """Logits of pictures in -1..1, each a minibatch of its own. The end does not clamp what it sees of the picture."""
    sizes = sorted({int(key.split(".")[0][1:]) for key in state if key.startswith("b")}, reverse=True)
    x = torch.zeros(())
    for size in sizes[:-1]:
        block = f"b{size}"
        if f"{block}.fromrgb.weight" in state:
            x = x + plain(state, f"{block}.fromrgb", images, clamp=clamp)
        if architecture == "skip":
            images = halved(images, state[f"{block}.resample_filter"])
        gain = math.sqrt(0.5) if architecture == "resnet" else 1.0
        y = plain(state, f"{block}.conv0", x, clamp=clamp)
        y = plain(state, f"{block}.conv1", y, down=True, gain=gain, clamp=clamp)
        if architecture == "resnet":
            weight = state[f"{block}.skip.weight"] / math.sqrt(x.shape[1])
            y = y + math.sqrt(0.5) * F.conv2d(halved(x, state[f"{block}.resample_filter"]), weight)
        x = y
    if "b4.fromrgb.weight" in state:
        x = x + plain(state, "b4.fromrgb", images, clamp=math.inf)
    extra = state["b4.conv.weight"].shape[1] - x.shape[1]
    x = torch.cat([x, torch.full((len(x), extra, *x.shape[2:]), 1e-4)], dim=1)
    x = plain(state, "b4.conv", x, clamp=clamp).flatten(1)
    x = lrelu(x @ state["b4.fc.weight"].t() / math.sqrt(x.shape[1]) + state["b4.fc.bias"], clamp=math.inf)
    x = x @ state["b4.out.weight"].t() / math.sqrt(x.shape[1]) + state["b4.out.bias"]
    if label is not None:
        wanted = mapped(state, None, label)
        return (x * wanted).sum(dim=1) / math.sqrt(wanted.shape[1])
    return x[:, 0]
