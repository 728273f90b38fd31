"""The model file: one self-contained ONNX with a manifest, read with suspicion and written whole.

The contract (which inputs and outputs a generator, a style network and a scorer have) is data made from the manifest
by `contract`; `check_contract` holds a file against it and against what hosts can run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ganplugin.errors import ExportError, ModelError
from ganplugin.files import atomic_write, os_errors
from ganplugin.limits import MAX_MODEL_BYTES
from ganplugin.manifest import METADATA_KEY, Manifest, parse_manifest
from ganplugin.seal import SEAL_KEY, check_seal, sealed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = [
    "MAX_IR_VERSION",
    "MAX_OPSET",
    "Contract",
    "Port",
    "check_contract",
    "contract",
    "model_bytes",
    "parse_onnx",
    "read_manifest",
    "read_model",
    "starts_like_onnx",
    "taken_defaults",
    "write_model",
]

MAX_OPSET: Final = 20
"""Newest operator set that a model file may use; hosts pin onnxruntime versions that know no later one."""

MAX_IR_VERSION: Final = 9
"""Newest file layout version that those onnxruntime versions read."""

_RANDOM_OPS: Final = frozenset(
    {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
_ADOPT: Final = "make a model file from its checkpoint: ganplugin export CHECKPOINT"
_EXPORT_AGAIN: Final = "export the checkpoint again: ganplugin export CHECKPOINT"
_SECOND_FIELDS: Final = (b"\x12", b"\x1a", b"\x22", b"\x32", b"\x3a", b"\x42")
_CHANNELS: Final = {"L": 1, "RGB": 3, "RGBA": 4}


@dataclass(frozen=True)
class Port:
    """One input or output of a model file.

    ``shape`` holds sizes, or names for axes that stay free (``batch``, ``height``, ``width``; ``rows`` is 1 or batch);
    ``any`` is an axis that may be fixed or free. In a file for single pictures ``batch`` is 1.
    An ``optional`` input carries its default inside the file; ``demanded`` says that a file of this kind must have it.
    """

    name: str
    shape: tuple[int | str, ...]
    optional: bool = False
    demanded: bool = True


@dataclass(frozen=True)
class Contract:
    """What a file with a certain manifest takes and returns. ``noise_<i>`` inputs may come on top."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def port(self, name: str) -> Port | None:
        """Return what the contract says of an input, or None if it knows no such input."""
        if re.fullmatch(r"noise_(0|[1-9]\d{0,3})", name) and any(port.name == "noise_strength" for port in self.inputs):
            return Port(name, ("rows", 1, "any", "any"), optional=True, demanded=False)
        return next((port for port in self.inputs if port.name == name), None)


def contract(manifest: Manifest) -> Contract:
    """Return the inputs and outputs that a file with this manifest must have.

    Raises `ModelError` if the manifest leaves out a size that its kind needs.
    """
    makers = {"generator": _generator_contract, "style": _style_contract, "scorer": _scorer_contract}
    found = makers[manifest.kind](manifest)
    return Contract(_single(found.inputs), _single(found.outputs)) if manifest.single else found


def _single(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    return tuple(replace(port, shape=tuple(1 if axis == "batch" else axis for axis in port.shape)) for port in ports)


def _generator_contract(manifest: Manifest) -> Contract:
    z_dim = _known(manifest, "z_dim")
    inputs = [Port("z", ("batch", z_dim)), *_label(manifest)]
    outputs = [Port("image", _picture(manifest))]
    if manifest.num_ws is not None or manifest.w_dim is not None:
        num_ws, w_dim = _known(manifest, "num_ws"), _known(manifest, "w_dim")
        inputs += [
            Port("truncation", (num_ws,), optional=True),
            Port("ws", ("rows", num_ws, w_dim), optional=True),
            Port("mix", (num_ws,), optional=True),
        ]
        outputs.append(Port("w", ("batch", num_ws, w_dim)))
    inputs += [
        Port("noise_strength", (), optional=True, demanded=False),
        Port("transform", ("rows", 3, 3), optional=True, demanded=False),
    ]
    return Contract(tuple(inputs), tuple(outputs))


def _style_contract(manifest: Manifest) -> Contract:
    weights = Port("style_weights", (len(manifest.styles),), optional=True, demanded=len(manifest.styles) > 1)
    height, width = manifest.height or "height", manifest.width or "width"
    inputs = (
        Port("content", ("batch", 3, height, width)),
        Port("style", (1, 3, "style_height", "style_width"), optional=True, demanded=False),
        *((weights,) if manifest.styles else ()),
        Port("strength", (), optional=True, demanded=False),
    )
    return Contract(inputs, (Port("image", ("batch", _CHANNELS[manifest.channels], "any", "any")),))


def _scorer_contract(manifest: Manifest) -> Contract:
    return Contract((Port("image", _picture(manifest)), *_label(manifest)), (Port("score", ("batch",)),))


def _label(manifest: Manifest) -> tuple[Port, ...]:
    return (Port("label", ("batch", len(manifest.classes))),) if manifest.classes else ()


def _picture(manifest: Manifest) -> tuple[int | str, ...]:
    return ("batch", _CHANNELS[manifest.channels], _known(manifest, "height"), _known(manifest, "width"))


def _known(manifest: Manifest, field: str) -> int:
    value: int | None = getattr(manifest, field)
    if value is None:
        raise ModelError(f"the manifest of a {manifest.kind} lacks {field}", fix=_EXPORT_AGAIN)
    return value


def read_manifest(path: Path) -> Manifest:
    """Return the manifest inside a model file, promising that the file has no part outside itself.

    Raises `FileError` if it cannot be opened, `ModelError` if it is no ONNX file, is damaged or too large, was not
    written by ganplugin or was changed since, or refers to other files or to operators that are not ONNX's own.
    """
    return read_model(path)[1]


def read_model(path: Path) -> tuple[ModelProto, Manifest]:
    """Return the parsed graph and the manifest of a model file. Raises as `read_manifest` does."""
    content = _content(path)
    proto = _parse(content, path)
    text = next((entry.value for entry in proto.metadata_props if entry.key == METADATA_KEY), None)
    if text is None:
        raise ModelError("is an ONNX file without a ganplugin manifest", where=path, fix=_ADOPT)
    check_seal(content, where=path)
    proto.metadata_props.remove(next(entry for entry in proto.metadata_props if entry.key == SEAL_KEY))
    manifest = parse_manifest(text, where=path)
    _check_graph(proto, path)
    return proto, manifest


def starts_like_onnx(head: bytes) -> bool:
    """Return whether the first three bytes are those of an ONNX file: a small IR version, then a known field."""
    return head[:1] == b"\x08" and head[1:2] < b"\x20" and head[2:3] in _SECOND_FIELDS


def parse_onnx(path: Path) -> ModelProto:
    """Return the graph in any ONNX file, ours or not, unchecked and with no other file read.

    Raises `FileError` if it cannot be opened, `ModelError` if it is no ONNX file, is damaged or too large.
    """
    return _parse(_content(path), path)


def _content(path: Path) -> bytes:
    with os_errors(path):
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise ModelError(f"is too large for a model file ({size:,} bytes)", where=path, fix=_ADOPT)
        return path.read_bytes()


def _parse(content: bytes, path: Path) -> ModelProto:
    from google.protobuf.message import DecodeError
    from onnx import ModelProto

    try:
        proto: ModelProto = ModelProto.FromString(content)
    except (DecodeError, UnicodeDecodeError) as error:
        raise ModelError("is not an ONNX file, or is damaged", where=path, fix=_ADOPT) from error
    if not proto.graph.output or proto.ir_version < 1 or not all(isinstance(text, str) for text in _names(proto)):
        raise ModelError("is not an ONNX file, or is damaged", where=path, fix=_ADOPT)
    return proto


def _names(proto: ModelProto) -> Iterator[object]:
    """Yield the names that a graph is made of. protobuf gives damaged ones, which are no UTF-8, as bytes."""
    for entry in (*proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        yield entry.name
    for value in (*proto.graph.input, *proto.graph.output):
        yield from (axis.dim_param for axis in value.type.tensor_type.shape.dim)
    for node in proto.graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
    for prop in proto.metadata_props:
        yield from (prop.key, prop.value)
    yield from (entry.domain for entry in proto.opset_import)


def check_contract(proto: ModelProto, manifest: Manifest, *, where: object = None) -> None:
    """Promise that a graph has exactly the inputs and outputs of its manifest and runs in every supported host.

    Raises `ModelError` that says which input, output, axis, version or operator is wrong.
    """
    expected = contract(manifest)
    _check_versions(proto, where)
    _check_graph(proto, where)
    _check_inputs(proto.graph, expected, where)
    _check_outputs(proto.graph, expected, where)


def _check_versions(proto: ModelProto, where: object) -> None:
    if proto.ir_version > MAX_IR_VERSION:
        raise _broken(f"has ONNX IR version {proto.ir_version}, above {MAX_IR_VERSION}", where)
    opset = max((entry.version for entry in proto.opset_import if entry.domain in ("", "ai.onnx")), default=0)
    if not 1 <= opset <= MAX_OPSET:
        raise _broken(f"has opset {opset}, not one of 1 to {MAX_OPSET}", where)


def _check_graph(proto: ModelProto, where: object) -> None:
    if proto.functions:
        raise _broken("holds functions of its own", where)
    for graph in _graphs(proto.graph):
        if graph.sparse_initializer:
            raise _broken("holds sparse tensors", where)
        for node in graph.node:
            _check_node(node, where)
        for tensor in _tensors(graph):
            _check_tensor(tensor, where)


def _check_node(node: NodeProto, where: object) -> None:
    if node.domain not in ("", "ai.onnx"):
        raise _broken(f"uses the custom operator {node.domain[:60]}.{node.op_type[:60]}", where)
    if node.op_type in _RANDOM_OPS:
        raise _broken(f"draws random numbers inside ({node.op_type})", where)


def _check_tensor(tensor: TensorProto, where: object) -> None:
    if tensor.data_location != 0 or tensor.external_data:
        raise _broken(f"keeps the tensor {tensor.name[:80]!r} in another file", where)


def _graphs(graph: GraphProto) -> Iterator[GraphProto]:
    waiting = [graph]
    while waiting:
        current = waiting.pop()
        yield current
        for attribute in _attributes(current):
            waiting.extend(attribute.graphs)
            if attribute.HasField("g"):
                waiting.append(attribute.g)


def _attributes(graph: GraphProto) -> Iterator[AttributeProto]:
    for node in graph.node:
        yield from node.attribute


def _tensors(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for attribute in _attributes(graph):
        yield from attribute.tensors
        if attribute.HasField("t"):
            yield attribute.t
        for sparse in (*attribute.sparse_tensors, attribute.sparse_tensor):
            yield from (sparse.values, sparse.indices)


def _check_inputs(graph: GraphProto, expected: Contract, where: object) -> None:
    defaults = {tensor.name: tensor for tensor in graph.initializer}
    names = _unique([value.name for value in graph.input], "input", where)
    for port in expected.inputs:
        if port.demanded and port.name not in names:
            raise _broken(f"lacks the input {port.name!r}", where)
    for value in graph.input:
        found = expected.port(value.name)
        if found is None:
            raise _broken(f"has an unknown input {value.name[:80]!r}", where)
        _check_value(value, found, f"the input {value.name!r}", where)
        _check_default(defaults.get(value.name), found, where)


def _check_outputs(graph: GraphProto, expected: Contract, where: object) -> None:
    names = _unique([value.name for value in graph.output], "output", where)
    wanted = [port.name for port in expected.outputs]
    if sorted(names) != sorted(wanted):
        raise _broken(f"returns {', '.join(names)[:200]} instead of {', '.join(wanted)}", where)
    for port in expected.outputs:
        value = next(value for value in graph.output if value.name == port.name)
        _check_value(value, port, f"the output {port.name!r}", where)


def _unique(names: list[str], noun: str, where: object) -> list[str]:
    if len(set(names)) != len(names):
        raise _broken(f"names an {noun} twice", where)
    return names


def _check_value(value: ValueInfoProto, port: Port, noun: str, where: object) -> None:
    from onnx import TensorProto

    tensor = value.type.tensor_type
    if tensor.elem_type != TensorProto.FLOAT:
        raise _broken(f"{noun} is not float32", where)
    sizes = [axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim]
    if not tensor.HasField("shape") or not _fits(sizes, port.shape):
        shown = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or "?" for axis in tensor.shape.dim]
        raise _broken(f"{noun} has the shape {_shape(shown)} instead of {_shape(port.shape)}", where)


def _fits(sizes: list[int | None], shape: tuple[int | str, ...]) -> bool:
    return len(sizes) == len(shape) and all(
        size == axis if isinstance(axis, int) else size is None or axis == "any"
        for size, axis in zip(sizes, shape, strict=True)
    )


def _check_default(default: TensorProto | None, port: Port, where: object) -> None:
    if (default is not None) != port.optional:
        raise _broken(
            f"the input {port.name!r} {'lacks a default' if port.optional else 'must have no default'}", where
        )
    if default is None:
        return
    dims = list(default.dims)
    fits = len(dims) == len(port.shape) and all(
        dim == axis if isinstance(axis, int) else dim >= 1 for dim, axis in zip(dims, port.shape, strict=True)
    )
    if default.data_type != 1 or not fits:
        raise _broken(
            f"the default of {port.name!r} has the shape {_shape(dims)} instead of {_shape(port.shape)}", where
        )


def _shape(axes: object) -> str:
    return "[" + ", ".join(str(axis) for axis in axes) + "]" if isinstance(axes, (list, tuple)) else str(axes)


def taken_defaults(proto: ModelProto) -> dict[str, NDArray[np.float32]]:
    """Take the defaults of a graph's optional inputs out of it, which makes those required, and return them by name."""
    from onnx import numpy_helper

    inputs = {value.name for value in proto.graph.input}
    found = {t.name: numpy_helper.to_array(t).copy() for t in proto.graph.initializer if t.name in inputs}
    kept = [tensor for tensor in proto.graph.initializer if tensor.name not in inputs]
    copies = [type(tensor).FromString(tensor.SerializeToString()) for tensor in kept]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(copies)
    return found


def _broken(what: str, where: object) -> ModelError:
    return ModelError(what, where=where, fix=_EXPORT_AGAIN)


def write_model(proto: ModelProto, manifest: Manifest, path: Path, *, overwrite: bool = False) -> Path:
    """Write a graph with its manifest as one model file, whole or not at all, and return its path.

    The same graph and manifest give the same bytes. Raises `ModelError` if the graph breaks its contract, `ExportError`
    if it is too large for one file, `FileError` if ``path`` exists (without ``overwrite``) or cannot be written.
    """
    content = model_bytes(proto, manifest)
    with atomic_write(path, overwrite=overwrite) as part:
        part.write_bytes(content)
    return path


def model_bytes(proto: ModelProto, manifest: Manifest) -> bytes:
    """Return the bytes that `write_model` writes; ``proto`` itself is left as it is. Raises as `write_model` does."""
    from onnx import ModelProto

    check_contract(proto, manifest)
    whole = ModelProto()
    whole.CopyFrom(proto)
    del whole.metadata_props[:]
    whole.metadata_props.add(key=METADATA_KEY, value=manifest.to_json())
    if whole.ByteSize() > MAX_MODEL_BYTES:
        raise ExportError("is larger than the 2 GiB that one ONNX file can hold", where=manifest.name)
    return sealed(whole.SerializeToString(deterministic=True))
