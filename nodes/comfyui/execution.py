"""One node run for ComfyUI: its values made ours, the node run, its results made ComfyUI's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.comfyui.batches import as_batches, as_images, as_masks
from ganplugin.nodes.comfyui.folders import host_folders, saved_entry, temporary_folder
from ganplugin.nodes.comfyui.known_files import recognise
from ganplugin.nodes.comfyui.model_picker import check_model
from ganplugin.nodes.comfyui.reporting import NodeReporter, interrupted, show_text, stop_if_interrupted
from ganplugin.nodes.comfyui.widgets import takes_lists
from ganplugin.nodes.context import Context
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.ports import Port, inputs_of
from ganplugin.nodes.save_images import SaveImages
from ganplugin.nodes.save_video import SaveVideo
from ganplugin.nodes.values import Images, LoadedModel, Recipe

__all__ = ["Done", "Hidden", "execute"]


@dataclass(frozen=True)
class Hidden:
    """What ComfyUI says beside the inputs: the node's id, the whole graph, and what pictures are to carry."""

    unique_id: str | None = None
    prompt: Mapping[str, Any] | None = None
    extra_pnginfo: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Done:
    """The outputs in order, and what the window is to show of them."""

    results: tuple[Any, ...]
    ui: dict[str, Any] = field(default_factory=dict)


def execute(kind: type[Node], given: Mapping[str, Any], hidden: Hidden) -> Done:
    """Run a node. Raises its error, or ComfyUI's own exception if someone asked to stop."""
    context = _context(hidden)
    if kind is LoadModel:
        check_model(given["model"])
    try:
        outputs = kind(**_inputs(kind, given, hidden, context)).run(context)
        results = tuple(_result(getattr(outputs, name), kind, context) for name in kind.Outputs.model_fields)
    except Cancelled:
        stop_if_interrupted()
        raise
    if isinstance(getattr(outputs, "model", None), LoadedModel) and kind is LoadModel:
        show_text(hidden.unique_id, _model_line(outputs))
    return Done(results, _shown(kind, outputs))


def _context(hidden: Hidden) -> Context:
    text = {} if hidden.prompt is None else {"prompt": json.dumps(_as_sent(hidden.prompt))}
    beside = {key: json.dumps(value) for key, value in (hidden.extra_pnginfo or {}).items()}
    return Context(
        reporter=NodeReporter(hidden.unique_id),
        cancelled=interrupted,
        folders=host_folders(),
        existing="number",
        text={**text, **beside},
    )


def _as_sent(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """Return a graph without what ComfyUI notes in it while it runs."""
    return {
        node_id: {name: value for name, value in node.items() if name != "is_changed"}
        for node_id, node in prompt.items()
    }


def _inputs(kind: type[Node], given: Mapping[str, Any], hidden: Hidden, context: Context) -> dict[str, Any]:
    lists = takes_lists(kind)
    ports = {port.name: port for port in inputs_of(kind)}
    if hidden.prompt is not None and lists:
        recognise(hidden.prompt, hidden.unique_id, context)
    fields: dict[str, Any] = {}
    for name, value in given.items():
        values = value if lists else [value]
        if any(item is not None for item in values):
            fields[name] = _field(ports[name], values, _source(hidden, name))
    return fields


def _field(port: Port, values: Sequence[Any], source: Recipe) -> object:
    if port.type == "IMAGE":
        return as_images(values, source)
    if port.type == "MASK":
        return as_masks(values, source)
    if len(values) != 1:
        raise InputError(f"{len(values)} values came in a list, and one is needed", where=port.name)
    return values[0]


def _source(hidden: Hidden, name: str) -> Recipe:
    """Return the node that an input is linked to: all that is known of pictures that are not ours."""
    node = (hidden.prompt or {}).get(str(hidden.unique_id), {})
    link = node.get("inputs", {}).get(name)
    source = (hidden.prompt or {}).get(link[0], {}) if isinstance(link, list) and link else {}
    return Recipe(str(source.get("class_type", "ComfyUI")))


def _result(value: object, kind: type[Node], context: Context) -> object:
    if isinstance(value, Images):
        return as_batches(_watched(value, kind, context), value, temporary_folder())
    if isinstance(value, tuple):
        texts = all(isinstance(item, str) for item in value)
        return "\n".join(_inside(str(item), context) for item in value) if texts else list(value)
    return _inside(value, context) if isinstance(value, str) else value


def _watched(images: Images, kind: type[Node], context: Context) -> Any:  # noqa: ANN401 - an iterator of arrays
    for picture in context.track(images, kind.title, len(images)):
        context.reporter.preview(picture)
        yield picture


def _inside(path: str, context: Context) -> str:
    """Return a written file as a name below the output folder, where our nodes that read files find it."""
    outputs = context.folders.outputs
    inside = outputs is not None and Path(path).is_relative_to(outputs)
    return Path(path).relative_to(outputs).as_posix() if inside and outputs is not None else path


def _model_line(outputs: NodeOutputs) -> str:
    model: LoadedModel = outputs.model  # type: ignore[attr-defined]
    manifest = model.session.manifest
    size = "" if manifest.width is None else f", {manifest.width}x{manifest.height}"
    name = model.name.removeprefix("builtin:")
    return f"{name}: {manifest.kind}{size}, on {model.provider.removesuffix('ExecutionProvider')}"


def _shown(kind: type[Node], outputs: NodeOutputs) -> dict[str, Any]:
    if kind is SaveImages:
        return {"images": [saved_entry(Path(path)) for path in outputs.model_dump()["paths"]]}
    if kind is SaveVideo:
        return {"images": [saved_entry(Path(outputs.model_dump()["path"]))], "animated": (True,)}
    return {}
