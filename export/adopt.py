"""An ONNX file of other makers becomes a model file: its pictures are brought to 0..1, and the result is proved equal.

The network itself is left as it is; nodes before and after it change names, layout, range and types. What the file
does not tell, the user states.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ganplugin import __version__
from ganplugin.errors import CheckpointError, ExportError, FileError, InputError, ModelError
from ganplugin.export.adoption_proof import prove
from ganplugin.export.cases import Array
from ganplugin.export.exporting import Exported, Report
from ganplugin.export.foreign import Foreign, read_foreign
from ganplugin.export.joining import joined
from ganplugin.export.options import LONGEST_NAME, check_name
from ganplugin.export.plan import Plan
from ganplugin.export.roles import Layout, Roles, layouts_of, roles_of, unclear
from ganplugin.export.sizes import SizeRule, enlargement, size_rule
from ganplugin.export.trial import Trial, foreign_feeds
from ganplugin.export.value_ranges import BYTE, GraphEnds, ValueRange, parse_ranges
from ganplugin.export.wrapping import painting, wrapped
from ganplugin.manifest import HyperParameter, Kind, Manifest, Source
from ganplugin.modelfile import check_contract, write_model

__all__ = ["FAMILY_ID", "Stated", "adopt_onnx"]

FAMILY_ID: Final = "adopted"

_CHANNELS: Final = {1: "L", 3: "RGB", 4: "RGBA"}
_SIDES: Final = (96, 80)


@dataclass(frozen=True)
class Stated:
    """What the user says of a file, which goes before what it seems to be. ``ranges`` is what `parse_ranges` reads."""

    kind: Kind | None = None
    ranges: str | None = None
    layout: Layout | None = None


def adopt_onnx(
    path: Path,
    out: Path | None = None,
    *,
    beside: tuple[Path, ...] = (),
    stated: Stated | None = None,
    name: str | None = None,
    licence: str | None = None,
    overwrite: bool = False,
    report: Report | None = None,
) -> Exported:
    """Write the model file of a foreign ONNX file and return what was found.

    ``out`` defaults to the file's name with ``-adopted.onnx`` beside it; ``beside`` may name a second file whose output
    the first takes, or the other way round. ``report`` is told (stage, done, total).
    Raises `InputError` for an impossible name, range or target, `FileError` if a file is missing or in the way,
    `ModelError` if the file is damaged, `CheckpointError` if it does not tell enough or has no place in the contract,
    `ExportError` if the result differs from it; then nothing is left behind.
    """
    check_name(name)
    tell = report or (lambda stage, done, total: None)
    tell("reading", 0, 4)
    target = out or path.with_name(f"{path.stem}-adopted.onnx")
    _check_target(target, path, overwrite=overwrite)
    foreign, trial = _opened((path, *beside))
    with trial:
        tell("trying", 1, 4)
        plan, told = _planned(foreign, trial, stated or Stated())
        rule = _rule(plan, trial)
        manifest = _manifest(plan, rule, told, name or path.stem[:LONGEST_NAME], licence)
        proved = _proved_and_written(plan, manifest, trial, target, overwrite=overwrite, tell=tell)
    return Exported(target, proved, "adopted ONNX file", container="ONNX", part="", averaged=False)


def _check_target(target: Path, source: Path, *, overwrite: bool) -> None:
    if target.exists() and target.samefile(source):
        raise InputError("is the file itself", where=target, fix="choose another place with --out")
    if target.exists() and not overwrite:
        raise FileError("exists already", where=target, fix="add --overwrite or choose another place with --out")


def _opened(paths: tuple[Path, ...]) -> tuple[Foreign, Trial]:
    if len(paths) > 2:
        raise InputError(f"{len(paths)} ONNX files given", fix="give one, or two that belong together")
    files = [read_foreign(path) for path in paths]
    return (files[0], Trial(paths[0])) if len(files) == 1 else joined(files[0], files[1])


def _planned(foreign: Foreign, trial: Trial, stated: Stated) -> tuple[Plan, tuple[HyperParameter, ...]]:
    roles = roles_of(foreign, stated.kind, stated.layout)
    facts = [HyperParameter(name="kind", value=roles.kind, origin="option" if stated.kind else "tensor")]
    ranges = parse_ranges(stated.ranges) if stated.ranges else None
    taken, given, more = _stated_ranges(ranges) if ranges else _seen_ranges(foreign, roles)
    plan = Plan(foreign, roles, taken, given)
    shape = _tried(plan, trial).shape
    plan = replace(plan, output_shape=shape)
    if roles.kind != "scorer":
        plan = replace(plan, output_layout=_output_layout(foreign, roles, shape, stated.layout))
        _check_picture(plan)
    layout = plan.output_layout if roles.picture is None else roles.picture.layout
    facts.append(HyperParameter(name="layout", value=str(layout), origin="option" if stated.layout else "tensor"))
    facts.append(HyperParameter(name="output", value=roles.output.name[:200], origin="tensor"))
    return plan, (*facts, *more)


Ranges = tuple[ValueRange, ValueRange, tuple[HyperParameter, ...]]


def _stated_ranges(ranges: tuple[ValueRange, ValueRange]) -> Ranges:
    taken, given = ranges
    facts = tuple(
        HyperParameter(name=name, value=str(value), origin="option")
        for name, value in (("values of pictures in", taken), ("values of pictures out", given))
    )
    return taken, given, facts


def _seen_ranges(foreign: Foreign, roles: Roles) -> Ranges:
    """Read the ranges off the graph; pictures go in as they come out where nothing else is said."""
    ends = GraphEnds(foreign.proto)
    taken = given = None
    if roles.picture is not None:
        port = roles.picture.port
        taken = BYTE if port.dtype == "uint8" else ends.range_of_input(port.name)
    if roles.kind != "scorer":
        given = BYTE if roles.output.dtype == "uint8" else ends.range_of_output(roles.output.name)
    known_in = taken or given if roles.kind != "generator" else given
    if known_in is None or (given is None and roles.kind != "scorer"):
        raise unclear(foreign.path, "range of values", "add --range -1..1, --range 0..1 or --range 0..255")
    facts = []
    if roles.picture is not None:
        said = HyperParameter(
            name="values of pictures in", value=str(known_in), origin="tensor" if taken else "default"
        )
        facts.append(said)
    if given is not None:
        facts.append(HyperParameter(name="values of pictures out", value=str(given), origin="tensor"))
    return known_in, given or known_in, tuple(facts)


def _tried(plan: Plan, trial: Trial, sides: tuple[int, int] = _SIDES) -> Array:
    """Run the original once on one row and return what it returns."""
    feeds = foreign_feeds(plan, _one_row(plan, sides))
    return np.asarray(trial.run(feeds, plan.roles.output.name))


def _one_row(plan: Plan, sides: tuple[int, int]) -> dict[str, Array]:
    roles, random = plan.roles, np.random.RandomState(0)
    feeds: dict[str, Array] = {}
    if roles.picture is not None:
        shape = (roles.picture.height or sides[0], roles.picture.width or sides[1])
        channels = 3 if roles.kind == "style" else roles.picture.channels or 3
        feeds["content"] = random.rand(1, channels, *shape).astype(np.float32)
    if roles.style is not None:
        feeds["style"] = painting()
    for name, port in (("z", roles.z), ("label", roles.label)):
        if port is not None:
            feeds[name] = random.randn(1, int(np.prod(plan.foreign.shape_of(port.name)[1:]))).astype(np.float32)
    if roles.style_weights is not None:
        feeds["style_weights"] = np.ones(plan.foreign.shape_of(roles.style_weights), np.float32)
    if roles.strength is not None:
        feeds["strength"] = np.ones((), np.float32)
    return feeds


def _output_layout(foreign: Foreign, roles: Roles, shape: tuple[int, ...], stated: Layout | None) -> Layout:
    fitting = layouts_of(shape)
    like_input = roles.picture.layout if roles.picture is not None else None
    for wanted in (stated, like_input):
        if wanted in fitting:
            return wanted
    if len(fitting) != 1:
        raise unclear(foreign.path, "layout of pictures", "add --layout nchw or --layout nhwc")
    return fitting[0]


def _check_picture(plan: Plan) -> None:
    picture = plan.roles.picture
    if plan.output_picture[0] not in _CHANNELS:
        raise CheckpointError(f"returns pictures of {plan.output_picture[0]} channels", where=plan.foreign.path)
    if picture is not None and picture.channels not in (1, 3, None):
        raise CheckpointError(f"takes pictures of {picture.channels} channels", where=plan.foreign.path)
    if picture is not None and (picture.height is None) != (picture.width is None):
        raise CheckpointError("has pictures with one fixed side only", where=plan.foreign.path)


def _rule(plan: Plan, trial: Trial) -> SizeRule:
    """Return which sizes a style network takes, and how much larger they come back.

    Raises `CheckpointError` if they come back neither as they came nor larger by one of the usual factors.
    """
    picture = plan.roles.picture
    if plan.roles.kind != "style" or picture is None:
        return SizeRule()

    def scale_at(height: int, width: int) -> int | None:
        try:
            found = _tried(plan, trial, (height, width))
        except CheckpointError:
            return None
        if not np.isfinite(found.astype(np.float32)).all():
            return None
        return enlargement((height, width), replace(plan, output_shape=found.shape).output_picture[1:])

    if picture.height is not None and picture.width is not None:
        scale = scale_at(picture.height, picture.width)
        rule = None if scale is None else SizeRule(scale=scale)
    else:
        rule = size_rule(scale_at)
    if rule is None:
        raise CheckpointError(
            "returns pictures of another size than they came in",
            where=plan.foreign.path,
            fix="only networks that keep the size, or enlarge it by 2, 3, 4 or 8, have a place in a model file",
        )
    return rule


def _manifest(plan: Plan, rule: SizeRule, told: tuple[HyperParameter, ...], name: str, licence: str | None) -> Manifest:
    roles, foreign = plan.roles, plan.foreign
    scale = (HyperParameter(name="scale", value=rule.scale, origin="tensor"),) if rule.scale > 1 else ()
    facts: dict[str, Any] = {"size_multiple": rule.multiple, "minimum_size": rule.minimum, "scale": rule.scale}
    if roles.picture is not None:
        facts |= {"height": roles.picture.height, "width": roles.picture.width}
    if roles.kind == "scorer" and roles.picture is not None:
        facts["channels"] = _CHANNELS[roles.picture.channels or 3]
    if roles.kind != "scorer":
        channels, height, width = plan.output_picture
        facts |= {"channels": _CHANNELS[channels]}
        facts |= {"height": height, "width": width} if roles.kind == "generator" else {}
    if roles.z is not None:
        facts["z_dim"] = int(np.prod(foreign.shape_of(roles.z.name)[1:]))
    if roles.label is not None:
        facts["classes"] = tuple(f"class-{i}" for i in range(foreign.shape_of(roles.label.name)[-1]))
    if roles.style_weights is not None:
        facts["styles"] = tuple(f"style-{i}" for i in range(foreign.shape_of(roles.style_weights)[0]))
    return Manifest(
        kind=roles.kind,
        family=FAMILY_ID,
        name=name,
        licence="unknown: ask whoever made the file" if licence is None else licence,
        source=Source(file=foreign.path.name, sha256=foreign.sha256),
        inferred=(*told, *scale),
        exporter=f"ganplugin {__version__}",
        **facts,
    )


def _proved_and_written(
    plan: Plan, manifest: Manifest, trial: Trial, target: Path, *, overwrite: bool, tell: Report
) -> Manifest:
    tell("wrapping", 2, 4)
    with tempfile.TemporaryDirectory(prefix="ganplugin-") as folder:
        for one_by_one in (False, True):
            proto = wrapped(plan, one_by_one=one_by_one)
            try:
                check_contract(proto, manifest)
            except ModelError as error:
                raise CheckpointError(error.what, where=plan.foreign.path) from error
            draft = write_model(proto, manifest, Path(folder) / f"{one_by_one}.onnx")
            try:
                proof = prove(draft, proto, manifest, plan, trial, lambda done, total: tell("proving", done, total))
            except ExportError:
                # Frozen to a batch of one, or rows that depend on one another: then each row runs alone.
                if one_by_one:
                    raise
                continue
            break
        proved = manifest.model_copy(update={"verification": proof})
        write_model(proto, proved, target, overwrite=overwrite)
    return proved
