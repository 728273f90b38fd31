"""What an ONNX file is, for people and for programs: manifest, inputs with defaults, outputs, versions, problems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from ganplugin.errors import ModelError
from ganplugin.files import file_digest, os_errors
from ganplugin.manifest import Manifest
from ganplugin.modelfile import check_contract, parse_onnx, read_model, starts_like_onnx

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto, ValueInfoProto

__all__ = ["ModelReport", "PortReport", "describe_tensor", "inspect_model", "looks_like_onnx"]


class PortReport(BaseModel):
    """An input or output: sizes, or names for free axes; ``default`` describes what an optional input carries."""

    model_config = ConfigDict(frozen=True)

    name: str
    shape: tuple[int | str, ...]
    default: str | None = None


class ModelReport(BaseModel):
    """What is known of an ONNX file. ``problem`` is set, and ``manifest`` may be missing, where it is not usable."""

    model_config = ConfigDict(frozen=True)

    file: str
    bytes: int
    sha256: str
    ir_version: int
    opset: int
    inputs: tuple[PortReport, ...]
    outputs: tuple[PortReport, ...]
    operators: int
    parameters: int
    manifest: Manifest | None
    problem: str | None


def inspect_model(path: Path) -> ModelReport:
    """Describe an ONNX file, whoever wrote it, without running it.

    Raises `FileError` if it cannot be opened, `ModelError` if it is no ONNX file, is damaged or too large.
    """
    proto = parse_onnx(path)
    manifest, problem = _verdict(path)
    defaults = {tensor.name: tensor for tensor in proto.graph.initializer}
    return ModelReport(
        file=str(path),
        bytes=path.stat().st_size,
        sha256=file_digest(path),
        ir_version=proto.ir_version,
        opset=max((entry.version for entry in proto.opset_import if not entry.domain), default=0),
        inputs=tuple(_port(value, defaults.get(value.name)) for value in proto.graph.input),
        outputs=tuple(_port(value, None) for value in proto.graph.output),
        operators=len(proto.graph.node),
        parameters=_parameters(proto),
        manifest=manifest,
        problem=problem,
    )


def _verdict(path: Path) -> tuple[Manifest | None, str | None]:
    try:
        proto, manifest = read_model(path)
    except ModelError as error:
        return None, _sentence(error)
    try:
        check_contract(proto, manifest)
    except ModelError as error:
        return manifest, _sentence(error)
    return manifest, None


def _sentence(error: ModelError) -> str:
    return f"{error.what} - {error.fix}" if error.fix else error.what


def _port(value: ValueInfoProto, default: TensorProto | None) -> PortReport:
    shape = [
        axis.dim_value if axis.HasField("dim_value") else axis.dim_param for axis in value.type.tensor_type.shape.dim
    ]
    return PortReport(
        name=value.name,
        shape=tuple(axis or "?" for axis in shape),
        default=None if default is None else describe_tensor(default),
    )


def _parameters(proto: ModelProto) -> int:
    ports = {value.name for value in proto.graph.input}
    sizes = [int(np.prod(tensor.dims)) for tensor in proto.graph.initializer if tensor.name not in ports]
    return sum(sizes)


def looks_like_onnx(path: Path) -> bool:
    """Return whether a file begins as an ONNX file does, or at least is called one. Raises `FileError`."""
    with os_errors(path), path.open("rb") as stream:
        head = stream.read(3)
    return path.suffix.lower() == ".onnx" or starts_like_onnx(head)


def describe_tensor(tensor: TensorProto) -> str:
    """Say what a tensor holds, such as an input's default: one number if it is the same throughout, else the range."""
    from onnx import numpy_helper

    try:
        values = np.asarray(numpy_helper.to_array(tensor), dtype=np.float64)
    except (ValueError, TypeError, RuntimeError):
        return "unreadable"
    if values.size == 0:
        return "empty"
    low, high = float(values.min()), float(values.max())
    if low == high:
        return f"{low:g}"
    if values.shape[-2:] == (3, 3) and np.array_equal(values.reshape(-1, 3, 3)[0], np.eye(3)):
        return "identity"
    return f"stored, {low:.3g} to {high:.3g}"
