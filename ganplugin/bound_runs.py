"""Runs whose results stay in a GPU's memory until somebody fetches them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.sessions import load_onnxruntime

__all__ = ["GRAPH_ID", "NO_GRAPH", "BoundRuns", "fixed_rows"]

Array = NDArray[np.float32]

GRAPH_ID: Final = "gpu_graph_id"
"""The entry of a run's options that says under which number a CUDA graph is recorded and replayed."""

NO_GRAPH: Final = "-1"
"""The number of runs that are neither."""


def fixed_rows(rows: int, most: int) -> int:
    """Return how many rows to compute for ``rows`` where few batch sizes are wanted: a power of two, or ``most``."""
    return max(rows, min(most, 1 << (rows - 1).bit_length()))


@dataclass
class _Kept:
    """The fixed buffers of one set of shapes, and the number of the CUDA graph that was recorded over them."""

    binding: Any
    inputs: Mapping[str, Any]
    number: str


@dataclass
class BoundRuns:
    """Runs one session with its results bound in the memory ``memory`` (IO binding's name) of device ``index``."""

    session: Any
    memory: str
    index: int
    _kept: dict[Hashable, _Kept] = field(default_factory=dict)

    def run(self, options: Any, feeds: Mapping[str, Any], outputs: list[str]) -> list[Any]:  # noqa: ANN401
        """Run once and return the outputs as OrtValues in the device's memory.

        ``feeds`` are arrays, or OrtValues that are in that memory already.
        """
        binding = self._bound(feeds, outputs)
        self.session.run_with_iobinding(binding, options)
        return list(binding.get_outputs())

    def fetch(self, options: Any, feeds: Mapping[str, Any], outputs: list[str]) -> list[Any]:  # noqa: ANN401
        """Run once and return the outputs as arrays in main memory."""
        binding = self._bound(feeds, outputs)
        self.session.run_with_iobinding(binding, options)
        copied: list[Any] = binding.copy_outputs_to_cpu()
        return copied

    def _bound(self, feeds: Mapping[str, Any], outputs: list[str]) -> Any:  # noqa: ANN401
        binding = self.session.io_binding()
        values = load_onnxruntime().OrtValue
        for name, value in feeds.items():
            # Not bind_cpu_input: that one knows required inputs only, and refuses those that carry a default.
            bound = values.ortvalue_from_numpy(value) if isinstance(value, np.ndarray) else value
            binding.bind_ortvalue_input(name, bound)
        for name in outputs:
            # The result's buffer stays on the device until the run is over; its shape need not be known before.
            binding.bind_output(name, self.memory, self.index)
        return binding

    def replay(self, options: Any, feeds: Mapping[str, Array], outputs: list[str]) -> list[Any]:  # noqa: ANN401
        """Run as `run` does, as one CUDA graph that was recorded when these shapes first came.

        The returned values are overwritten by the next replay of the same shapes: one caller at a time.
        """
        key = (tuple((name, value.shape) for name, value in sorted(feeds.items())), tuple(outputs))
        if key not in self._kept:
            self._kept[key] = self._prepared(feeds, outputs)
        kept = self._kept[key]
        for name, value in feeds.items():
            kept.inputs[name].update_inplace(value)
        # onnxruntime replays a number whatever is bound, so that each number must keep its buffers for ever.
        options.add_run_config_entry(GRAPH_ID, kept.number)
        self.session.run_with_iobinding(kept.binding, options)
        return list(kept.binding.get_outputs())

    def _prepared(self, feeds: Mapping[str, Array], outputs: list[str]) -> _Kept:
        """Return buffers at addresses that stay. A first run, which records nothing, finds the outputs' shapes."""
        runtime = load_onnxruntime()
        inputs = {
            name: runtime.OrtValue.ortvalue_from_numpy(value, self.memory, self.index) for name, value in feeds.items()
        }
        options = runtime.RunOptions()
        options.only_execute_path_to_fetches = True
        options.add_run_config_entry(GRAPH_ID, NO_GRAPH)
        found = self.run(options, inputs, outputs)
        binding = self.session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name, value in zip(outputs, found, strict=True):
            binding.bind_ortvalue_output(name, value)
        return _Kept(binding, inputs, str(len(self._kept) + 1))
