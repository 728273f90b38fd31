"""Spectral normalisation (Miyato et al. 2018), folded: the stored weight over its stored largest singular value."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.models.network import StateDict

__all__ = ["folded", "folded_names", "is_normed"]


@dataclass(frozen=True)
class _Style:
    """How an implementation names its tensors. Without ``v``, it makes one step from u whenever it evaluates."""

    weight: re.Pattern[str]
    u: str
    v: str | None
    unread: tuple[str, ...] = ()


_STYLES: Final = (
    _Style(re.compile(r"^(.*\.)?weight_orig$"), "weight_u", "weight_v"),
    _Style(
        re.compile(r"^(.*\.)?parametrizations\.weight\.original$"),
        "parametrizations.weight.0._u",
        "parametrizations.weight.0._v",
    ),
    # Copies of christiancosgrove's wrapper, and mimicry's own layers.
    _Style(re.compile(r"^(.*\.)?weight_bar$"), "weight_u", None, ("weight_v",)),
    _Style(re.compile(r"^(.*\.)?sn_u$"), "sn_u", None, ("sn_sigma",)),
)


def is_normed(state: StateDict, name: str) -> bool:
    """Return whether the module ``name`` has a weight under spectral norm, in either of torch's two styles."""
    return f"{name}.weight_orig" in state or f"{name}.parametrizations.weight.original" in state


def folded_names(state: StateDict) -> dict[str, Tensor]:
    """Return the state under the names that `folded` gives, its weights as they are: to recognise a network by."""
    names: dict[str, str | None] = {}
    for key in state:
        for style in _STYLES:
            if match := style.weight.match(key):
                name = match[1] or ""
                names |= dict.fromkeys([name + vector for vector in (style.u, style.v, *style.unread) if vector])
                if key != f"{name}{style.u}":
                    names[key] = f"{name}weight"
    renamed = ((names.get(key, key), tensor) for key, tensor in state.items())
    return {key: tensor for key, tensor in renamed if key is not None}


def folded(state: StateDict, transposed: Collection[str] = ()) -> dict[str, Tensor]:
    """Return the state with every spectral norm folded into a plain ``weight``: torch's two styles, and two of others.

    The singular value is u^T W v with the vectors u and v that the file holds, as evaluation computes it: they need
    not have converged, so it is not computed anew. ``transposed`` names the modules (without the final dot) that are
    transposed convolutions, whose output channels are the second axis. Raises `CheckpointError` if a vector is missing
    or does not fit.
    """
    result = folded_names(state)
    for key, tensor in state.items():
        for style in _STYLES:
            if match := style.weight.match(key):
                name = match[1] or ""
                weight = result.get(f"{name}weight") if key == f"{name}{style.u}" else tensor
                u, v = state.get(name + style.u), state.get(f"{name}{style.v}")
                if weight is None or u is None or (v is None and style.v):
                    raise CheckpointError(f"lacks a vector of the spectral norm of {key}")
                axis = int(bool(style.v) and name[:-1] in transposed)
                result[f"{name}weight"] = _divided(weight, u, v, key, axis=axis)
    return result


def _divided(weight: Tensor, u: Tensor, v: Tensor | None, key: str, *, axis: int) -> Tensor:
    """Return the weight over its singular value, by the vectors as stored, or by those one step from u."""
    rows = weight.float().movedim(axis, 0).flatten(1) if weight.ndim >= 2 else weight.new_zeros(0, 0)
    u = u.float() if v is not None else u.float().flatten()
    if weight.ndim < 2 or u.shape != rows.shape[:1] or (v is not None and v.shape != rows.shape[1:]):
        raise CheckpointError(f"holds a spectral norm of the wrong shape at {key}")
    if v is None:
        v = F.normalize(u @ rows, dim=0)
        u = F.normalize(rows @ v, dim=0)
    return weight.float() / torch.dot(u, rows @ v.float())
