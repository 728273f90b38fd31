"""All that decides the bytes of a series' pieces, beside the series file: models, options, versions, what computes."""

from __future__ import annotations

from typing import Any

from ganplugin.nodes.context import Folders
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.provenance import current_versions
from ganplugin.series.plan import Plan
from ganplugin.series.workshop import Setup

__all__ = ["facts_of"]


def facts_of(plan: Plan, setup: Setup) -> dict[str, Any]:
    """Return what must not change between the first piece and the last.

    Opens one model, since only then it is known what computes. Raises what that does.
    """
    names = sorted(_models(plan))
    opened = _opened(names, setup)
    return {
        **plan.sources.facts(),
        "models": {name: _digest(name, setup) for name in names},
        "threads": setup.threads,
        "provider": opened,
        "versions": dict(current_versions()),
    }


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
    from ganplugin.nodes.context import Context

    return setup.context(Context()).folders


def _digest(name: str, setup: Setup) -> str:
    from ganplugin.library import resolve_model
    from ganplugin.session_cache import model_digest

    return model_digest(resolve_model(name, _folders(setup).models).path)


def _opened(names: list[str], setup: Setup) -> str:
    from ganplugin.nodes.context import Context

    if not names:
        return ""
    return LoadModel(model=names[0]).run(setup.context(Context())).model.provider
