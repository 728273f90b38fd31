"""One network from several files: each file has a role, such as the decoder and the encoder of AdaIN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import Checkpoint
from ganplugin.export.detect import Match
from ganplugin.export.unwrap import Part, parts_of
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family
from ganplugin.registry import Registry

__all__ = ["Joint", "join"]


@dataclass(frozen=True)
class Joint:
    """What was read: the checkpoint that gives the model its name, what it matches, and facts on files beside it."""

    checkpoint: Checkpoint
    matches: tuple[Match, ...]
    facts: tuple[HyperParameter, ...] = ()


def join(checkpoints: Sequence[Checkpoint], families: Registry[Family]) -> Joint:
    """Put the files of one network together, whatever their order.

    Raises `CheckpointError` if no family has a role for each of the files.
    """
    for family in families:
        files = _assigned(family, checkpoints)
        if files is not None:
            state = {f"{role}.{key}": tensor for role, (_, part) in files.items() for key, tensor in part.state.items()}
            if family.detect(state):
                return _joint(family, files, state)
    names = " and ".join(checkpoint.path.name for checkpoint in checkpoints)
    raise CheckpointError(f"{names} do not make one network", fix="export each file alone, or name the files that do")


_Files = Mapping[str, "tuple[Checkpoint, Part]"]


def _assigned(family: Family, checkpoints: Sequence[Checkpoint]) -> _Files | None:
    """Return the file and part in each role of a family, or None if roles and files do not match one to one."""
    fitting: list[list[tuple[Checkpoint, Part]]] = [
        [(checkpoint, part) for checkpoint in checkpoints for part in parts_of(checkpoint) if fits(part.state)]
        for fits in family.roles.values()
    ]
    for chosen in product(*fitting):
        if {id(checkpoint) for checkpoint, _ in chosen} == {id(checkpoint) for checkpoint in checkpoints}:
            return dict(zip(family.roles, chosen, strict=True))
    return None


def _joint(family: Family, files: _Files, state: Mapping[str, Tensor]) -> Joint:
    main = next(iter(files.values()))[0]
    config = {key: value for _, part in files.values() for key, value in part.config.items()}
    path = " + ".join(f"{role} in {checkpoint.path.name}" for role, (checkpoint, _) in files.items())
    facts = tuple(
        HyperParameter(name=f"{role} SHA-256", value=checkpoint.sha256, origin="metadata")
        for role, (checkpoint, _) in files.items()
        if checkpoint is not main
    )
    return Joint(main, (Match(family, Part(path, state, config)),), facts)
