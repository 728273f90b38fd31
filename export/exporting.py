"""From a checkpoint to a proved file in one call: read, choose, rebuild, convert, prove, and only then write."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from pydantic import ValidationError

from ganplugin import __version__
from ganplugin.errors import CheckpointError, ExportError, FileError, InputError, ModelError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.clean_weights import prove_weights, weight_bytes
from ganplugin.export.comparison import HALF, SINGLE
from ganplugin.export.convert import convert
from ganplugin.export.detect import Match, matches_of
from ganplugin.export.half import halve, rounded_twin
from ganplugin.export.joint import Joint, join
from ganplugin.export.known_families import known_families
from ganplugin.export.opset import DEFAULT_OPSET, moved_to_opset
from ganplugin.export.options import LONGEST_NAME, ExportOptions
from ganplugin.export.profiles import profiled, sized
from ganplugin.export.selection import Choice, chosen, scorer_beside
from ganplugin.export.verify import verify
from ganplugin.files import atomic_write
from ganplugin.manifest import HyperParameter, Manifest, Source
from ganplugin.modelfile import check_contract, model_bytes
from ganplugin.models.network import Family, Network
from ganplugin.registry import Registry

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Exported", "Report", "export_checkpoint"]

Report = Callable[[str, int, int], None]

_SUFFIXES: Final = frozenset({".pt", ".pth", ".pkl", ".tar", ".ckpt", ".bin", ".safetensors", ".t7", ".model"})


@dataclass(frozen=True)
class Exported:
    """What `export_checkpoint` wrote, and what else it saw.

    ``family_title`` names the family for people, and ``part`` where in the file the weights were. ``others`` are the
    other networks in it, as (part, family title); ``runner_up`` is the family that came second, if any; ``scorer`` is
    what ``with_scorer`` wrote.
    """

    path: Path
    manifest: Manifest
    family_title: str
    container: str
    part: str
    averaged: bool
    others: tuple[tuple[str, str], ...] = ()
    runner_up: str | None = None
    scorer: Exported | None = None


@dataclass(frozen=True)
class _Draft:
    """A file that is proved and not yet in its place."""

    exported: Exported
    content: bytes


def export_checkpoint(
    path: Path,
    out: Path | None = None,
    options: ExportOptions | None = None,
    *,
    beside: Sequence[Path] = (),
    overwrite: bool = False,
    families: Registry[Family] | None = None,
    report: Report | None = None,
) -> Exported:
    """Turn a checkpoint into one proved file (two with ``with_scorer``) and return what was found.

    ``beside`` are further files of the same network, such as an encoder, in any order. ``out`` defaults to the
    checkpoint's name with the format's suffix beside it. ``families`` are tried in their order (default: all that are
    known). ``report`` is told (stage, done, total).
    Raises `InputError` for an impossible wish or target, `FileError` if a file is missing or in the way,
    `CheckpointError` if the checkpoint is refused or not known, `ExportError` if the result differs from it; then
    nothing is left behind.
    """
    options = options or ExportOptions()
    tell = report or (lambda stage, done, total: None)
    known = known_families() if families is None else families
    tell("reading", 0, 4)
    joint = _read([path, *beside], known)
    tell("rebuilding", 1, 4)
    choices = [chosen(joint, options, known)]
    if options.with_scorer:
        if choices[0].network.kind == "scorer":
            raise InputError(
                "writes a scorer beside a generator", where="--with-scorer", fix="this is a scorer: leave it out"
            )
        choices.append(scorer_beside(joint, known))
    targets = [_target(out, joint, choice, options, is_second=choice is not choices[0]) for choice in choices]
    _check_targets(targets, [path, *beside], overwrite=overwrite)
    drafts = [_draft(joint, c, t, options, tell) for c, t in zip(choices, targets, strict=True)]
    for draft in drafts:
        with atomic_write(draft.exported.path, overwrite=overwrite) as part:
            part.write_bytes(draft.content)
    return replace(drafts[0].exported, scorer=drafts[1].exported if options.with_scorer else None)


def _read(paths: Sequence[Path], families: Registry[Family]) -> Joint:
    checkpoints = [load_checkpoint(path) for path in paths]
    if len(checkpoints) > 1:
        return join(checkpoints, families)
    return Joint(checkpoints[0], matches_of(checkpoints[0], families))


def _target(out: Path | None, joint: Joint, choice: Choice, options: ExportOptions, *, is_second: bool) -> Path:
    """Beside the checkpoint, under its name; a scorer that comes with a generator leaves that name to it."""
    has_generator = any(match.family.kind != "scorer" for match in joint.matches)
    is_scorer = choice.network.kind == "scorer" and (is_second or (out is None and has_generator))
    source = joint.checkpoint.path
    target = out or source.with_name(f"{_stem(source)}.{options.format}")
    if out is None and target == source:
        target = target.with_name(f"{_stem(source)}-clean.{options.format}")
    return target.with_name(f"{target.stem}-scorer{target.suffix}") if is_scorer else target


def _check_targets(targets: Sequence[Path], sources: Sequence[Path], *, overwrite: bool) -> None:
    """Find out now what would otherwise be found out after the work."""
    for target in targets:
        if target.exists() and any(target.samefile(source) for source in sources):
            raise InputError("is the checkpoint itself", where=target, fix="choose another place with --out")
        if target.exists() and not overwrite:
            raise FileError("exists already", where=target, fix="add --overwrite or choose another place with --out")


def _stem(path: Path) -> str:
    name = path.name
    while Path(name).suffix.lower() in _SUFFIXES and Path(name).stem:
        name = Path(name).stem
    return name[:LONGEST_NAME]


def _draft(joint: Joint, choice: Choice, target: Path, options: ExportOptions, tell: Report) -> _Draft:
    network = _shaped(choice.network, options)
    manifest = _manifest(joint, choice.match, network, options)
    if options.format == "safetensors":
        content = _proved_weights(choice, manifest)
    else:
        tell("converting", 2, 4)
        manifest, content = _proved_model(network, manifest, options, tell)
    exported = Exported(
        path=target,
        manifest=manifest,
        family_title=choice.match.family.title,
        container=joint.checkpoint.container,
        part=choice.match.part.path,
        averaged=choice.match.is_averaged,
        others=_others(choice.match, joint.matches),
        runner_up=next(iter(choice.rivals), None),
    )
    return _Draft(exported, content)


def _shaped(network: Network, options: ExportOptions) -> Network:
    """Return the network as the profile and the size want it; a scorer keeps its size."""
    if options.size is not None and not (options.with_scorer and network.kind == "scorer"):
        network = sized(network, *options.size)
    return profiled(network, options.profile)


def _manifest(joint: Joint, match: Match, network: Network, options: ExportOptions) -> Manifest:
    checkpoint = joint.checkpoint
    weights = HyperParameter(name="weights", value=match.part.path or "the whole file", origin="metadata")
    known: dict[str, Any] = {
        **network.facts,
        "licence": match.rights,
        **_trained(match.part.config, network),
        **({} if options.licence is None else {"licence": options.licence}),
        "kind": network.kind,
        "family": match.family.id,
        "name": options.name or _stem(checkpoint.path),
        "precision": options.precision,
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


def _trained(config: Mapping[str, object], network: Network) -> dict[str, object]:
    """Return what a checkpoint of ours says of its training, whatever its family: provenance, class names."""
    said = config.get("training")
    if not isinstance(said, Mapping):
        return {}
    known: dict[str, object] = {"training": dict(said)}
    names, classes = config.get("classes"), network.facts.get("classes")
    if isinstance(names, list) and isinstance(classes, tuple) and len(names) == len(classes):
        known["classes"] = tuple(str(name) for name in names)
    return known


def _proved_model(network: Network, manifest: Manifest, options: ExportOptions, tell: Report) -> tuple[Manifest, bytes]:
    proto = _graph(network, options)
    try:
        check_contract(proto, manifest)
    except ModelError as error:
        raise ExportError(f"the converted network {error.what}", where=manifest.name) from error
    graphs, bar = ([proto, rounded_twin(proto)], HALF) if options.precision == "fp16" else ([proto], SINGLE)
    for graph in graphs:
        with _draft_file(model_bytes(graph, manifest), "draft.onnx") as path:
            proof = verify(path, network, bar=bar, progress=lambda done, total: tell("proving", done, total))
    proved = manifest.model_copy(update={"verification": proof})
    return proved, model_bytes(proto, proved)


def _graph(network: Network, options: ExportOptions) -> ModelProto:
    proto = convert(network)
    if options.precision == "fp16":
        proto = halve(proto)
    return proto if options.opset == DEFAULT_OPSET else moved_to_opset(proto, options.opset)


def _proved_weights(choice: Choice, manifest: Manifest) -> bytes:
    content = weight_bytes(choice, manifest)
    with _draft_file(content, "draft.safetensors") as path:
        prove_weights(path, choice)
    return content


@contextlib.contextmanager
def _draft_file(content: bytes, name: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ganplugin-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        yield path


def _others(match: Match, matches: tuple[Match, ...]) -> tuple[tuple[str, str], ...]:
    """The other networks in the file, each once."""
    titles = {other.part.path: other.family.title for other in reversed(matches) if other.part is not match.part}
    return tuple(reversed(titles.items()))
