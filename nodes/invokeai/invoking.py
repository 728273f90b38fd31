"""One invocation: what came over links is made into values, the node runs, and what it gives is put on links."""

from __future__ import annotations

from typing import Any

from ganplugin.errors import Cancelled
from ganplugin.nodes.base import Node
from ganplugin.nodes.invokeai.fields import GanPluginLatentField, GanPluginModelField, MadeField, digests
from ganplugin.nodes.invokeai.gallery import put
from ganplugin.nodes.invokeai.hosting import context_of
from ganplugin.nodes.invokeai.request import request
from ganplugin.nodes.ports import outputs_of
from ganplugin.nodes.values import Images, LoadedModel

__all__ = ["MADE_FIELDS", "invoked"]

MADE_FIELDS: dict[str, type[MadeField]] = {"MODEL": GanPluginModelField, "LATENT": GanPluginLatentField}
"""What goes over a link in place of a value that is no JSON, by the type of the port."""


def invoked(kind: type[Node], invocation: Any, host: Any) -> dict[str, Any]:  # noqa: ANN401 - InvokeAI has no types
    """Run a node with an invocation's inputs and return its outputs by name, as InvokeAI's links carry them.

    Raises what nodes raise, whose text is one line, and InvokeAI's own exception if the user cancelled.
    """
    from invokeai.app.services.session_processor.session_processor_common import CanceledException

    context = context_of(host)
    try:
        asked = request(kind, invocation, host, context)
        outputs = asked.node(context).run(context)
        given: dict[str, Any] = {}
        for number, port in enumerate(outputs_of(kind)):
            value = getattr(outputs, port.name)
            if isinstance(value, LoadedModel):
                context.reporter.message(f"{value.name}: on {value.provider.removesuffix('ExecutionProvider')}")
            if port.type in MADE_FIELDS:
                graph, node_id = asked.whole()
                made = MADE_FIELDS[port.type]
                given[port.name] = made(graph=graph, node=node_id, output=number, digests=digests(value))
            else:
                given[port.name] = put(value, invocation, host, context) if isinstance(value, Images) else value
        return given
    except Cancelled as error:
        raise CanceledException from error
