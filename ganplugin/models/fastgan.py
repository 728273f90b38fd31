"""FastGAN (Liu et al. 2021) and Projected GAN's form of it (Sauer et al. 2021): skip-layer excitation, gated blocks.

Written from the papers and the tensors' shapes. A block doubles the sides and ends in a gate; early maps excite late
ones through a small gate net. Noise maps are drawn anew for each picture in training: here they are inputs, with one
fixed draw as their defaults. All norms use their stored statistics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import MAKERS_RIGHTS, Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.spectral_norm import folded, is_normed

__all__ = [
    "FAMILIES",
    "FAMILY",
    "PROJECTED_FAMILY",
    "Excitation",
    "FastganGenerator",
    "Plan",
    "Step",
    "is_fastgan",
    "plan_of",
    "renamed",
]

_EXCITED: Final[Mapping[int, int]] = {64: 4, 128: 8, 256: 16, 512: 32}
"""The map of this side is scaled by what the map of that side says."""

_TANH_SIDE: Final = 1024
_PREFIX: Final = "synthesis."


class Excitation(nn.Module):
    """Scales the channels of a large map by gates that a small map of the side ``side`` decides (SLE)."""

    def __init__(self, before: int, after: int, side: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.AvgPool2d(side // 4),
            nn.Conv2d(before, after, 4, bias=False),
            nn.SiLU(),
            nn.Conv2d(after, after, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        """Return ``large`` [batch, after, H, W], scaled by what ``small`` [batch, before, side, side] says."""
        scaled: Tensor = large * self.main(small)
        return scaled


class _Noise(nn.Module):
    """Adds a noise map [1 or batch, 1, h, w], scaled by one learned number."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Return ``x`` with the noise in every channel."""
        return x + self.weight * noise


class _ClassNorm(nn.Module):
    """A batch norm whose gains and biases are linear in the class's embedding."""

    def __init__(self, width: int, embedded: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.gain = nn.Linear(embedded, width)
        self.bias = nn.Linear(embedded, width)

    def forward(self, x: Tensor, embedded: Tensor) -> Tensor:
        """Return the normed map of ``x`` for the classes ``embedded`` [batch, embedded]."""
        gain, bias = self.gain(embedded)[:, :, None, None], self.bias(embedded)[:, :, None, None]
        normed: Tensor = self.norm(x) * (1 + gain) + bias
        return normed


@dataclass(frozen=True)
class Step:
    """The shape of one block: channels in and out, one or two convolutions, whether noise is added, class width."""

    before: int
    after: int
    double: bool
    noisy: bool
    embedded: int = 0

    @property
    def noises(self) -> int:
        """How many noise maps it adds."""
        return (2 if self.double else 1) if self.noisy else 0


class _Block(nn.Module):
    """Doubles the sides, then once or twice: convolve, add noise, norm, gate."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        widths = (step.before, step.after)[: 2 if step.double else 1]
        count = len(widths)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.convolutions = nn.ModuleList(nn.Conv2d(w, 2 * step.after, 3, padding=1, bias=False) for w in widths)
        self.noises = nn.ModuleList(_Noise() for _ in range(step.noises))
        self.norms = nn.ModuleList(
            _ClassNorm(2 * step.after, step.embedded) if step.embedded else nn.BatchNorm2d(2 * step.after)
            for _ in range(count)
        )
        self.gate = nn.GLU(dim=1)

    def forward(self, x: Tensor, noises: Iterator[Tensor], embedded: Tensor | None) -> Tensor:
        """Return [batch, after, 2 h, 2 w] for ``x`` [batch, before, h, w]; takes its noise maps off ``noises``."""
        x = self.up(x)
        for index, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = convolution(x)
            if len(self.noises) > index:
                x = self.noises[index](x, next(noises))
            x = self.gate(norm(x) if embedded is None else norm(x, embedded))
        return x


@dataclass(frozen=True)
class Plan:
    """All that the tensors tell: blocks by side, excitations by side as (before, after), and the ends."""

    z_dim: int
    first: int
    steps: Mapping[int, Step]
    excitations: Mapping[int, tuple[int, int]]
    channels: int
    bias: bool
    classes: int
    projected: bool

    @property
    def size(self) -> int:
        """The side of the pictures."""
        return max(self.steps)

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """The sides of all noise maps, in order."""
        return tuple(side for side, step in self.steps.items() for _ in range(step.noises))


class FastganGenerator(nn.Module):
    """z [batch, z_dim] (and label [batch, classes]), noise maps and their strength to pictures 0..1, clamped."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.init = nn.Sequential(
            nn.ConvTranspose2d(plan.z_dim, plan.first, 4, bias=False), nn.BatchNorm2d(plan.first), nn.GLU(dim=1)
        )
        self.blocks = nn.ModuleDict({f"feat_{side}": _Block(step) for side, step in plan.steps.items()})
        self.excitations = nn.ModuleDict(
            {
                f"se_{side}": Excitation(before, after, _EXCITED[side])
                for side, (before, after) in plan.excitations.items()
            }
        )
        last = plan.steps[plan.size].after
        self.to_big = nn.Conv2d(last, plan.channels, 3, padding=1, bias=plan.bias)
        self.embed = nn.Embedding(plan.classes, plan.z_dim) if plan.classes else None

    def forward(self, z: Tensor, *others: Tensor) -> Tensor:
        """Return pictures 0..1. ``others`` are the label if there are classes, and the noise maps and their strength.

        Where no block adds noise, neither maps nor strength are given.
        """
        return self.paint(z, *others).clamp(0, 1)

    def paint(self, z: Tensor, *others: Tensor) -> Tensor:
        """Return pictures that training brings to 0..1, not clamped."""
        embedded = None if self.embed is None else others[0] @ self.embed.weight
        maps = others if self.embed is None else others[1:]
        noises = iter([noise * maps[-1] for noise in maps[:-1]])
        if self.plan.projected:
            z = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        seen = {4: self.init(z[:, :, None, None])}
        for side in self.plan.steps:
            x = self.blocks[f"feat_{side}"](seen[side // 2], noises, embedded)
            small = _EXCITED.get(side)
            seen[side] = self.excitations[f"se_{side}"](seen[small], x) if small in seen else x
        pictures: Tensor = self.to_big(seen[self.plan.size])
        if self.plan.size == _TANH_SIDE and not self.plan.projected:
            pictures = pictures.tanh()
        return pictures * 0.5 + 0.5


def _plain(state: StateDict) -> dict[str, Tensor]:
    return {key.removeprefix(_PREFIX): tensor for key, tensor in state.items()}


def is_fastgan(state: StateDict, prefix: str = "") -> bool:
    """Tell whether the tensors are a FastGAN generator's."""
    first = ("feat_8.1", "feat_8.conv1", "feat_8.conv")
    return all(is_normed(state, prefix + name) for name in ("init.init.0", "se_64.main.1", "to_big")) and any(
        is_normed(state, prefix + name) for name in first
    )


def _step(plain: StateDict, side: int) -> Step | None:
    name = f"feat_{side}."
    for first, second, norm in (("1", "5", ""), ("conv1", "conv2", "bn1."), ("conv", "", "bn.")):
        if (weight := plain.get(f"{name}{first}.weight")) is not None:
            return Step(
                before=weight.shape[1],
                after=weight.shape[0] // 2,
                double=f"{name}{second}.weight" in plain,
                # Noise pushes the norm from the third place to the fourth; the named form adds it to pairs alone.
                noisy=f"{name}3.running_mean" in plain or first == "conv1",
                embedded=plain[f"{name}{norm}gain.weight"].shape[1] if norm else 0,
            )
    return None


def plan_of(plain: StateDict, *, projected: bool) -> Plan:
    """Return the plan of tensors without prefix and spectral norms. Raises `CheckpointError` if they have none."""
    channels, last = plain["to_big.weight"].shape[:2]
    found = {side: step for power in range(3, 11) if (step := _step(plain, side := 2**power)) is not None}
    size = max((side for side, step in found.items() if step.after == last), default=0)
    sides = [side for side in found if side <= size]
    if not sides or sides != [2**power for power in range(3, 3 + len(sides))]:
        raise CheckpointError("is almost a FastGAN, but its blocks do not lead to a picture")
    z_dim, first = plain["init.init.0.weight"].shape[:2]
    gates = {side: plain[f"se_{side}.main.1.weight"].shape for side in sides if f"se_{side}.main.1.weight" in plain}
    return Plan(
        z_dim=z_dim,
        first=first,
        steps={side: found[side] for side in sides},
        excitations={side: (shape[1], shape[0]) for side, shape in gates.items() if side in _EXCITED},
        channels=channels,
        bias=projected or "to_big.bias" in plain,
        classes=plain["embed.weight"].shape[0] if "embed.weight" in plain else 0,
        projected=projected,
    )


_NAMES: Final[tuple[tuple[str, str], ...]] = (
    (r"^init\.init\.", "init."),
    (r"^(se_\d+)\.", r"excitations.\1."),
    (r"^(feat_\d+)\.(?:1|conv|conv1)\.(weight)$", r"blocks.\1.convolutions.0.\2"),
    (r"^(feat_\d+)\.(?:5|conv2)\.(weight)$", r"blocks.\1.convolutions.1.\2"),
    (r"^(feat_\d+)\.bn1?\.stored_(mean|var)$", r"blocks.\1.norms.0.norm.running_\2"),
    (r"^(feat_\d+)\.bn2\.stored_(mean|var)$", r"blocks.\1.norms.1.norm.running_\2"),
    (r"^(feat_\d+)\.bn1?\.", r"blocks.\1.norms.0."),
    (r"^(feat_\d+)\.bn2\.", r"blocks.\1.norms.1."),
)


def renamed(plain: StateDict, plan: Plan) -> dict[str, Tensor]:
    """Return the tensors under the names of `FastganGenerator`, without those that only other pictures need."""
    result: dict[str, Tensor] = {}
    for key, tensor in plain.items():
        name, _, rest = key.partition(".")
        side = int(name.rpartition("_")[2]) if re.match(r"^(feat|se)_\d+$", name) else 0
        if side > plan.size or name == "to_128":
            continue
        if name.startswith("feat_") and rest == "noise.weight":  # one number for both noise maps
            result |= {f"blocks.{name}.noises.{index}.weight": tensor for index in range(2)}
            continue
        new = _renamed_key(key, name, plan.steps.get(side))
        if new in result:
            raise ValueError(f"{key} is one too many")
        result[new] = tensor
    return result


def _renamed_key(key: str, name: str, step: Step | None) -> str:
    numbered = re.match(r"^feat_\d+\.([23678])\.(\w+)$", key)
    if numbered is not None and step is not None:
        # With noise the order is convolution, noise, norm, gate; without it convolution, norm, gate.
        index, entry = int(numbered[1]), numbered[2]
        noise_place = index in (2, 6) and step.noisy
        return f"blocks.{name}.{'noises' if noise_place else 'norms'}.{int(index > 4)}.{entry}"
    for pattern, replacement in _NAMES:
        key = re.sub(pattern, replacement, key)
    return key


def _network(state: StateDict, *, projected: bool) -> Network:
    if not is_fastgan(state, _PREFIX if projected else ""):
        raise CheckpointError("is no FastGAN generator")
    with rebuilding("a FastGAN", state):
        plain = _plain(folded(state, transposed=("init.init.0", f"{_PREFIX}init.init.0")))
        plan = plan_of(plain, projected=projected)
        module = FastganGenerator(plan)
        module.load_state_dict(renamed(plain, plan))
    label = (GraphInput("label", ("batch", plan.classes)),) if plan.classes else ()
    return Network(
        kind="generator",
        module=eval_mode(module),
        inputs=(GraphInput("z", ("batch", plan.z_dim)), *label, *_noise_inputs(plan)),
        outputs=("image",),
        facts={
            "z_dim": plan.z_dim,
            "channels": picture_channels(plan.channels),
            "width": plan.size,
            "height": plan.size,
            "classes": tuple(str(index) for index in range(plan.classes)),
        },
        inferred=_told(plan),
    )


def _noise_inputs(plan: Plan) -> tuple[GraphInput, ...]:
    random = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, 1, side, side, generator=random) for side in plan.noise_sides]
    if not maps:
        return ()
    return (
        *(GraphInput(f"noise_{i}", ("rows", *noise.shape[1:]), noise) for i, noise in enumerate(maps)),
        GraphInput("noise_strength", (), torch.tensor(1.0)),
    )


def _told(plan: Plan) -> tuple[HyperParameter, ...]:
    rows: tuple[tuple[str, str | int], ...] = (
        ("latent size", plan.z_dim),
        ("picture side", plan.size),
        ("channels", plan.channels),
        ("widths", ", ".join(str(step.after) for step in plan.steps.values())),
        ("classes", plan.classes),
        ("noise maps", len(plan.noise_sides)),
    )
    drawn = HyperParameter(name="noise", value="one fixed draw of seed 0", origin="default")
    last = "tanh" if plan.size == _TANH_SIDE and not plan.projected else "none"
    return (
        *(HyperParameter(name=name, value=value, origin="tensor") for name, value in rows),
        *((drawn,) if plan.noise_sides else ()),
        HyperParameter(name="last activation", value=last, origin="default"),
        HyperParameter(name="norms", value="stored statistics", origin="default"),
    )


FAMILY = Family(
    id="fastgan",
    title="FastGAN generator",
    kind="generator",
    licence=MAKERS_RIGHTS,
    detect=lambda state: is_fastgan(state, ""),
    rebuild=lambda state, config: _network(state, projected=False),
    signature=("init.init.0.*", "feat_8.1.*", "se_64.main.1.*", "to_big.*"),
)

PROJECTED_FAMILY = Family(
    id="projected-fastgan",
    title="Projected GAN (FastGAN) generator",
    kind="generator",
    licence=MAKERS_RIGHTS,
    detect=lambda state: is_fastgan(state, _PREFIX),
    rebuild=lambda state, config: _network(state, projected=True),
    signature=("synthesis.init.init.0.*", "synthesis.feat_8.1.*", "synthesis.se_64.main.1.*", "synthesis.to_big.*"),
)

FAMILIES = (FAMILY, PROJECTED_FAMILY)
