"""From the origin of a picture to the text that its file carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from ganplugin.nodes.values import Origin

if TYPE_CHECKING:
    from ganplugin.provenance import Enlarge, Provenance

__all__ = ["Writing", "current_versions", "provenance_text", "record_text"]


@dataclass(frozen=True)
class Writing:
    """What was done to a picture after it was rendered: its longer side in pixels (0: as rendered), a jpg's quality."""

    side: int = 0
    enlarge: Enlarge = "smooth"
    quality: int = 95


def provenance_text(
    origin: Origin, file_format: str, beside: Mapping[str, str], writing: Writing = Writing()
) -> dict[str, str]:
    """Return the metadata to write into a picture or film so that ``ganplugin again`` can render it once more.

    ``beside`` are the host's own entries. Where they hold no ``prompt``, which is what ComfyUI restores a graph from,
    the recipe is written as one.
    """
    from ganplugin.provenance import GraphNode, Provenance

    graph, link = origin.recipe.graph()
    record = Provenance(
        graph={key: GraphNode.model_validate(node) for key, node in graph.items()},
        output=(str(link[0]), int(link[1])),
        index=origin.index,
        seed=origin.seed,
        models=dict(origin.models),
        inputs=dict(origin.inputs),
        provider=origin.provider,
        threads=origin.threads,
        versions=dict(current_versions()),
        format=file_format,
        side=writing.side,
        enlarge=writing.enlarge,
        quality=writing.quality,
    )
    return record_text(record, beside)


def record_text(record: Provenance, beside: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of a record, with the host's own entries as `provenance_text` takes them."""
    prompt = {key: node.model_dump(mode="json") for key, node in record.graph.items()}
    return {"prompt": json.dumps(prompt), **beside, **record.to_text()}


@cache
def current_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of the packages that decide the bytes of a picture."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for package in ("ganplugin", "onnxruntime", "onnxruntime-gpu", "numpy", "pillow"):
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)
