"""What a written picture says of its making, so that the same picture can be made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ganplugin.errors import ImageError
from ganplugin.limits import MAX_SEED

__all__ = ["HOST_KEYS", "SERIES_KEY", "TEXT_KEY", "Enlarge", "GraphNode", "Provenance", "parse_provenance"]

TEXT_KEY: Final = "ganplugin"
"""The keyword of the PNG text chunk (or JSON member) that holds a `Provenance`."""

_INVOKEAI_METADATA: Final = "invokeai_metadata"

HOST_KEYS: Final = ("prompt", "workflow", _INVOKEAI_METADATA, "invokeai_workflow", "invokeai_graph")
"""The keywords under which ComfyUI and InvokeAI keep a picture's graph and its drawing, to restore them."""

SERIES_KEY: Final = "series"
"""The keyword under which a piece of a series says which piece it is, and its traits."""

_MAX_TEXT: Final = 16 * 2**20

Enlarge = Literal["smooth", "pixels"]
"""How small pictures grow: by Lanczos, or every pixel as a square."""

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class GraphNode(_Record):
    """One node of a graph in ComfyUI's API format; a link is ``[node id, output index]``."""

    class_type: str = Field(min_length=1)
    inputs: dict[str, JsonValue]


class Provenance(_Record):
    """The graph, files and software that made one picture. Holds no time and no path: equal runs give equal text."""

    schema_version: Literal[1] = 1
    graph: dict[str, GraphNode] = Field(min_length=1, description="node id to node")
    output: tuple[str, int] = Field(strict=False, description="node id and output index that gave the picture")
    index: int = Field(ge=0, description="which picture of that output")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    models: dict[str, Digest] = Field(default_factory=dict, description="model name to SHA-256")
    inputs: dict[str, Digest] = Field(default_factory=dict, description="input file name to SHA-256")
    provider: str = Field(description="onnxruntime's execution provider, such as CPUExecutionProvider")
    threads: int = Field(ge=0, description="intra-op threads")
    versions: dict[str, str] = Field(description="package to version: ganplugin, onnxruntime, numpy, pillow")
    format: str = Field(description="the written format, such as png")
    side: int = Field(default=0, ge=0, le=16384, description="resized to this longer side after rendering; 0: not")
    enlarge: Enlarge = Field(default="smooth", description="how it was resized, if it grew")
    quality: int = Field(default=95, ge=1, le=100, description="of a jpg")

    def to_text(self) -> dict[str, str]:
        """Return the text entry to write beside the pixels: one keyword, compact JSON with sorted keys."""
        usual = {name for name in ("side", "enlarge", "quality") if getattr(self, name) == _default(name)}
        record = self.model_dump(mode="json", exclude=usual)
        return {TEXT_KEY: json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)}


def _default(name: str) -> object:
    return Provenance.model_fields[name].default


def parse_provenance(text: Mapping[str, str], *, where: object = None) -> Provenance:
    """Read the provenance among a picture's text entries, or in the metadata that InvokeAI keeps there.

    Raises `ImageError`, naming ``where``, if there is none or if another version wrote it.
    """
    entry = text[TEXT_KEY] if TEXT_KEY in text else _within_invokeai(text.get(_INVOKEAI_METADATA, ""))
    if entry is None:
        raise ImageError(
            "was not made by ganplugin, or its metadata was removed", where=where, fix="use the file as it was written"
        )
    try:
        if len(entry) > _MAX_TEXT:
            raise ValueError("too long")
        return Provenance.model_validate_json(entry)
    except (ValidationError, ValueError) as error:
        raise ImageError(
            f"its provenance cannot be read ({_reason(error)})",
            where=where,
            fix="use the ganplugin version that wrote it",
        ) from error


def _within_invokeai(metadata: str) -> str | None:
    """Return the record that our nodes give to InvokeAI, which writes its own entries into a picture and no others."""
    if len(metadata) > _MAX_TEXT:
        return None
    try:
        record = json.loads(metadata).get(TEXT_KEY)
    except (ValueError, AttributeError, RecursionError):
        return None
    return record if isinstance(record, str) else None


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"]
