"""lightweight-gan's discriminator as a scorer: residual halvings, attention, a map of logits.

Written from the tensors' shapes. Training drives the logits of real pictures below those of made ones, so the score is
their negated mean: here as in every family a high score means real. With the dual contrastive loss it is the other way
round (a setting, since no tensor tells). The head for small pictures and the decoders play no part in the score.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.lightweight_gan import Blur
from ganplugin.models.linear_attention import attention_key, attention_of
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting

__all__ = ["FAMILY", "LightweightDiscriminator"]

_LEAK: Final = 0.1
_LICENCE: Final = "The code is MIT; the rights in the weights are those of whoever trained them."
_CONTRASTIVE: Final = Setting("dual_contrast_loss", "dual contrastive loss", False)
_UNUSED: Final = re.compile(r"^(decoder\d|to_shape_disc_out)\.|\.f$")
_FIRST: Final = ("residual_layers.0.0.branches.0.1.1.weight", "residual_layers.0.0.branches.0.1.weight")


def _convolved(state: StateDict, name: str, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    shape = state[f"{name}.weight"].shape
    return nn.Conv2d(shape[1], shape[0], shape[2], stride, padding)


def _halving(state: StateDict, name: str) -> nn.Module:
    """Pixel unshuffle and a convolution (from 1.1 on), or a convolution of 4 x 4 with a stride."""
    if f"{name}.weight" in state:
        return _convolved(state, name, 2, 1)
    return nn.Sequential(nn.PixelUnshuffle(2), _convolved(state, f"{name}.1"))


def _blur(state: StateDict, name: str) -> nn.Module:
    return Blur(state[f"{name}.f"]) if f"{name}.f" in state else nn.Identity()


class _Residual(nn.Module):
    """Attention, then the sides halved on two ways that are added."""

    def __init__(self, state: StateDict, name: str) -> None:
        super().__init__()
        self.attention = attention_of(state, f"{name}.1.") or nn.Identity()
        branch = f"{name}.0.branches"
        self.branches = nn.ModuleList(
            [
                nn.Sequential(
                    _blur(state, f"{branch}.0.0"),
                    _halving(state, f"{branch}.0.1"),
                    nn.LeakyReLU(_LEAK),
                    _convolved(state, f"{branch}.0.3", padding=1),
                    nn.LeakyReLU(_LEAK),
                ),
                nn.Sequential(
                    _blur(state, f"{branch}.1.0"),
                    nn.AvgPool2d(2),
                    _convolved(state, f"{branch}.1.2"),
                    nn.LeakyReLU(_LEAK),
                ),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return [batch, after, h / 2, w / 2] for ``x`` [batch, before, h, w]."""
        x = self.attention(x)
        added: Tensor = self.branches[0](x) + self.branches[1](x)
        return added


class LightweightDiscriminator(nn.Module):
    """Pictures 0..1 [batch, channels, size, size] to one score each [batch]; high means real."""

    def __init__(self, state: StateDict, sign: int) -> None:
        super().__init__()
        self.sign = sign
        plain, halvings = _count(state, "non_residual_layers"), _count(state, "residual_layers")
        self.size = 8 << (plain + halvings)
        self.entrance = nn.ModuleList(
            nn.Sequential(
                _blur(state, f"non_residual_layers.{index}.0"),
                _convolved(state, f"non_residual_layers.{index}.1", 2, 1),
                nn.LeakyReLU(_LEAK),
            )
            for index in range(plain)
        )
        self.halvings = nn.ModuleList(_Residual(state, f"residual_layers.{index}") for index in range(halvings))
        self.to_logits = _logits(state)

    def forward(self, image: Tensor) -> Tensor:
        """Return the score [batch] of each picture."""
        return self.sign * self.logits(image).mean(dim=1)

    def logits(self, image: Tensor) -> Tensor:
        """Return the logits [batch, n] as training has them."""
        for layer in (*self.entrance, *self.halvings):
            image = layer(image)
        logits: Tensor = self.to_logits(image)
        return logits.flatten(1)


def _logits(state: StateDict) -> nn.Sequential:
    """The end: 5 x 5 logits, or one from a halved map."""
    if "to_logits.0.weight" in state:
        return nn.Sequential(_convolved(state, "to_logits.0"), nn.LeakyReLU(_LEAK), _convolved(state, "to_logits.2"))
    return nn.Sequential(
        _blur(state, "to_logits.0"),
        _convolved(state, "to_logits.1", 2, 1),
        nn.LeakyReLU(_LEAK),
        _convolved(state, "to_logits.3"),
    )


def _count(state: StateDict, name: str) -> int:
    return len({match[1] for key in state if (match := re.match(rf"^{name}\.(\d+)\.", key))})


def _renamed(key: str) -> str:
    if match := re.match(r"^residual_layers\.(\d+)\.1\.(.*)$", key):
        return f"halvings.{match[1]}.attention.{attention_key(match[2])}"
    key = re.sub(r"^residual_layers\.(\d+)\.0\.", r"halvings.\1.", key)
    return re.sub(r"^non_residual_layers\.", "entrance.", key)


def _detect(state: StateDict) -> bool:
    return any(key in state for key in _FIRST) and any(f"to_logits.{index}.weight" in state for index in (0, 1))


def _rebuild(state: StateDict, config: Mapping[str, object]) -> Network:
    if not _detect(state):
        raise CheckpointError("is no lightweight-gan discriminator")
    contrastive = _CONTRASTIVE.read(config)
    with rebuilding("a lightweight-gan discriminator", state):
        module = LightweightDiscriminator(state, 1 if contrastive.value else -1)
        module.load_state_dict({_renamed(key): tensor for key, tensor in state.items() if not _UNUSED.search(key)})
        first = state.get("non_residual_layers.0.1.weight", state["residual_layers.0.0.branches.1.2.weight"])
    channels = first.shape[1]
    return Network(
        kind="scorer",
        module=eval_mode(module),
        inputs=(GraphInput("image", ("batch", channels, module.size, module.size)),),
        outputs=("score",),
        facts={"channels": picture_channels(channels), "width": module.size, "height": module.size},
        inferred=(
            HyperParameter(name="picture side", value=module.size, origin="tensor"),
            HyperParameter(name="channels", value=channels, origin="tensor"),
            HyperParameter(name="leaky slope", value=_LEAK, origin="default"),
            contrastive,
            HyperParameter(name="score", value="the mean of the logits, high means real", origin="default"),
        ),
    )


FAMILY = Family(
    id="lightweight-gan-scorer",
    title="lightweight-gan discriminator",
    kind="scorer",
    licence=_LICENCE,
    detect=_detect,
    rebuild=_rebuild,
    settings=(_CONTRASTIVE,),
)
