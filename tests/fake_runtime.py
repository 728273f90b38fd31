"""A stand-in for the onnxruntime module: providers that list, load, fail or fall back as a test says."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Any

import onnxruntime

CUDA, TENSORRT, DML, OPENVINO, CPU = (
    f"{name}ExecutionProvider" for name in ("CUDA", "Tensorrt", "Dml", "OpenVINO", "CPU")
)


class FakeSession:
    """A real CPU session that reports other providers and can run out of memory."""

    def __init__(self, runtime: FakeRuntime, real: Any, providers: list[str]) -> None:
        self.runtime, self.real, self.providers = runtime, real, providers
        self.recorded: dict[str, FakeBinding] = {}

    def get_providers(self) -> list[str]:
        return self.providers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def run(self, outputs: list[str], feeds: dict[str, Any], options: Any = None) -> Any:
        self.runtime.admit(feeds)
        self.runtime.run_options.append(options)
        return self.real.run(outputs, feeds, options)

    def io_binding(self) -> FakeBinding:
        return FakeBinding(self, self.real.io_binding())

    def run_with_iobinding(self, binding: FakeBinding, options: Any = None) -> None:
        if "levels" not in binding.outputs:  # the conversion that follows a network's run
            self.runtime.admit(binding.feeds)
        self.runtime.run_options.append(options)
        self._record(binding, options)
        self.real.run_with_iobinding(binding.real, options)

    def _record(self, binding: FakeBinding, options: Any) -> None:
        """As a GPU: a number that was recorded runs over the buffers that it was recorded with."""
        number = graph_number(options)
        if number is None:
            return
        assert all(not isinstance(value, FakeValue) or value.place for value in binding.values.values())
        assert binding.fixed == set(binding.outputs), "outputs of a CUDA graph have fixed buffers"
        assert self.recorded.setdefault(number, binding) is binding, "each CUDA graph keeps its buffers"


def graph_number(options: Any) -> str | None:
    """Return the number of the CUDA graph that a run records or replays, if it does."""
    with contextlib.suppress(RuntimeError):
        number = str(options.get_run_config_entry("gpu_graph_id"))
        return None if number in ("", "-1") else number
    return None


class FakeValue:
    """An array in the memory of a device, where ``place`` says which; without one, in main memory."""

    def __init__(self, value: Any, place: tuple[str, int] | None = None) -> None:
        self.place = place
        # A real value in main memory shares the array's own; one on a device has a copy.
        self.real = onnxruntime.OrtValue.ortvalue_from_numpy(value.copy() if place else value)

    @classmethod
    def ortvalue_from_numpy(cls, value: Any, device: str = "cpu", index: int = 0) -> FakeValue:
        return cls(value, None if device == "cpu" else (device, index))

    def numpy(self) -> Any:
        return self.real.numpy()

    def update_inplace(self, value: Any) -> None:
        self.real.update_inplace(value)


@dataclass
class FakeBinding:
    """Notes where outputs were bound, then binds them in main memory."""

    session: FakeSession
    real: Any
    values: dict[str, Any] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    fixed: set[str] = field(default_factory=set)

    @property
    def feeds(self) -> dict[str, Any]:
        return {name: value.numpy() for name, value in self.values.items()}

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.values[name] = value
        self.real.bind_ortvalue_input(name, value.real if isinstance(value, FakeValue) else value)

    def bind_output(self, name: str, device: str, index: int) -> None:
        self.session.runtime.bound.append((name, device, index))
        self.outputs.append(name)
        self.real.bind_output(name, "cpu")

    def bind_ortvalue_output(self, name: str, value: Any) -> None:
        self.outputs.append(name)
        self.fixed.add(name)
        self.real.bind_ortvalue_output(name, value)

    def get_outputs(self) -> Any:
        return self.real.get_outputs()

    def copy_outputs_to_cpu(self) -> Any:
        self.session.runtime.fetched += self.outputs
        return self.real.copy_outputs_to_cpu()


@dataclass
class FakeRuntime:
    """The module. ``listed`` is what it claims, ``working`` what really comes up, ``noise`` what it prints by then.

    ``failure`` is raised when a provider other than the CPU is asked for. A run of more than ``most_rows`` rows fails
    with ``memory_error``.
    """

    listed: list[str] = field(default_factory=lambda: [CUDA, CPU])
    working: set[str] = field(default_factory=lambda: {CPU})
    noise: dict[int, str] = field(default_factory=dict)
    failure: Exception | None = None
    most_rows: int = 10**9
    memory_error: Exception = field(
        default_factory=lambda: RuntimeError("Failed to allocate memory for requested buffer")
    )
    asked: list[list[Any]] = field(default_factory=list)
    opened: list[Any] = field(default_factory=list)
    options: list[Any] = field(default_factory=list)
    keywords: list[dict[str, Any]] = field(default_factory=list)
    run_options: list[Any] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    bound: list[tuple[str, str, int]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)

    __version__ = "1.31.1"
    SessionOptions = onnxruntime.SessionOptions
    GraphOptimizationLevel = onnxruntime.GraphOptimizationLevel
    ExecutionMode = onnxruntime.ExecutionMode
    RunOptions = onnxruntime.RunOptions
    OrtValue = FakeValue

    def get_available_providers(self) -> list[str]:
        return self.listed

    def InferenceSession(self, path: str, options: Any, providers: list[Any], **keywords: Any) -> FakeSession:  # noqa: N802
        self.asked.append(providers)
        self.opened.append(path)
        self.options.append(options)
        self.keywords.append(keywords)
        names = [name for name, _ in providers]
        if names != [CPU]:
            for descriptor, text in self.noise.items():
                os.write(descriptor, text.encode())
            if self.failure is not None:
                raise self.failure
        real = onnxruntime.InferenceSession(path, options, providers=[CPU])
        return FakeSession(self, real, [name for name in names if name in self.working])

    def admit(self, feeds: dict[str, Any]) -> None:
        """Count a run's rows and fail if they are too many."""
        rows = max((len(value) for value in feeds.values() if value.ndim > 1), default=1)
        self.runs.append(rows)
        if rows > self.most_rows:
            raise self.memory_error
