"""What picture-to-picture families share: the range of their pictures, their normalisation, strict loading."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding
from ganplugin.models.setting import Setting

__all__ = [
    "BATCH_NORM",
    "PADDING",
    "PADS",
    "SignedTranslator",
    "conv_shape",
    "load_strictly",
    "norm_at",
    "norm_fact",
    "translator_network",
]

BATCH_NORM: Final = Setting(name="bn_mode", title="batch norm", default="instance", choices=("instance", "eval"))
"""How batch normalisation acts. pix2pix draws its test pictures one at a time in training mode, so that each is
normalised by its own statistics, which is instance normalisation; ``eval`` uses the running statistics instead."""

PADDING: Final = Setting(name="padding", title="padding", default="reflect", choices=("reflect", "replicate", "zero"))
"""What convolutions that keep the size see beyond the border. Original code reflects; some forks choose otherwise."""

PADS: Final[Mapping[str, type[nn.Module]]] = {
    "reflect": nn.ReflectionPad2d,
    "replicate": nn.ReplicationPad2d,
    "zero": nn.ZeroPad2d,
}
"""The layer that each value of `PADDING` stands for."""

_LUMA: Final = (0.299, 0.587, 0.114)
"""ITU-R BT.601 weights, by which Pillow and torchvision turn RGB to grey."""

_STATISTICS: Final = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")


class SignedTranslator(nn.Module):
    """Pictures 0..1 [batch, 3, h, w] through a network of pictures -1..1; one that takes grey gets the luma."""

    luma: Tensor

    def __init__(self, network: nn.Module, *, takes_grey: bool = False) -> None:
        super().__init__()
        self.network = network
        self.takes_grey = takes_grey
        self.register_buffer("luma", torch.tensor(_LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, content: Tensor) -> Tensor:
        """Return the translated pictures, 0..1."""
        if self.takes_grey:
            content = (content * self.luma).sum(dim=1, keepdim=True)
        translated: Tensor = self.network(content * 2 - 1)
        return (translated * 0.5 + 0.5).clamp(0, 1)


def translator_network(
    network: nn.Module, channels: tuple[int, int], facts: Mapping[str, object], inferred: tuple[HyperParameter, ...]
) -> Network:
    """Return the style network around one of -1..1 that takes and returns so many ``channels``.

    Raises `CheckpointError` for channels that are no picture's, such as label maps or chroma.
    """
    taken, returned = channels
    if taken not in (1, 3):
        raise CheckpointError(
            f"takes {taken} channels (label maps, or several pictures at once), not a photo",
            fix="only networks from photo or grey to picture can be exported",
        )
    return Network(
        kind="style",
        module=eval_mode(SignedTranslator(network, takes_grey=taken == 1)),
        inputs=(GraphInput("content", ("batch", 3, "height", "width")),),
        outputs=("image",),
        facts={"channels": picture_channels(returned), **facts},
        inferred=inferred,
    )


def norm_at(state: StateDict, prefix: str, channels: int, *, bias: bool, mode: str) -> nn.Module:
    """Return the normalisation that follows a convolution, from the tensors under ``prefix``.

    With a scale it is batch normalisation, acting by ``mode`` (a value of `BATCH_NORM`), or affine instance
    normalisation; without, it is plain instance normalisation if the convolution has a ``bias``, and none at all if it
    has not: that is how CycleGAN builds both.
    """
    if f"{prefix}.weight" in state:
        if mode == "eval" and f"{prefix}.running_mean" in state:
            return nn.BatchNorm2d(channels)
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.InstanceNorm2d(channels) if bias or f"{prefix}.running_mean" in state else nn.Identity()


def norm_fact(state: StateDict, config: Mapping[str, object]) -> HyperParameter:
    """Return what the manifest says of the normalisation: how batch norm acts is a setting, all else is read."""
    if any(key.endswith(".running_mean") and f"{key[:-12]}weight" in state for key in state):
        return BATCH_NORM.read(config)
    # Without any norm only the convolutions at both ends have a bias.
    plain = "instance" if sum(key.endswith(".bias") for key in state) > 2 else "none"
    scaled = any(tensor.ndim == 1 and key.endswith(".weight") for key, tensor in state.items())
    return HyperParameter(name="norm", value="affine instance" if scaled else plain, origin="tensor")


def conv_shape(state: StateDict, name: str) -> tuple[int, int, int]:
    """Return the sizes of the first two axes and the kernel of the convolution ``name``.

    Raises `CheckpointError` if it is missing or its weight is no convolution's.
    """
    weight = state.get(f"{name}.weight")
    if weight is None:
        raise CheckpointError(f"is cut short: {name}.weight is missing")
    if weight.ndim != 4 or 0 in weight.shape:
        raise CheckpointError(f"has a {name}.weight of shape {tuple(weight.shape)}, which is no convolution")
    return weight.shape[0], weight.shape[1], weight.shape[2]


def load_strictly(module: nn.Module, state: StateDict, title: str) -> None:
    """Load every tensor, but for running statistics that the module does not use (old files carry them).

    Raises `CheckpointError` if a tensor is missing, left over or misshapen.
    """
    wanted = set(module.state_dict())
    kept = {key: value for key, value in state.items() if key in wanted or not _STATISTICS.search(key)}
    with rebuilding(title, kept):
        module.load_state_dict(kept)
