"""The names of StyleGAN2's tensors in the PyTorch code that most forks descend from, and what other codes call them.

Names here are those of rosinality's code (few-shot forks, NADA, converters from TensorFlow). BasicSR's code is the same
network under other names. Where a generator is part of a larger network, such as the decoder in files of pSp and e4e,
its names begin with that part's, and the rest is left alone.
"""

from __future__ import annotations

import re
from typing import Final

from torch import Tensor

from ganplugin.models.network import StateDict

__all__ = ["KERNEL", "canonical", "is_basicsr", "scorer_canonical"]

KERNEL: Final = (1.0, 3.0, 3.0, 1.0)
"""The filter of every known checkpoint; BasicSR does not store it."""

_BASE: Final = re.compile(r"^((?:\w+\.)+)(?:input\.input|constant_input\.weight)$")
_RESTORER: Final = "stylegan_decoder."
"""How GFPGAN calls a generator whose layers are steered by the picture to be restored: alone it makes other faces."""

_RENAMED: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^style_mlp\.", "style."),
        (r"^constant_input\.weight$", "input.input"),
        (r"^style_(convs\.\d+|conv1)\.modulated_conv\.smooth\.", r"\1.conv.blur."),
        (r"^style_(convs\.\d+|conv1)\.modulated_conv\.", r"\1.conv."),
        (r"^style_(convs\.\d+|conv1)\.weight$", r"\1.noise.weight"),
        (r"^style_(convs\.\d+|conv1)\.activate\.", r"\1.activate."),
        (r"^(to_rgbs\.\d+|to_rgb1)\.modulated_conv\.", r"\1.conv."),
        (r"^noises\.noise(\d+)$", r"noises.noise_\1"),
    )
)


def is_basicsr(state: StateDict) -> bool:
    """Return whether the names are BasicSR's."""
    return any(key.endswith(("constant_input.weight", "conv_body.0.0.weight")) for key in state)


def canonical(state: StateDict) -> dict[str, Tensor]:
    """Return a generator's tensors under the names of this module, biases as [n]: early versions keep [1, n, 1, 1]."""
    prefix = _prefix(state)
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return {_name(key): _flat(key, value) for key, value in own.items()}


def _prefix(state: StateDict) -> str:
    """What the names of the generator begin with; of several generators the averaged one's, or the first one's."""
    found = [match[1] for key in state if (match := _BASE.match(key))]
    found = [prefix for prefix in found if prefix != _RESTORER or all(key.startswith(prefix) for key in state)]
    if not found or "input.input" in state or "constant_input.weight" in state:
        return ""
    return next((prefix for prefix in found if "ema." in prefix), found[0])


def _name(key: str) -> str:
    for pattern, replacement in _RENAMED:
        key, count = pattern.subn(replacement, key)
        if count:
            break
    return key


def _flat(key: str, value: Tensor) -> Tensor:
    is_broad = "to_rgb" not in key and key.endswith(".bias") and value.ndim == 4
    return value[0, :, 0, 0] if is_broad and value.shape[0] == value.shape[2] == value.shape[3] == 1 else value


def scorer_canonical(state: StateDict) -> dict[str, Tensor]:
    """Return a discriminator's tensors under the names of this module, with biases [n]."""
    return {re.sub(r"^conv_body\.", "convs.", key): _flat(key, value) for key, value in state.items()}
