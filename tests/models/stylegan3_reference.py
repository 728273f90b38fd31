"""StyleGAN3 written a second time, plainly and slowly, straight from raw state dicts: what the family is held against.

Filters come from numpy's window; doubling inserts zeros; weights are modulated one sample at a time.
(By hand, this reference was held against outputs of the original project: equal to 1e-5.)
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.stylegan2_reference import State, affine, normal


def beta_of(taps: int, width: float, rate: float) -> float:
    attenuation = 2.285 * (taps - 1) * np.pi * width / (0.5 * rate) + 7.95
    if attenuation > 50:
        return 0.1102 * (attenuation - 8.7)
    return 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21) if attenuation > 21 else 0.0


def low_pass(taps: int, cutoff: float, width: float, rate: float, *, radial: bool = False) -> Tensor:
    places = (np.arange(taps) - (taps - 1) / 2) / rate
    window = np.kaiser(taps, beta_of(taps, width, rate))
    if radial:
        radius = np.hypot(*np.meshgrid(places, places)) * np.pi
        bessel = torch.special.bessel_j1(torch.tensor(2 * cutoff * radius)).numpy()
        kernel = bessel / radius * np.outer(window, window)
    else:
        kernel = np.sinc(2 * cutoff * places) * window
    return torch.tensor(kernel / kernel.sum()).float()


def synthesis_state(
    size: int,
    widths: tuple[int, ...],
    *,
    w_dim: int = 6,
    channels: int = 3,
    rotation: bool = False,
    margin: int = 10,
    cutoff: float = 2.0,
    per_factor: int = 6,
) -> State:
    """Layers with the paper's schedule of cutoffs and sampling rates; the last two keep the picture's size."""
    count, critical = len(widths), 2
    steps = np.minimum(np.arange(count + 1) / (count - critical), 1)
    cutoffs = cutoff * (size / 2 / cutoff) ** steps
    stops = 2**2.1 * (size / 2 * 2**0.3 / 2**2.1) ** steps
    rates = np.exp2(np.ceil(np.log2(np.minimum(stops * 2, size))))
    halves = np.maximum(stops, rates / 2) - cutoffs
    sizes = rates + 2 * margin
    sizes[-2:] = size
    outs = (*widths, channels)
    state: State = {
        "synthesis.input.weight": normal(widths[0], widths[0]),
        "synthesis.input.transform": torch.eye(3),
        "synthesis.input.freqs": normal(widths[0], 2, scale=0.7),
        "synthesis.input.phases": torch.rand(widths[0]) - 0.5,
        "synthesis.input.affine.weight": normal(4, w_dim, scale=0.3),
        "synthesis.input.affine.bias": torch.tensor([1.0, 0.1, 0.05, -0.1]),
    }
    for index, width in enumerate(outs):
        before, last = max(index - 1, 0), index == count
        name = f"synthesis.L{index}_{int(sizes[index])}_{width}"
        kernel = 1 if last or rotation else 3
        state[f"{name}.weight"] = normal(width, outs[before], kernel, kernel)
        state[f"{name}.bias"] = normal(width, scale=0.2)
        state[f"{name}.magnitude_ema"] = torch.rand(()) + 0.5
        state[f"{name}.affine.weight"] = normal(outs[before], w_dim, scale=0.5)
        state[f"{name}.affine.bias"] = 1 + normal(outs[before], scale=0.1)
        if not last:
            rate = max(rates[before], rates[index]) * 2
            up, down = int(rate / rates[before]), int(rate / rates[index])
            radial = rotation and index < count - critical
            state[f"{name}.up_filter"] = low_pass(per_factor * up, cutoffs[before], 2 * halves[before], rate)
            state[f"{name}.down_filter"] = low_pass(
                per_factor * down, cutoffs[index], 2 * halves[index], rate, radial=radial
            )
    return state


def grown(state: State, widths: tuple[int, ...], channels: int = 3) -> State:
    """As StyleGAN-XL makes of a network one of twice the side: other layers at its end, whose numbers skip one."""
    names = {key.split(".")[1] for key in state if key.startswith("synthesis.L")}
    ordered = sorted(names, key=lambda name: int(name[1:].split("_")[0]))
    side, w_dim = int(ordered[-1].split("_")[1]), state["mapping.w_avg"].shape[-1]
    kept = {key: value for key, value in state.items() if key.split(".")[1] not in ordered[-3:]}
    head = synthesis_state(2 * side, widths, w_dim=w_dim, channels=channels)
    number = len(ordered) - 3
    entering = int(ordered[-4].split("_")[2])
    for key, value in head.items():
        if not key.startswith("synthesis.L"):
            continue
        index, name = int(key[11 : key.index("_")]), key[key.index("_") :]
        if index == 0 and name.endswith((".affine.weight", ".affine.bias")):
            value = value[:1].expand(entering, *value.shape[1:])
        if index == 0 and name.endswith(f"_{widths[0]}.weight"):
            value = normal(widths[0], entering, *value.shape[2:])
        kept[f"synthesis.L{index + number + 1}{name}"] = value.clone()
    return kept


def waves(state: State, w: Tensor, transform: Tensor, size: int, rate: float, cutoff: float) -> Tensor:
    turn = affine(state, "synthesis.input", w)
    turn = turn / turn[:, :2].norm(dim=1, keepdim=True)
    maps = []
    for c, s, x, y in turn.tolist():
        rotation = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]])
        shift = torch.tensor([[1, 0, -x], [0, 1, -y], [0, 0, 1]])
        placed = rotation @ shift @ transform
        phases = state["synthesis.input.phases"] + state["synthesis.input.freqs"] @ placed[:2, 2]
        freqs = state["synthesis.input.freqs"] @ placed[:2, :2]
        loud = (1 - (freqs.norm(dim=1) - cutoff) / (rate / 2 - cutoff)).clamp(0, 1)
        theta = torch.tensor([[[0.5 * size / rate, 0, 0], [0, 0.5 * size / rate, 0]]])
        grid = F.affine_grid(theta, [1, 1, size, size], align_corners=False)[0]
        field = torch.sin((grid @ freqs.t() + phases) * 2 * math.pi) * loud
        weight = state["synthesis.input.weight"]
        maps.append((field @ weight.t() / math.sqrt(len(weight))).permute(2, 0, 1))
    return torch.stack(maps)


def filtered(x: Tensor, kernel: Tensor, up: int, down: int, pad: tuple[int, int]) -> Tensor:
    n, c, h, w = x.shape
    kernel = torch.outer(kernel, kernel) if kernel.ndim == 1 else kernel
    spread = torch.zeros(n, c, h * up, w * up)
    spread[:, :, ::up, ::up] = x
    padded = F.pad(spread, pad * 2).flatten(0, 1)[:, None]
    return F.conv2d(padded, kernel.flip(0, 1)[None, None] * up**2).unflatten(0, (n, c))[:, :, 0, ::down, ::down]


def synthesised(
    state: State,
    ws: Tensor,
    transform: Tensor | None = None,
    *,
    margin: int = 10,
    cutoff: float = 2.0,
    per_factor: int = 6,
) -> Tensor:
    """Pictures, nominally -1..1, of ws [batch, num_ws, w_dim]."""
    found = [key.split(".")[1] for key in state if key.startswith("synthesis.L") and key.endswith(".magnitude_ema")]
    names = sorted(found, key=lambda name: int(name[1:].split("_")[0]))
    size = int(names[0].split("_")[1])
    x = waves(state, ws[:, 0], torch.eye(3) if transform is None else transform, size, size - 2 * margin, cutoff)
    for index, name in enumerate(names):
        layer, last, after = f"synthesis.{name}", name == names[-1], int(name.split("_")[1])
        weight, styles = state[f"{layer}.weight"], affine(state, layer, ws[:, index + 1])
        width = weight.shape[-1]
        rows = []
        for sample, style in zip(x, styles, strict=True):
            one = weight * style[None, :, None, None]
            scale = math.sqrt(1 / weight[0].numel()) if last else one.square().sum(dim=(1, 2, 3), keepdim=True).rsqrt()
            rows.append(
                F.conv2d(sample[None], one * scale * state[f"{layer}.magnitude_ema"].rsqrt(), padding=width - 1)
            )
        y = torch.cat(rows) + state[f"{layer}.bias"][:, None, None]
        if last:
            return y.clamp(-256, 256) * 0.25
        up_filter, down_filter = state[f"{layer}.up_filter"], state[f"{layer}.down_filter"]
        up, down = len(up_filter) // per_factor, len(down_filter) // per_factor
        total = (after - 1) * down + 1 - (x.shape[2] + width - 1) * up + len(up_filter) + len(down_filter) - 2
        first = (total + up) // 2
        y = filtered(y, up_filter, up, 1, (first, total - first))
        x = filtered((F.leaky_relu(y, 0.2) * math.sqrt(2)).clamp(-256, 256), down_filter, 1, down, (0, 0))
    raise AssertionError("no last layer")
