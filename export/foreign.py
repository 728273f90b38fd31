"""An ONNX file that somebody else made, brought into one self-contained graph that hosts can read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import CheckpointError, DependencyError
from ganplugin.files import file_digest, os_errors
from ganplugin.manifest import METADATA_KEY
from ganplugin.modelfile import MAX_OPSET, parse_onnx, starts_like_onnx

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

__all__ = ["Foreign", "ForeignPort", "attribute_of", "is_onnx", "prefixed", "read_foreign", "subgraphs"]

_IR_VERSION: Final = 8
_OLDEST_OPSET: Final = 11
_UPGRADED: Final = 13
_MAX_DEPTH: Final = 50
_SAFE_ONNX: Final = (1, 21)
"""The first version that follows no link out of the model's folder when it reads tensors kept beside a file."""

_SAVE_AGAIN: Final = f"export it again with opset {MAX_OPSET} or lower"


@dataclass(frozen=True)
class ForeignPort:
    """An input or output as the file declares it: numpy's name of its type, and its sizes (None: free)."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Foreign:
    """A foreign network: the cleaned graph, its required inputs, its outputs, and the defaults of optional inputs."""

    path: Path
    sha256: str
    proto: ModelProto
    inputs: tuple[ForeignPort, ...]
    outputs: tuple[ForeignPort, ...]
    defaults: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def opset(self) -> int:
        """The version of ONNX's own operators that the graph uses."""
        return max((entry.version for entry in self.proto.opset_import if not entry.domain), default=0)

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return an input's shape, with 1 for free axes."""
        if name in self.defaults:
            return self.defaults[name].shape
        return next(tuple(axis or 1 for axis in port.shape) for port in self.inputs if port.name == name)


def is_onnx(path: Path) -> bool:
    """Return whether a file begins as an ONNX file does, whatever its name. Raises `FileError` if it cannot be read."""
    with os_errors(path), path.open("rb") as stream:
        return starts_like_onnx(stream.read(3))


def read_foreign(path: Path) -> Foreign:
    """Read an ONNX file of any maker: data kept beside it come in, functions are written out, stray paths go.

    Raises `FileError` if it cannot be opened, `ModelError` if it is damaged, `CheckpointError` if it is a model of
    ganplugin already or cannot be brought into the form that hosts read, `DependencyError` if it keeps tensors beside
    it and this onnx would not read those safely.
    """
    from onnx import numpy_helper

    proto = parse_onnx(path)
    if any(entry.key == METADATA_KEY for entry in proto.metadata_props):
        raise CheckpointError("is a ganplugin model already", where=path, fix="use it as it is")
    proto = _of_known_version(_inlined(_whole(proto, path)), path)
    optional = {value.name for value in proto.graph.input} & {tensor.name for tensor in proto.graph.initializer}
    defaults = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer if t.name in optional}
    required = [value for value in proto.graph.input if value.name not in optional]
    ports = [_port(value, path) for value in required], [_port(value, path) for value in proto.graph.output]
    _strip(proto, required)
    return Foreign(path, file_digest(path), proto, tuple(ports[0]), tuple(ports[1]), defaults)


def _whole(proto: ModelProto, path: Path) -> ModelProto:
    """Return the graph with the tensors that lie in files beside it; onnx refuses those that lead elsewhere."""
    import onnx
    from onnx import checker, external_data_helper

    if tuple(int(part) for part in onnx.__version__.split(".")[:2]) < _SAFE_ONNX:
        if _names_files(proto):
            fix = "run: pip install 'onnx>=1.21'"
            raise DependencyError("keeps tensors in a file beside it, unsafe with an old onnx", where=path, fix=fix)
        return proto
    try:
        external_data_helper.load_external_data_for_model(proto, str(path.parent))
    except (OSError, ValueError, TypeError, checker.ValidationError) as error:
        raise CheckpointError(
            "keeps tensors in a file beside it that cannot be read", where=path, fix="put all its files together"
        ) from error
    return proto


def _names_files(message: Message) -> bool:
    """Return whether anything in a message, wherever it stands, names another file."""
    for entry, value in message.ListFields():
        if entry.name in ("external_data", "data_location") and value:
            return True
        if entry.message_type is not None:
            parts = (value,) if hasattr(value, "ListFields") else value
            if any(_names_files(part) for part in parts):
                return True
    return False


def _inlined(proto: ModelProto) -> ModelProto:
    if not proto.functions:
        return proto
    from onnx import inliner

    return inliner.inline_local_functions(proto)


def _of_known_version(proto: ModelProto, path: Path) -> ModelProto:
    opset = max((entry.version for entry in proto.opset_import if not entry.domain), default=0)
    if not _OLDEST_OPSET <= opset <= MAX_OPSET:
        proto = _converted(proto, MAX_OPSET if opset > MAX_OPSET else _UPGRADED, path)
    proto.ir_version = _IR_VERSION
    used = {node.domain for graph in subgraphs(proto.graph) for node in graph.node} | {""}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    return proto


def _converted(proto: ModelProto, opset: int, path: Path) -> ModelProto:
    from onnx import version_converter

    try:
        return version_converter.convert_version(proto, opset)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise CheckpointError("uses operators of a version that hosts cannot run", where=path, fix=_SAVE_AGAIN) from (
            error
        )


def _port(value: ValueInfoProto, path: Path) -> ForeignPort:
    from onnx import helper

    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.elem_type:
        raise CheckpointError(f"has {value.name[:80]!r}, which is no tensor", where=path)
    sizes = [axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None for axis in tensor.shape.dim]
    return ForeignPort(value.name, str(np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))), tuple(sizes))


def _strip(proto: ModelProto, required: list[ValueInfoProto]) -> None:
    """Remove what does not compute: optional inputs become constants, and descriptions may hold local paths."""
    graph = proto.graph
    kept = [type(value).FromString(value.SerializeToString()) for value in required]
    del graph.input[:], proto.metadata_props[:]
    graph.input.extend(kept)
    proto.doc_string = ""
    for part in subgraphs(graph):
        part.doc_string = ""
        del part.value_info[:], part.quantization_annotation[:]
        for entry in (*part.node, *part.initializer, *part.input, *part.output):
            entry.doc_string = ""
            if hasattr(entry, "metadata_props"):
                del entry.metadata_props[:]


def subgraphs(graph: GraphProto) -> Iterator[GraphProto]:
    """Yield a graph and every graph inside it (branches, loop bodies). Raises `CheckpointError` if it is too deep."""
    waiting = [(graph, 0)]
    while waiting:
        current, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise CheckpointError("nests its contents too deeply")
        yield current
        for node in current.node:
            for attribute in node.attribute:
                inner = [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
                waiting += [(part, depth + 1) for part in inner]


def prefixed(proto: ModelProto, prefix: str) -> ModelProto:
    """Return a copy in which every name begins with ``prefix``, so that none meets a name of ours."""
    copy = type(proto)()
    copy.CopyFrom(proto)
    for graph in subgraphs(copy.graph):
        for value in (*graph.input, *graph.output, *graph.initializer):
            value.name = prefix + value.name
        for node in graph.node:
            node.name = prefix + node.name if node.name else ""
            for names in (node.input, node.output):
                names[:] = [prefix + name if name else "" for name in names]
    return copy


def attribute_of(node: NodeProto, name: str) -> Any:  # noqa: ANN401 - of the attribute's own type
    """Return an attribute's value, or None."""
    from onnx import helper

    found = next((attribute for attribute in node.attribute if attribute.name == name), None)
    return None if found is None else helper.get_attribute_value(found)
