"""How models run: the options, one run of a session on its device, and what its failures mean."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.batches import OutOfMemory, is_out_of_memory
from ganplugin.bound_runs import GRAPH_ID, NO_GRAPH, fixed_rows
from ganplugin.devices import DEVICES, parse_device
from ganplugin.errors import Cancelled, GanPluginError, InputError, ModelError
from ganplugin.interruption import interruptible
from ganplugin.levels import nan_error
from ganplugin.session_cache import SharedSession
from ganplugin.sessions import load_onnxruntime, runtime_errors, short_reason

__all__ = ["DEFAULT_THREADS", "Execution", "Planes", "RuntimeOptions"]

Array = NDArray[np.float32]
Planes = NDArray[np.float32] | NDArray[np.uint8]

DEFAULT_THREADS: Final = 2
"""Threads of one session: fixed, so that the bytes of a picture do not depend on the machine's core count."""


@dataclass(frozen=True)
class RuntimeOptions:
    """How models run: ``device`` as `parse_device` reads it, ``threads`` 1..256, ``batch`` rows a run (0 = choose).

    ``cancelled``, asked from another thread while a network runs, ends the run early, with `Cancelled`.
    ``timed`` is told the seconds of every ``network`` run and every ``conversion`` to 8 bits.
    Raises `InputError` if one of them is out of range.
    """

    device: str = "auto"
    threads: int = DEFAULT_THREADS
    batch: int = 0
    cancelled: Callable[[], bool] | None = field(default=None, compare=False)
    timed: Callable[[str, float], None] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        parse_device(self.device)
        if not 1 <= self.threads <= 256:
            raise InputError(f"{self.threads} is not a number of threads", where="--threads", fix="choose 1 to 256")
        if not 0 <= self.batch <= 65536:
            raise InputError(
                f"{self.batch} is not a batch size", where="--batch", fix="choose 1 to 65536, or 0 for auto"
            )

    @contextlib.contextmanager
    def timing(self, step: str) -> Iterator[None]:
        """Tell ``timed`` how long what is inside takes."""
        start = time.perf_counter()
        yield
        if self.timed is not None:
            self.timed(step, time.perf_counter() - start)


@dataclass(frozen=True)
class Execution:
    """Runs a shared session of the file ``path``."""

    path: Path
    shared: SharedSession
    options: RuntimeOptions

    def run(self, feeds: Mapping[str, Array], outputs: list[str]) -> list[Array]:
        """Return the named outputs as the file has them; only what they need is computed.

        Raises `OutOfMemory` if the run does not fit, `Cancelled` if it was ended, `ModelError` for what else fails.
        """
        with self._running(outputs) as options, self.options.timing("network"):
            if self.shared.bound is None:
                found: list[Array] = self.shared.session.run(outputs, self._complete(feeds), options)
                return found
            if self._replays(outputs):
                return [value.numpy() for value in self.shared.bound.replay(options, self._complete(feeds), outputs)]
            return self.shared.bound.fetch(options, self._complete(feeds), outputs)

    def levels(self, feeds: Mapping[str, Array]) -> Planes:
        """Return the output ``image`` [n, c, h, w]: uint8 levels where the device can make them, else float32.

        A device with memory of its own then sends back a quarter of the bytes. Raises as `run` does, and `ImageError`
        if a value is NaN.
        """
        converter = self.shared.converter
        if self.shared.bound is None or converter is None:
            return self.run(feeds, ["image"])[0]
        with self._running(["image"]) as options:
            made = self.shared.bound.replay if self._replays(["image"]) else self.shared.bound.run
            with self.options.timing("network"):
                image = made(options, self._complete(feeds), ["image"])[0]
            with self.options.timing("conversion"):
                levels, flaw = converter.fetch(load_onnxruntime().RunOptions(), {"image": image}, ["levels", "flaw"])
        if flaw:
            raise nan_error()
        planes: Planes = levels.transpose(0, 3, 1, 2)
        return planes

    def rows(self, count: int, most: int) -> int:
        """Return how many rows to compute for ``count``: more where the device wants few different batch sizes."""
        few = DEVICES[self.shared.device.kind].fixed_batches or self.shared.device.mode == "graphs"
        return fixed_rows(count, most) if few else count

    def _replays(self, outputs: list[str]) -> bool:
        """Tell whether runs are recorded as CUDA graphs: not those of any size, nor those that leave out a part."""
        fixed = self.shared.manifest.kind != "style" and outputs != ["w"]
        return self.shared.device.mode == "graphs" and fixed

    def _complete(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        return {**self.shared.defaults, **feeds}

    @contextlib.contextmanager
    def _running(self, outputs: list[str]) -> Iterator[Any]:
        """Give onnxruntime's options of a run; what it raises inside becomes one of our errors."""
        options, cancelled = self._run_options(outputs), self.options.cancelled
        try:
            with self.shared.turn(), interruptible(options, cancelled) if cancelled else contextlib.nullcontext():
                yield options
        except GanPluginError:
            raise
        except runtime_errors() as error:
            raise self._meaning(error) from error

    def _meaning(self, error: Exception) -> GanPluginError:
        if self.options.cancelled is not None and self.options.cancelled():
            return Cancelled(fix="files already written are whole")
        where = f"{self.path} on {self.shared.device}"
        if is_out_of_memory(error):
            fix = "use a smaller size, close other programs, or choose --device cpu"
            return OutOfMemory("does not fit into memory", where=where, fix=fix)
        return ModelError(f"the run failed: {short_reason(str(error))}", where=where)

    def _run_options(self, outputs: list[str]) -> Any:  # noqa: ANN401 - onnxruntime.RunOptions
        options = load_onnxruntime().RunOptions()
        options.only_execute_path_to_fetches = set(outputs) != set(self.shared.outputs)
        if self.shared.device.mode == "graphs" and not self._replays(outputs):
            options.add_run_config_entry(GRAPH_ID, NO_GRAPH)
        return options
