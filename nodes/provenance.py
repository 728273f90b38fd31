"""From the origin of a picture to the text that its file carries."""

from __future__ import annotations

from functools import cache

from ganplugin.nodes.values import Origin

__all__ = ["current_versions", "provenance_text"]


def provenance_text(origin: Origin, file_format: str) -> dict[str, str]:
    """Return the metadata to write into a picture or film so that ``ganplugin again`` can render it once more."""
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
    )
    return record.to_text()


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
