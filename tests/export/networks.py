"""Networks small enough to convert in a moment, with every kind of input that a model file may have."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from ganplugin.manifest import Manifest
from ganplugin.models.network import GraphInput, Network, eval_mode

Z, W, LAYERS, SIDE, CLASSES = 4, 5, 3, 8, 2


class Everything(nn.Module):
    """A generator with a label, a W space, two noise maps and a transform; ``twist`` changes how ``mix`` acts."""

    def __init__(self, twist: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.mapping = nn.Linear(Z + CLASSES, W)
        self.average = nn.Parameter(torch.randn(W))
        self.synthesis = nn.Linear(LAYERS * W, 3 * SIDE * SIDE)
        self.twist = twist

    def forward(
        self,
        z: Tensor,
        label: Tensor,
        truncation: Tensor,
        ws: Tensor,
        mix: Tensor,
        noise_0: Tensor,
        noise_1: Tensor,
        noise_strength: Tensor,
        transform: Tensor,
    ) -> tuple[Tensor, Tensor]:
        w = self.mapping(torch.cat([z, label], dim=1))[:, None, :]
        w = self.average + truncation[None, :, None] * (w - self.average)
        w = w + (mix + self.twist * mix * (1 - mix))[None, :, None] * (ws - w)
        x = self.synthesis(w.flatten(1)).view(-1, 3, SIDE, SIDE)
        x = x + noise_strength * (noise_0 + 0.5 * noise_1.repeat_interleave(2, 2).repeat_interleave(2, 3))
        return torch.sigmoid(x * transform[:, :1, :1, None] + transform[:, 1:2, :1, None]), w


def everything(twist: float = 0.0) -> Network:
    torch.manual_seed(2)
    inputs = (
        GraphInput("z", ("batch", Z)),
        GraphInput("label", ("batch", CLASSES)),
        GraphInput("truncation", (LAYERS,), torch.ones(LAYERS)),
        GraphInput("ws", ("rows", LAYERS, W), torch.zeros(1, LAYERS, W)),
        GraphInput("mix", (LAYERS,), torch.zeros(LAYERS)),
        GraphInput("noise_0", ("rows", 1, SIDE, SIDE), torch.randn(1, 1, SIDE, SIDE)),
        GraphInput("noise_1", ("rows", 1, SIDE // 2, SIDE // 2), torch.randn(1, 1, SIDE // 2, SIDE // 2)),
        GraphInput("noise_strength", (), torch.tensor(1.0)),
        GraphInput("transform", ("rows", 3, 3), torch.eye(3)[None]),
    )
    facts = {"z_dim": Z, "w_dim": W, "num_ws": LAYERS, "width": SIDE, "height": SIDE, "classes": ("cat", "dog")}
    return Network("generator", eval_mode(Everything(twist)), inputs, ("image", "w"), facts)


class Painter(nn.Module):
    """A style network that takes a picture, style weights, a style picture and a strength, and any size."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.down = nn.Conv2d(3, 6, 3, 2, 1, padding_mode="reflect")
        self.up = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, content: Tensor, style: Tensor, style_weights: Tensor, strength: Tensor) -> Tensor:
        x = nn.functional.instance_norm(self.down(content)) * style_weights.sum() + style_weights[0]
        x = nn.functional.interpolate(x, size=content.shape[2:], mode="bilinear")
        painted = torch.sigmoid(self.up(x) + style.mean(dim=(2, 3), keepdim=True))
        return (content + strength * (painted - content)).clamp(0, 1)


def painter() -> Network:
    inputs = (
        GraphInput("content", ("batch", 3, "height", "width")),
        GraphInput("style", (1, 3, "style_height", "style_width"), torch.rand(1, 3, 20, 24)),
        GraphInput("style_weights", (2,), torch.tensor([1.0, 0.0])),
        GraphInput("strength", (), torch.tensor(1.0)),
    )
    return Network("style", eval_mode(Painter()), inputs, ("image",), {"styles": ("a", "b"), "minimum_size": 8})


class Plain(nn.Module):
    """z to a picture by one linear layer; sub-classes spoil it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.layer = nn.Linear(Z, SIDE * SIDE)

    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.layer(z)).view(-1, 1, SIDE, SIDE)


class Guarded(Plain):
    """Scales z to unit length as StyleGAN does, with 1e-8 against a division by zero."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8))


class Noisy(Plain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z + torch.randn_like(z))


class Frozen(Plain):
    def forward(self, z: Tensor) -> Tensor:
        return torch.sigmoid(self.layer(z.reshape(2, Z))).view(-1, 1, SIDE, SIDE)


class Flat(Plain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z) * 0 + 0.5


class Same(Plain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z * 0)


class Broken(Plain):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z) / (z * 0).sum()


def plain(module: type[Plain] = Plain) -> Network:
    facts = {"z_dim": Z, "width": SIDE, "height": SIDE, "channels": "L"}
    return Network("generator", eval_mode(module()), (GraphInput("z", ("batch", Z)),), ("image",), facts)


def manifest_of(network: Network) -> Manifest:
    return Manifest.model_validate({"kind": network.kind, "family": "test", "name": "test", **network.facts})


def without_defaults(network: Network) -> Network:
    return replace(network, inputs=tuple(replace(given, default=None) for given in network.inputs))
