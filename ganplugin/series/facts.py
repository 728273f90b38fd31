"""All that decides the bytes of a series' pieces, beside the series file: models, files, options, versions."""

from __future__ import annotations

import contextlib
from typing import Any

from ganplugin.nodes.context import Context, Folders
from ganplugin.nodes.graph import Evaluation
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.ports import inputs_of
from ganplugin.nodes.provenance import current_versions
from ganplugin.nodes.values import Images, LatentBatch, joined_origin
from ganplugin.series.plan import Plan
from ganplugin.series.remote_storage import store_of
from ganplugin.series.workshop import Setup

__all__ = ["facts_of"]


def facts_of(plan: Plan, setup: Setup) -> dict[str, Any]:
    """Return what must not change between the first piece and the last.

    Opens one model if it is not known what computes, since only then it is. Raises what that does.
    """
    names = sorted(_models(plan))
    store = store_of(setup.storage)
    return {
        **plan.sources.facts(),
        **({"store": store} if store else {}),
        "models": {name: _digest(name, setup) for name in names},
        "inputs": _inputs(plan, setup),
        "threads": setup.threads,
        "provider": setup.provider or _opened(names, setup),
        "versions": {**dict(current_versions()), **_encoders(plan)},
    }


def _encoders(plan: Plan) -> dict[str, str]:
    """Return the versions of what compresses the files, beside those of what computes the pictures."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in ("isal", "av") if any(view.write == "film" for view in plan.views) else ("isal",):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _inputs(plan: Plan, setup: Setup) -> dict[str, str]:
    """Return the SHA-256 of every file that the graph itself reads, by name; what pieces vary is noted with each."""
    evaluation = Evaluation(plan.graph, setup.context(Context()))
    found: dict[str, str] = {}
    for name in plan.graph.needed(view.link.node for view in plan.views):
        call = plan.graph.calls[name]
        varied = any(plan.varies(f"{name}.{port.name}") for port in inputs_of(call.kind))
        if call.links or call.kind is LoadModel or varied:
            continue
        value = evaluation.value(Link(name, 0))
        if isinstance(value, Images):
            found.update(joined_origin(value.origins(), value.recipe, name).inputs)
        elif isinstance(value, LatentBatch):
            found.update(value.inputs)
    return found


def _models(plan: Plan) -> set[str]:
    """Return the names of all models that pieces of a series open."""
    loaders = (call for call in plan.graph.calls.values() if call.kind is LoadModel)
    inputs = {f"{call.id}.model": call.values["model"] for call in loaders if "model" in call.values}
    varied = {name for name in inputs if plan.varies(name)}
    fixed = {str(value) for name, value in inputs.items() if name not in varied}
    drawn = {str(piece.changes.get(name, inputs[name])) for piece in (plan if varied else ()) for name in varied}
    keep = plan.series.keep
    return fixed | drawn | ({keep.by} if keep and keep.by else set())


def _folders(setup: Setup) -> Folders:
    return setup.context(Context()).folders


def _digest(name: str, setup: Setup) -> str:
    from ganplugin.library import resolve_model
    from ganplugin.session_cache import model_digest

    return model_digest(resolve_model(name, _folders(setup).models).path)


def _opened(names: list[str], setup: Setup) -> str:
    if not names:
        return ""
    return LoadModel(model=names[0]).run(setup.context(Context())).model.provider
