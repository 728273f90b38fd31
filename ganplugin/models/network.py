"""What a family makes of a checkpoint: a module that fulfils the model file's contract, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.manifest import HyperParameter, Kind
from ganplugin.models.setting import Setting

__all__ = ["BESIDE", "MAKERS_RIGHTS", "VERSION", "Family", "GraphInput", "Network", "StateDict"]

StateDict = Mapping[str, Tensor]

BESIDE: Final = "beside"
"""The entry of a ``config`` that holds single tensors next to a state dict in its file, as {name: tensor}."""

VERSION: Final = "version"
"""The entry of a ``config`` that holds the version of the program that wrote the file, as text, where the file says."""

MAKERS_RIGHTS: Final = "The rights in the weights are those of whoever trained them."
"""What is known of the rights in weights that anybody may have trained."""


@dataclass(frozen=True)
class GraphInput:
    """One input of the exported graph, in the order of the module's ``forward``.

    ``shape`` holds sizes, or names for the axes that stay dynamic (``batch``, ``height``, ``width`` …).
    An input with a ``default`` is optional: the file carries the default as an initializer of the same name.
    """

    name: str
    shape: tuple[int | str, ...]
    default: Tensor | None = None


@dataclass(frozen=True)
class Network:
    """A rebuilt network in eval mode whose ``forward`` takes ``inputs`` in order and returns ``outputs`` in order.

    Pictures go in and come out as float32 [batch, channels, height, width], 0..1, clamped (design: model file).
    ``facts`` are the manifest fields that the family knows (sizes, z_dim, channels, styles, training …).
    """

    kind: Kind
    module: nn.Module
    inputs: tuple[GraphInput, ...]
    outputs: tuple[str, ...]
    facts: Mapping[str, object]
    inferred: tuple[HyperParameter, ...] = ()


@dataclass(frozen=True)
class Family:
    """How to recognise and rebuild one kind of checkpoint. One file of `ganplugin.models` declares each family.

    ``detect`` looks at key names and shapes alone and may err towards yes, never towards no; ``rebuild`` loads every
    tensor strictly and raises `CheckpointError` where that fails. ``config`` is what the checkpoint or its side files
    say beside tensors (plain JSON-like values), possibly empty, and what the user gave for the family's ``settings``.

    ``signature`` names tensors, as patterns of `fnmatch`, by which people recognise the family: of a file that has most
    of them and is not detected, it is said what it lacks. A family without names of its own has none.

    A family whose network comes in several files names the ``roles`` of their state dicts, the main one first, and how
    to recognise each; ``detect`` and ``rebuild`` then see one state dict whose keys begin with ``<role>.``.
    """

    id: str
    title: str
    kind: Kind
    licence: str
    detect: Callable[[StateDict], bool]
    rebuild: Callable[[StateDict, Mapping[str, object]], Network]
    settings: tuple[Setting, ...] = ()
    roles: Mapping[str, Callable[[StateDict], bool]] = field(default_factory=dict)
    signature: tuple[str, ...] = ()


def eval_mode(module: nn.Module) -> nn.Module:
    """Return the module in eval mode, float32, on the CPU, without gradients."""
    return module.to(device="cpu", dtype=torch.float32).eval().requires_grad_(False)
