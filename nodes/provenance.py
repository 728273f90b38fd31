"""From the origin of a picture to the text that its file carries."""

from __future__ import annotations

from functools import cache

from ganplugin.nodes.values import Origin

__all__ = ["provenance_text"]


def provenance_text(origin: Origin, file_format: str) -> dict[str, str]:
    """Return the metadata to write into a picture or film so that ``ganplugin again`` can render it once more."""
    from ganplugin.provenance import Provenance

    graph, link = origin.recipe.graph()
    record = Provenance(
        graph=graph,
        output=(str(link[0]), int(link[1])),
        index=origin.index,
        seed=origin.seed,
        models=dict(origin.models),
        inputs=dict(origin.inputs),
        provider=origin.provider,
        threads=origin.threads,
        versions=dict(_versions()),
        format=file_format,
    )
    return record.to_text()


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for package in ("ganplugin", "onnxruntime", "onnxruntime-gpu", "numpy", "pillow"):
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)
