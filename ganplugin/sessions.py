"""Opening onnxruntime sessions on the device that was asked for, or not at all."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ganplugin.cache import cache_folder
from ganplugin.devices import BOTH_WHEELS_FIX, DEVICES, Device, both_wheels_installed
from ganplugin.errors import DependencyError, ModelError, ProviderError
from ganplugin.native_output import STDERR, STDOUT, captured, replay

__all__ = ["SessionSpec", "create_session", "device_options", "load_onnxruntime", "runtime_errors", "short_reason"]

_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_LOG_LINE: Final = re.compile(r"\[[VIWEF]:onnxruntime:")
_HARMLESS: Final = (
    # Every optional input of a model file is such an initializer, by design.
    "appears in graph inputs and will not be treated as constant",
    # The optimised copy is kept under a name made of this machine and this version, so it is never used elsewhere.
    "generated model may contain hardware specific optimizations",
)
_MODEL_FAULTS: Final = frozenset({"InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile"})


@dataclass(frozen=True)
class SessionSpec:
    """Everything that makes one session differ from another.

    ``optimised`` says that the file is a graph that onnxruntime has optimised already; ``write_optimised`` where to
    leave such a graph. ``content`` is a graph to open in place of the file's.
    """

    path: Path
    device: Device
    threads: int
    optimised: bool = False
    write_optimised: Path | None = None
    content: bytes | None = field(default=None, repr=False)


def load_onnxruntime() -> Any:  # noqa: ANN401 - a module without type information
    """Import onnxruntime. Raises `DependencyError` with the install line if it is missing or does not load."""
    try:
        import onnxruntime
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "onnxruntime"
        raise DependencyError(
            "onnxruntime is not installed" if missing else f"onnxruntime does not load: {short_reason(str(error))}",
            fix='run: pip install "ganplugin[cpu]", or with an NVIDIA GPU: pip install "ganplugin[gpu]"',
        ) from error
    return onnxruntime


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that onnxruntime raises: its own ones share no base class but ``Exception``."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError, MemoryError, OSError)


def create_session(spec: SessionSpec) -> Any:  # noqa: ANN401 - onnxruntime.InferenceSession
    """Open a session whose first provider is the one of ``spec.device``, as the session itself reports it.

    Raises `ProviderError` with the reason and the install line if the device did not come up, `ModelError` if
    onnxruntime refuses the file, `DependencyError` if onnxruntime is missing.
    """
    runtime = load_onnxruntime()
    backend = DEVICES[spec.device.kind]
    if spec.device.mode == "graphs" and not _at_least(str(runtime.__version__), 1, 18):
        raise _refused(spec.device, "CUDA graphs need onnxruntime 1.18 or newer", "use --device cuda")
    listed = list(runtime.get_available_providers())
    if backend.provider not in listed:
        raise _refused(spec.device, "this onnxruntime was built without it", backend.missing)
    # What onnxruntime says of a GPU that does not load also goes to standard output, which belongs to results.
    streams = (STDERR,) if spec.device.kind == "cpu" else (STDOUT, STDERR)
    failure: Exception | None = None
    session: Any = None
    with captured(*streams) as output:
        try:
            session = _open(runtime, spec)
        except runtime_errors() as error:
            failure = error
    came_up = session is not None and session.get_providers()[:1] == [backend.provider]
    complaints = list(_relay(output.text, keep_warnings=came_up))
    if came_up:
        return session
    if failure is not None and (spec.device.kind == "cpu" or type(failure).__name__ in _MODEL_FAULTS):
        raise ModelError(f"onnxruntime refuses it: {short_reason(str(failure))}", where=spec.path) from failure
    reason = _reason(complaints, failure, session)
    plain = f"use --device {spec.device.kind}, or: {backend.broken}" if spec.device.mode else backend.broken
    raise _refused(spec.device, reason, plain) from failure


def _open(runtime: Any, spec: SessionSpec) -> Any:  # noqa: ANN401
    if spec.device.kind in ("cuda", "tensorrt") and hasattr(runtime, "preload_dlls"):
        # Finds the CUDA and cuDNN libraries that pip installed, which no library path names; complains with print().
        with contextlib.redirect_stdout(io.StringIO()) as said:
            runtime.preload_dlls()
        replay(said.getvalue())
    if spec.device.kind == "tensorrt":
        with contextlib.suppress(OSError):
            # onnxruntime makes the last folder of the path only, and fails where there are more to make.
            _engine_folder(spec.device.mode).mkdir(parents=True, exist_ok=True)
    return runtime.InferenceSession(
        spec.content or str(spec.path),
        _session_options(runtime, spec),
        providers=_providers(runtime, spec),
        # Otherwise a failure, at creation or in the middle of a series, prints to stdout and goes on with the CPU.
        enable_fallback=0,
    )


def _session_options(runtime: Any, spec: SessionSpec) -> Any:  # noqa: ANN401
    options = runtime.SessionOptions()
    levels = runtime.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_DISABLE_ALL if spec.optimised else levels.ORT_ENABLE_ALL
    options.intra_op_num_threads = spec.threads
    options.inter_op_num_threads = 1
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    # Waiting threads that spin take up to a fifth more CPU time and win nothing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # DirectML allows no memory pattern; everywhere else it pays.
    options.enable_mem_pattern = spec.device.kind != "directml"
    # Choose GPU kernels that give the same bytes for the same input.
    options.use_deterministic_compute = spec.device.kind != "cpu"
    if spec.write_optimised is not None:
        options.optimized_model_filepath = str(spec.write_optimised)
    return options


def _providers(runtime: Any, spec: SessionSpec) -> list[tuple[str, dict[str, str]]]:  # noqa: ANN401
    device, version = spec.device, str(runtime.__version__)
    chain = {"tensorrt": ["tensorrt", "cuda", "cpu"], "cpu": ["cpu"]}.get(device.kind, [device.kind, "cpu"])
    options = [device_options(kind, device.index, version, spec.threads, device.mode) for kind in chain]
    return [(DEVICES[kind].provider, chosen) for kind, chosen in zip(chain, options, strict=True)]


def device_options(kind: str, index: int, version: str, threads: int, mode: str = "") -> dict[str, str]:
    """Return the provider options of a device; ``version`` is onnxruntime's, since older ones refuse newer options."""
    if kind == "openvino":
        # The CPU's own precision: it would compute in bfloat16 where the processor can, and differ from other devices.
        return {"device_type": "CPU", "num_of_threads": str(threads), "precision": "FP32"}
    if kind == "cuda":
        # The exhaustive search times kernels, so it may choose differently, and round differently, on each start.
        options = {"device_id": str(index), "cudnn_conv_algo_search": "HEURISTIC"}
        # TF32 keeps 10 bits of each product: visible banding in smooth colour, and not the picture of the CPU.
        options |= {"use_tf32": "0"} if _at_least(version, 1, 18) else {}
        return options | ({"enable_cuda_graph": "1"} if mode == "graphs" else {})
    if kind == "tensorrt":
        return {"device_id": str(index)} | _kept_engines(mode)
    return {"device_id": str(index)} if DEVICES[kind].indexed else {}


def _kept_engines(mode: str) -> dict[str, str]:
    """Return what makes TensorRT keep its work: an engine takes minutes to build; kept, the next start takes seconds.

    The timing cache keeps how fast each kernel was, so that another network's engine is built sooner.
    """
    folder = str(_engine_folder(mode))
    options = {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": folder,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": folder,
    }
    return options | ({"trt_fp16_enable": "True"} if mode == "fp16" else {})


def _engine_folder(mode: str) -> Path:
    return cache_folder() / (f"tensorrt-{mode}" if mode else "tensorrt")


def _at_least(version: str, major: int, minor: int) -> bool:
    match = re.match(r"(\d+)\.(\d+)", version)
    return match is not None and (int(match[1]), int(match[2])) >= (major, minor)


def _relay(text: str, *, keep_warnings: bool) -> Iterator[str]:
    """Send what is not about this session to the error stream; yield what onnxruntime complained of."""
    for line in text.splitlines(keepends=True):
        plain = _COLOUR.sub("", line)
        if any(phrase in line for phrase in _HARMLESS) or (plain != line and not plain.strip()):
            continue
        is_complaint = bool(_LOG_LINE.search(line)) or line.startswith(
            ("Failed to load ", "Please follow https://onnx")
        )
        if is_complaint:
            yield line
        if keep_warnings or not is_complaint:
            replay(line)


def _refused(device: Device, reason: str, fix: str) -> ProviderError:
    return ProviderError(
        f"the device did not come up: {reason}",
        where=f"--device {device}",
        fix=BOTH_WHEELS_FIX if both_wheels_installed() else fix,
    )


def _reason(complaints: list[str], failure: Exception | None, session: Any) -> str:  # noqa: ANN401
    if failure is not None:
        return short_reason(str(failure))
    for complaint in complaints:
        if "error" in complaint.lower():
            return short_reason(complaint)
    if complaints:
        return short_reason(complaints[-1])
    return f"onnxruntime fell back to {', '.join(session.get_providers())} without a word"


def short_reason(text: str) -> str:
    """Cut a message of onnxruntime to its last cause: one line, no colours, source positions or log marks."""
    plain = _COLOUR.sub("", text).strip()
    plain = re.sub(r"^.*?\[[VIWEF]:onnxruntime:[^\]]*\]\s*", "", plain, flags=re.DOTALL)
    cause = re.search(r"with error: (.+)", plain)
    if cause:
        plain = cause[1]
    plain = re.sub(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ", "", plain)
    plain = re.sub(r"^\S+\.(?:cc|h|cpp):\d+ .*?\) (?=[A-Z])", "", plain)
    plain = " ".join(plain.split())
    return plain if len(plain) <= 300 else plain[:299] + "…"
