"""What a checkpoint is, for people and for programs, told without running anything in it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ganplugin.errors import CheckpointError, DependencyError
from ganplugin.export.checkpoint import Checkpoint, load_checkpoint
from ganplugin.export.constructors import is_known
from ganplugin.export.detect import Match, almost, matches_of, unknown
from ganplugin.export.known_families import known_families
from ganplugin.export.unwrap import Part, is_averaged, parts_of
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, StateDict
from ganplugin.registry import Registry

__all__ = ["CheckpointReport", "FamilyReport", "PartReport", "inspect_checkpoint"]

_LARGEST_READ: Final = 1 << 14
"""Values of the largest tensor that may tell a hyper-parameter, such as a filter; larger ones are weights."""


class PartReport(BaseModel):
    """One group of tensors: where it is (empty: the whole file), how large, and whether its weights are averaged."""

    model_config = ConfigDict(frozen=True)

    path: str
    tensors: int
    parameters: int
    averaged: bool
    keys: tuple[str, ...]


class FamilyReport(BaseModel):
    """A network that can be exported. ``problem`` is set where it looks like the family but cannot be rebuilt here."""

    model_config = ConfigDict(frozen=True)

    id: str
    title: str
    kind: Literal["generator", "style", "scorer"]
    part: str
    averaged: bool
    licence: str = Field(description="what is known of the rights in the weights; empty: nothing")
    hyper_parameters: tuple[HyperParameter, ...]
    problem: str | None = None


class CheckpointReport(BaseModel):
    """What is known of a checkpoint. ``foreign_globals`` is the code that its pickle names; none of it was run.

    ``verdict`` says what the file seems to be, and what to do, where it holds no generator that can be exported.
    """

    model_config = ConfigDict(frozen=True)

    file: str
    bytes: int
    sha256: str
    container: str
    families: tuple[FamilyReport, ...]
    verdict: str | None
    parts: tuple[PartReport, ...]
    config: dict[str, object]
    globals: tuple[str, ...]
    foreign_globals: tuple[str, ...]


def inspect_checkpoint(path: Path) -> CheckpointReport:
    """Describe a checkpoint of any container.

    Raises `FileError` if it cannot be opened, `CheckpointError` if it is damaged or none.
    """
    checkpoint, families = load_checkpoint(path), known_families()
    matches = matches_of(checkpoint, families)
    return CheckpointReport(
        file=str(path),
        bytes=checkpoint.byte_size,
        sha256=checkpoint.sha256,
        container=checkpoint.container,
        families=_families(matches),
        verdict=_seeming(checkpoint, matches, families),
        parts=tuple(_part(part) for part in parts_of(checkpoint)),
        config=dict(checkpoint.config),
        globals=checkpoint.globals,
        foreign_globals=tuple(name for name in checkpoint.globals if not is_known(name)),
    )


def _seeming(checkpoint: Checkpoint, matches: tuple[Match, ...], families: Registry[Family]) -> str | None:
    if any(match.family.kind != "scorer" for match in matches):
        return None
    error = almost(checkpoint, ("generator", "style"), families) if matches else unknown(checkpoint, families)
    return None if error is None else f"{error.what} - {error.fix}"


def _part(part: Part) -> PartReport:
    return PartReport(
        path=part.path,
        tensors=len(part.state),
        parameters=sum(math.prod(tensor.shape) for tensor in part.state.values()),
        averaged=is_averaged(part),
        keys=tuple(part.state)[:3],
    )


def _hollow(state: StateDict) -> StateDict:
    """Return the tensors with zeros, which take no memory, in place of numbers that no hyper-parameter is read from."""
    return {
        key: tensor if tensor.numel() <= _LARGEST_READ else tensor.new_zeros(1).expand(tensor.shape)
        for key, tensor in state.items()
    }


def _families(matches: tuple[Match, ...]) -> tuple[FamilyReport, ...]:
    """Rebuild each network once: averaged weights and those they are averaged from have the same shapes."""
    verdicts: dict[object, _Verdict] = {}
    reports = []
    for match in matches:
        shapes = tuple((key, tensor.shape) for key, tensor in match.part.state.items())
        if (match.family.id, shapes) not in verdicts:
            verdicts[match.family.id, shapes] = _verdict(match)
        reports.append(_family(match, verdicts[match.family.id, shapes]))
    return tuple(reports)


_Verdict = tuple[tuple[HyperParameter, ...], "str | None"]


def _verdict(match: Match) -> _Verdict:
    try:
        return match.family.rebuild(_hollow(match.part.state), match.part.config).inferred, None
    except (CheckpointError, DependencyError) as error:
        return (), error.what


def _family(match: Match, verdict: _Verdict) -> FamilyReport:
    return FamilyReport(
        id=match.family.id,
        title=match.family.title,
        kind=match.family.kind,
        part=match.part.path,
        averaged=match.is_averaged,
        licence=match.rights,
        hyper_parameters=verdict[0],
        problem=verdict[1],
    )
