"""From a checkpoint to a model file in one call: read, detect, rebuild, convert, prove, and only then write."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import torch
from pydantic import ValidationError

from ganplugin import __version__
from ganplugin.errors import CheckpointError, ExportError, FileError, InputError, ModelError
from ganplugin.export.checkpoint import Checkpoint, load_checkpoint
from ganplugin.export.convert import convert
from ganplugin.export.detect import Match, matches_of, unknown
from ganplugin.export.joint import Joint, join
from ganplugin.export.verify import verify
from ganplugin.manifest import HyperParameter, Kind, Manifest, Source
from ganplugin.modelfile import check_contract, write_model
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Family, Network
from ganplugin.models.setting import GIVEN
from ganplugin.registry import Registry, did_you_mean

__all__ = ["Exported", "Part", "Report", "export_checkpoint"]

Part = Literal["generator", "scorer"]
Report = Callable[[str, int, int], None]

_SUFFIXES: Final = frozenset({".pt", ".pth", ".pkl", ".tar", ".ckpt", ".bin", ".safetensors", ".t7", ".model"})
_LONGEST_NAME: Final = 100
_KINDS: Final[dict[Part, tuple[Kind, ...]]] = {"generator": ("generator", "style"), "scorer": ("scorer",)}


@dataclass(frozen=True)
class Exported:
    """What `export_checkpoint` wrote, and what else it saw.

    ``part`` names where in the file the weights were; ``others`` are further networks that could be exported, as
    (part, family title); ``runner_up`` is the family that came second, if any.
    """

    path: Path
    manifest: Manifest
    container: str
    part: str
    averaged: bool
    others: tuple[tuple[str, str], ...] = ()
    runner_up: str | None = None


def export_checkpoint(
    path: Path,
    out: Path | None = None,
    *,
    beside: Sequence[Path] = (),
    name: str | None = None,
    part: Part | None = None,
    licence: str | None = None,
    settings: Mapping[str, str] | None = None,
    overwrite: bool = False,
    families: Registry[Family] = FAMILIES,
    report: Report | None = None,
) -> Exported:
    """Turn a checkpoint into one proved model file and return what was found.

    ``beside`` are further files of the same network, such as an encoder, in any order. ``out`` defaults to the
    checkpoint's name with ``.onnx`` beside it; ``part`` chooses the generator (or style
    network) or the scorer, by default the first that is there. ``settings`` gives what tensors do not
    tell, by the names of the family's settings. ``report`` is told (stage, done, total).
    Raises `InputError` for an impossible name or target, `FileError` if a file is missing or in the way,
    `CheckpointError` if the checkpoint is refused or not known, `ExportError` if the result differs from it; then
    nothing is left behind.
    """
    if name is not None and not 1 <= len(name) <= _LONGEST_NAME:
        raise InputError(f"has {len(name)} letters", where="--name", fix=f"choose 1 to {_LONGEST_NAME}")
    tell = report or (lambda stage, done, total: None)
    tell("reading", 0, 4)
    joint = _read([path, *beside], families)
    checkpoint, matches = joint.checkpoint, joint.matches
    match = _chosen(checkpoint, matches, part, families)
    target = out or _default_target(checkpoint.path, match.family.kind, matches)
    _check_target(target, [path, *beside], overwrite=overwrite)
    tell("rebuilding", 1, 4)
    network = _rebuilt(checkpoint, match, settings or {})
    manifest = _manifest(joint, match, network, name or _stem(checkpoint.path), licence)
    tell("converting", 2, 4)
    manifest = _proved_and_written(network, manifest, target, overwrite=overwrite, tell=tell)
    return Exported(
        path=target,
        manifest=manifest,
        container=checkpoint.container,
        part=match.part.path,
        averaged=match.is_averaged,
        others=_others(match, matches),
        runner_up=_second(match, matches),
    )


def _read(paths: Sequence[Path], families: Registry[Family]) -> Joint:
    checkpoints = [load_checkpoint(path) for path in paths]
    if len(checkpoints) > 1:
        return join(checkpoints, families)
    return Joint(checkpoints[0], matches_of(checkpoints[0], families))


def _chosen(checkpoint: Checkpoint, matches: tuple[Match, ...], part: Part | None, families: Registry[Family]) -> Match:
    wanted = [kinds for name, kinds in _KINDS.items() if part in (name, None)]
    found = [match for kinds in wanted for match in matches if match.family.kind in kinds]
    if found:
        return found[0]
    if matches:
        title = matches[0].family.title
        raise CheckpointError(f"holds a {title}, but no {part}", where=checkpoint.path, fix="leave out --part")
    raise unknown(checkpoint, families)


def _default_target(path: Path, kind: Kind, matches: tuple[Match, ...]) -> Path:
    """Beside the checkpoint, under its name; a scorer that comes with a generator leaves that name to it."""
    has_generator = any(match.family.kind != "scorer" for match in matches)
    return path.with_name(f"{_stem(path)}{'-scorer' if kind == 'scorer' and has_generator else ''}.onnx")


def _check_target(target: Path, sources: Sequence[Path], *, overwrite: bool) -> None:
    """Find out now what would otherwise be found out after the work."""
    if target.exists() and any(target.samefile(source) for source in sources):
        raise InputError("is the checkpoint itself", where=target, fix="choose another place with --out")
    if target.exists() and not overwrite:
        raise FileError("exists already", where=target, fix="add --overwrite or choose another place with --out")


def _stem(path: Path) -> str:
    name = path.name
    while Path(name).suffix.lower() in _SUFFIXES and Path(name).stem:
        name = Path(name).stem
    return name[:_LONGEST_NAME]


def _rebuilt(checkpoint: Checkpoint, match: Match, settings: Mapping[str, str]) -> Network:
    known = {setting.name: setting for setting in match.family.settings}
    for name in settings:
        if name not in known:
            fix = did_you_mean(name, known) if known else "leave out --set"
            raise InputError(f"a {match.family.title} has no setting {name!r}", fix=fix)
    try:
        return match.family.rebuild(match.part.state, {**match.part.config, GIVEN: settings})
    except CheckpointError as error:
        raise CheckpointError(error.what, where=error.where or checkpoint.path, fix=error.fix) from error


def _manifest(joint: Joint, match: Match, network: Network, name: str, licence: str | None) -> Manifest:
    checkpoint = joint.checkpoint
    weights = HyperParameter(name="weights", value=match.part.path or "the whole file", origin="metadata")
    known: dict[str, Any] = {
        "licence": match.family.licence,
        **network.facts,
        **({} if licence is None else {"licence": licence}),
        "kind": network.kind,
        "family": match.family.id,
        "name": name,
        "source": Source(file=checkpoint.path.name, sha256=checkpoint.sha256),
        "inferred": (*network.inferred, weights, *joint.facts),
        "exporter": f"ganplugin {__version__}, torch {torch.__version__}",
    }
    try:
        return Manifest(**known)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"])
        raise CheckpointError(
            f"has a {field} that a model file cannot hold: {first['msg']}", where=checkpoint.path
        ) from error


def _proved_and_written(
    network: Network, manifest: Manifest, target: Path, *, overwrite: bool, tell: Report
) -> Manifest:
    proto = convert(network)
    try:
        check_contract(proto, manifest)
    except ModelError as error:
        raise ExportError(f"the converted network {error.what}", where=manifest.name) from error
    with tempfile.TemporaryDirectory(prefix="ganplugin-") as folder:
        draft = write_model(proto, manifest, Path(folder) / "draft.onnx")
        verification = verify(draft, network, progress=lambda done, total: tell("proving", done, total))
    proved = manifest.model_copy(update={"verification": verification})
    write_model(proto, proved, target, overwrite=overwrite)
    return proved


def _others(match: Match, matches: tuple[Match, ...]) -> tuple[tuple[str, str], ...]:
    """The networks of another kind that the file also holds."""
    titles = {other.family.title: other.part.path for other in matches if other.family.kind != match.family.kind}
    return tuple((path, title) for title, path in titles.items())


def _second(match: Match, matches: tuple[Match, ...]) -> str | None:
    return next((o.family.id for o in matches if o.part is match.part and o.family.id != match.family.id), None)
