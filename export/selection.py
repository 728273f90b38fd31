"""Which network of a file is meant: by what was asked for, then by what can be rebuilt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ganplugin.errors import CheckpointError, InputError
from ganplugin.export.checkpoint import Checkpoint
from ganplugin.export.detect import WHOLE, Match, almost, unknown, unmatched
from ganplugin.export.joint import Joint
from ganplugin.export.options import ExportOptions
from ganplugin.manifest import Kind
from ganplugin.models.network import Family, Network
from ganplugin.models.setting import GIVEN
from ganplugin.registry import Registry, did_you_mean

__all__ = ["Choice", "chosen", "scorer_beside"]

_KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {"generator": ("generator", "style"), "scorer": ("scorer",)}


@dataclass(frozen=True)
class Choice:
    """One network of a file, rebuilt; ``rivals`` are other families that its tensors could be, by id."""

    match: Match
    network: Network
    rivals: tuple[str, ...] = ()


def chosen(joint: Joint, options: ExportOptions, families: Registry[Family]) -> Choice:
    """Return the network that ``options`` ask for.

    Raises `CheckpointError` if it is not there, cannot be rebuilt, or could be of several families; `InputError` for
    an unknown family or setting.
    """
    candidates = _of_part(joint, options.part, families)
    if options.family is not None:
        wider = candidates if options.part else joint.matches
        candidates = _of_family(joint.checkpoint, candidates, wider, families[options.family])
    part = candidates[0].part
    rivals = [match for match in candidates if match.part is part]
    return _only_one(joint.checkpoint, rivals, options.settings)


def scorer_beside(joint: Joint, families: Registry[Family]) -> Choice:
    """Return the scorer that comes with a generator. Raises `CheckpointError` if there is none."""
    return chosen(joint, ExportOptions(part="scorer"), families)


def _of_part(joint: Joint, part: str | None, families: Registry[Family]) -> list[Match]:
    """Return the matches of the part asked for; without one, generators go before scorers."""
    if not joint.matches:
        raise unknown(joint.checkpoint, families)
    for name, kinds in _KINDS.items():
        found = [match for match in joint.matches if match.family.kind in kinds]
        if part in (name, None):
            if found:
                return found
            if miss := almost(joint.checkpoint, kinds, families):
                raise miss
    if part in _KINDS:
        other = unmatched(joint.checkpoint, joint.matches)
        what = f"holds a {joint.matches[0].family.title}, but no {part}{f' (but {other.what})' if other else ''}"
        raise CheckpointError(what, where=joint.checkpoint.path, fix="leave out --part")
    found = [match for match in joint.matches if match.part.path == part]
    if not found:
        known = [*_KINDS, *(match.part.path for match in joint.matches if match.part.path)]
        raise InputError(f"there is no part {part!r}", where="--part", fix=did_you_mean(str(part), known))
    return found


def _of_family(
    checkpoint: Checkpoint, candidates: Sequence[Match], wider: Sequence[Match], family: Family
) -> list[Match]:
    """Return those of a family; ``wider`` is where it is looked for, ``candidates`` what would be taken without it."""
    found = [match for match in wider if match.family.id == family.id]
    if not found:
        titles = " or ".join(dict.fromkeys(match.family.title for match in candidates))
        raise CheckpointError(
            f"is no {family.title}, but seems to be a {titles}", where=checkpoint.path, fix="leave out --family"
        )
    return found


def _only_one(checkpoint: Checkpoint, rivals: Sequence[Match], settings: Mapping[str, str]) -> Choice:
    """Rebuild what several families lay claim to: the strict load decides, and where it cannot, the user does."""
    choices, errors = [], []
    for match in rivals:
        try:
            others = tuple(other.family.id for other in rivals if other is not match)
            choices.append(Choice(match, _rebuilt(match, settings), others))
        except CheckpointError as error:
            errors.append(_explained(error, match, checkpoint))
    if not choices:
        raise errors[0]
    if len(choices) > 1:
        titles = " or a ".join(choice.match.family.title for choice in choices)
        raise CheckpointError(
            f"could be a {titles}",
            where=checkpoint.path,
            fix="say which: " + " or ".join(f"--family {choice.match.family.id}" for choice in choices),
        )
    return choices[0]


def _explained(error: CheckpointError, match: Match, checkpoint: Checkpoint) -> CheckpointError:
    """Say of which family the tensors almost are, where the error tells no more than what is wrong with one."""
    what = error.what if error.fix else f"is almost a {match.family.title}, but {error.what}"
    return CheckpointError(what, where=error.where or checkpoint.path, fix=error.fix or WHOLE)


def _rebuilt(match: Match, settings: Mapping[str, str]) -> Network:
    known = {setting.name: setting for setting in match.family.settings}
    for name in settings:
        if name not in known:
            fix = did_you_mean(name, known) if known else "leave out --set"
            raise InputError(f"a {match.family.title} has no setting {name!r}", fix=fix)
    return match.family.rebuild(match.part.state, {**match.part.config, GIVEN: settings})
