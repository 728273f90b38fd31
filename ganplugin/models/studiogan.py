"""PyTorch-StudioGAN's networks: recognised, so that a file of them is told what it is, and not rebuilt.

Their activations, epsilons, ways of conditioning and places of attention are in a YAML file that is not beside them.
"""

from __future__ import annotations

from collections.abc import Mapping

from ganplugin.errors import CheckpointError
from ganplugin.models.network import Family, Network, StateDict

__all__ = ["FAMILY"]


def _is_studiogan(state: StateDict) -> bool:
    ends = any(key.startswith(("linear0.weight", "linear1.weight")) for key in state)
    return ends and any(key.startswith(("blocks.0.0.conv2d", "blocks.0.0.deconv", "blocks.0.0.bn")) for key in state)


def _refuse(state: StateDict, config: Mapping[str, object]) -> Network:
    raise CheckpointError(
        "seems to be a network of PyTorch-StudioGAN, whose layout its tensors do not tell",
        fix="convert it to ONNX with its own code and config, then: ganplugin export model.onnx",
    )


FAMILY = Family(
    id="studiogan",
    title="PyTorch-StudioGAN network",
    kind="generator",
    licence="StudioGAN's code is MIT; the rights in the weights are those of whoever trained them.",
    detect=_is_studiogan,
    rebuild=_refuse,
)
