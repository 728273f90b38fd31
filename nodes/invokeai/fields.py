"""What goes over InvokeAI's links, which must be JSON: models and latents as the graph that makes them."""

from __future__ import annotations

from pydantic import BaseModel, Field, JsonValue

from ganplugin.errors import InputError
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.values import LatentBatch, LoadedModel

__all__ = ["GanPluginLatentField", "GanPluginModelField", "MadeField", "digests"]


class MadeField(BaseModel):
    """A value as the call that makes it: made where it is needed, and the same each time."""

    graph: dict[str, dict[str, JsonValue]] = Field(description="the nodes that make it, in ComfyUI's API format")
    node: str = Field(description="id of the node that gives it")
    output: int = Field(description="which output of that node it is")
    digests: dict[str, str] = Field(description="SHA-256 of each file that it comes from, by name")

    @property
    def link(self) -> Link:
        """Where in the graph the value is."""
        return Link(self.node, self.output)

    def check(self, value: object) -> None:
        """Raise `InputError` if the files that a value was made from are no longer those of this field."""
        for name, digest in digests(value).items():
            if self.digests.get(name) != digest:
                raise InputError("has changed since the node before this one ran", where=name, fix="run it again")


class GanPluginModelField(MadeField):
    """An open model."""


class GanPluginLatentField(MadeField):
    """A sequence of latents."""


def digests(value: object) -> dict[str, str]:
    """Return the SHA-256 of each file that a model or latents come from, by name."""
    if isinstance(value, LoadedModel):
        return {value.name: value.digest}
    if isinstance(value, LatentBatch):
        return {**value.inputs, "the model of the latents": value.model_digest}
    return {}
