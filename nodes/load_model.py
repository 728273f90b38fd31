"""Open a model file."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ganplugin.errors import InputError, ModelError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context, never
from ganplugin.nodes.values import LoadedModel
from ganplugin.registry import did_you_mean


class LoadModelOutputs(NodeOutputs):
    """The open model."""

    model: LoadedModel = Field(description="the open model")


class LoadModel(Node):
    """Open a builtin or an exported model on a device, and check that it keeps its contract."""

    id: ClassVar[str] = "GanPluginLoadModel"
    title: ClassVar[str] = "Load Model"
    unrecorded: ClassVar[frozenset[str]] = frozenset({"device"})
    Outputs: ClassVar[type[NodeOutputs]] = LoadModelOutputs

    model: str = Field(
        min_length=1,
        description="builtin:NAME or the path of an exported .onnx; #STYLE picks a style",
        json_schema_extra={"widget": "model"},
    )
    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, tensorrt, directml, coreml or openvino")

    def run(self, context: Context) -> LoadModelOutputs:
        """Open the model; opening the same file again is free."""
        from ganplugin.library import resolve_model
        from ganplugin.runtime import RuntimeOptions, open_model

        found = resolve_model(self.model, context.folders.models)
        device = context.device if self.device == "auto" else self.device
        cancelled = None if context.cancelled is never else context.cancelled
        options = RuntimeOptions(device, context.threads, context.batch, cancelled)
        session = open_model(found.path, options)
        if found.sha256 is not None and session.digest != found.sha256:
            raise ModelError("is not the file that was shipped", where=found.name, fix="install ganplugin again")
        styles = session.manifest.styles
        if found.style is not None and found.style not in styles:
            raise InputError(f"has no style {found.style!r}", where=self.model, fix=did_you_mean(found.style, styles))
        return LoadModelOutputs(model=LoadedModel(session, found.name, self.recipe(model=found.name), found.style))
