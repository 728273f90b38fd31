"""InvokeAI's example workflows, drawn from the declarations; scripts/make_docs.py writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ganplugin.nodes import (
    ContactSheet,
    Interpolate,
    LoadModel,
    MixStyles,
    Node,
    Sample,
    SaveVideo,
    StyleTransfer,
)
from ganplugin.nodes.invokeai.registration import gives_pictures, invocation_type, repeatable
from ganplugin.nodes.ports import Port, inputs_of

__all__ = ["FOLDER", "WORKFLOWS", "pages"]

FOLDER = Path(__file__).resolve().parent.parent / "nodes" / "invokeai" / "workflows"
WIDTH, HEIGHT = 420, 620


@dataclass(frozen=True)
class Box:
    """One node: its place in columns and rows, and the inputs that differ from their defaults.

    The pictures of a ``shown`` one go to the gallery.
    """

    kind: type[Node]
    column: float
    row: float
    values: dict[str, str | int | float | bool]
    shown: bool = False


@dataclass(frozen=True)
class Workflow:
    """``links`` are pairs such as ``network.model sample.model``; ``asked`` are the inputs that stand in the form."""

    name: str
    description: str
    boxes: dict[str, Box]
    links: tuple[str, ...]
    asked: tuple[str, ...]


WORKFLOWS = {
    "painted-dreams": Workflow(
        "Painted dreams",
        "A GAN dreams up pictures, a style network paints them, and all lie on one sheet.",
        {
            "network": Box(LoadModel, 0, 0, {"model": "builtin:brushwork"}),
            "painting": Box(LoadModel, 0, 1, {"model": "builtin:great-wave"}),
            "sample": Box(Sample, 1, 0, {"seeds": "0-11"}),
            "style": Box(StyleTransfer, 2, 0.5, {}, shown=True),
            "sheet": Box(ContactSheet, 3, 0.5, {}, shown=True),
        },
        (
            "network.model sample.model",
            "painting.model style.model",
            "sample.images style.images",
            "style.images sheet.images",
        ),
        ("network.model", "sample.seeds", "painting.model", "style.strength"),
    ),
    "two-parents": Workflow(
        "Two parents",
        "The coarse form of one dream with the fine detail of others.",
        {
            "network": Box(LoadModel, 0, 0.5, {"model": "builtin:brushwork"}),
            "forms": Box(Sample, 1, 0, {"seeds": "1-6"}),
            "detail": Box(Sample, 1, 1, {"seeds": "42"}),
            "mix": Box(MixStyles, 2, 0.5, {}),
            "children": Box(Sample, 3, 0.5, {}, shown=True),
        },
        (
            "network.model forms.model",
            "network.model detail.model",
            "network.model mix.model",
            "network.model children.model",
            "forms.latents mix.a",
            "detail.latents mix.b",
            "mix.latents children.latents",
        ),
        ("network.model", "forms.seeds", "detail.seeds", "mix.layers"),
    ),
    "walk-as-a-film": Workflow(
        "Walk as a film",
        "A walk through what a GAN knows, as a film whose end meets its beginning.",
        {
            "network": Box(LoadModel, 0, 0, {"model": "builtin:icons"}),
            "walk": Box(Interpolate, 1, 0, {"frames": 48}),
            "film": Box(SaveVideo, 2, 0, {"path": "walk.webp", "fps": 24.0, "scale": 4}),
        },
        ("network.model walk.model", "walk.images film.images"),
        ("network.model", "walk.seeds", "walk.frames", "film.path"),
    ),
}


def pages() -> dict[Path, str]:
    """Return the text of every workflow by its path."""
    return {FOLDER / f"{stem}.json": json.dumps(_drawn(made), indent=1) + "\n" for stem, made in WORKFLOWS.items()}


def _drawn(made: Workflow) -> dict[str, object]:
    links = [tuple(part.split(".") for part in link.split()) for link in made.links]
    return {
        "name": made.name,
        "author": "ganplugin",
        "description": made.description,
        "version": "1.0.0",
        "contact": "",
        "tags": "ganplugin, gan",
        "notes": "",
        "exposedFields": [dict(zip(("nodeId", "fieldName"), one.split("."), strict=True)) for one in made.asked],
        "meta": {"version": "3.0.0", "category": "user"},
        "nodes": [_node(name, box) for name, box in made.boxes.items()],
        "edges": [_edge(source, output, target, name) for (source, output), (target, name) in links],
    }


def _node(name: str, box: Box) -> dict[str, object]:
    of_pictures = {one: {"name": one, "label": ""} for one in ("metadata", "board") if gives_pictures(box.kind)}
    data = {
        "id": name,
        "type": invocation_type(box.kind),
        "version": box.kind.version,
        "nodePack": "ganplugin_invokeai",
        "label": "",
        "notes": "",
        "isOpen": True,
        "isIntermediate": not box.shown,
        "useCache": repeatable(box.kind),
        "inputs": {**of_pictures, **{port.name: _input(port, box) for port in inputs_of(box.kind)}},
    }
    place = {"x": round(box.column * WIDTH), "y": round(box.row * HEIGHT)}
    return {"id": name, "type": "invocation", "position": place, "data": data}


def _input(port: Port, box: Box) -> dict[str, object]:
    shown: dict[str, object] = {"name": port.name, "label": ""}
    return shown if port.is_socket else {**shown, "value": box.values.get(port.name, port.default)}


def _edge(source: str, output: str, target: str, name: str) -> dict[str, str]:
    return {
        "id": f"{source}-{output}-{target}-{name}",
        "type": "default",
        "source": source,
        "target": target,
        "sourceHandle": output,
        "targetHandle": name,
    }
