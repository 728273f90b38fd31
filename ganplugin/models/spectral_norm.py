"""Spectral normalisation (Miyato et al. 2018), folded: the stored weight over its stored largest singular value."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

import torch
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.network import StateDict

__all__ = ["folded", "folded_names", "is_normed"]

_STYLES: Final = (
    (re.compile(r"^(.*\.)?weight_orig$"), "weight_u", "weight_v"),
    (
        re.compile(r"^(.*\.)?parametrizations\.weight\.original$"),
        "parametrizations.weight.0._u",
        "parametrizations.weight.0._v",
    ),
)


def is_normed(state: StateDict, name: str) -> bool:
    """Return whether the module ``name`` has a weight under spectral norm, in either of torch's two styles."""
    return f"{name}.weight_orig" in state or f"{name}.parametrizations.weight.original" in state


def folded(state: StateDict, transposed: Collection[str] = ()) -> dict[str, Tensor]:
    """Return the state with every spectral norm folded into a plain ``weight``, in either of torch's two styles.

    The singular value is u^T W v with the vectors u and v that the file holds, as evaluation computes it: they need
    not have converged, so it is not computed anew. ``transposed`` names the modules (without the final dot) that are
    transposed convolutions, whose output channels are the second axis. Raises `CheckpointError` if a vector is missing
    or does not fit.
    """
    result = dict(state)
    for key in state:
        for pattern, u_name, v_name in _STYLES:
            if match := pattern.match(key):
                name = match[1] or ""
                vectors = [result.pop(name + vector, None) for vector in (u_name, v_name)]
                result[f"{name}weight"] = _divided(result.pop(key), vectors, key, axis=int(name[:-1] in transposed))
    return result


def folded_names(state: StateDict) -> dict[str, Tensor]:
    """Return the state under the names that `folded` gives, its weights as they are: to recognise a network by."""
    result = {}
    for key, tensor in state.items():
        for pattern, u_name, v_name in _STYLES:
            if match := pattern.match(key):
                key = f"{match[1] or ''}weight"
            elif key.endswith((u_name, v_name)):
                break
        else:
            result[key] = tensor
    return result


def _divided(weight: Tensor, vectors: list[Tensor | None], key: str, *, axis: int) -> Tensor:
    u, v = vectors
    if u is None or v is None or weight.ndim < 2:
        raise CheckpointError(f"lacks a vector of the spectral norm of {key}")
    rows = weight.float().movedim(axis, 0).flatten(1)
    if (*u.shape, *v.shape) != tuple(rows.shape):
        raise CheckpointError(f"holds a spectral norm of the wrong shape at {key}")
    return weight.float() / torch.dot(u.float(), rows @ v.float())
