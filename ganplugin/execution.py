"""How models run: the options, one run of a session on its device, and what its failures mean."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.batches import OutOfMemory, is_out_of_memory
from ganplugin.devices import DEVICES, parse_device
from ganplugin.errors import Cancelled, GanPluginError, InputError, ModelError
from ganplugin.interruption import interruptible
from ganplugin.session_cache import SharedSession
from ganplugin.sessions import load_onnxruntime, runtime_errors, short_reason

__all__ = ["DEFAULT_THREADS", "Execution", "RuntimeOptions"]

Array = NDArray[np.float32]

DEFAULT_THREADS: Final = 2
"""Threads of one session: fixed, so that the bytes of a picture do not depend on the machine's core count."""


@dataclass(frozen=True)
class RuntimeOptions:
    """How models run: ``device`` as `parse_device` reads it, ``threads`` 1..256, ``batch`` rows a run (0 = choose).

    ``cancelled``, asked from another thread while a network runs, ends the run early, with `Cancelled`.
    Raises `InputError` if one of them is out of range.
    """

    device: str = "auto"
    threads: int = DEFAULT_THREADS
    batch: int = 0
    cancelled: Callable[[], bool] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        parse_device(self.device)
        if not 1 <= self.threads <= 256:
            raise InputError(f"{self.threads} is not a number of threads", where="--threads", fix="choose 1 to 256")
        if not 0 <= self.batch <= 65536:
            raise InputError(
                f"{self.batch} is not a batch size", where="--batch", fix="choose 1 to 65536, or 0 for auto"
            )


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
        try:
            with self.shared.turn():
                return self._run_on_device(feeds, outputs)
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

    def _run_on_device(self, feeds: Mapping[str, Array], outputs: list[str]) -> list[Array]:
        run_options, cancelled = self._run_options(outputs), self.options.cancelled
        feeds = {**self.shared.defaults, **feeds}
        with interruptible(run_options, cancelled) if cancelled else contextlib.nullcontext():
            return self._run_with(run_options, feeds, outputs)

    def _run_options(self, outputs: list[str]) -> Any:  # noqa: ANN401 - onnxruntime.RunOptions
        options = load_onnxruntime().RunOptions()
        options.only_execute_path_to_fetches = set(outputs) != set(self.shared.outputs)
        return options

    def _run_with(self, options: Any, feeds: Mapping[str, Array], outputs: list[str]) -> list[Array]:  # noqa: ANN401
        session, device = self.shared.session, self.shared.device
        memory = DEVICES[device.kind].memory
        if memory is None:
            found: list[Array] = session.run(outputs, feeds, options)
            return found
        binding = session.io_binding()
        values = load_onnxruntime().OrtValue
        for name, value in feeds.items():
            # Not bind_cpu_input: that one knows required inputs only, and refuses those that carry a default.
            binding.bind_ortvalue_input(name, values.ortvalue_from_numpy(value))
        for name in outputs:
            # The result's buffer stays on the device until the run is over; its shape need not be known before.
            binding.bind_output(name, memory, device.index)
        session.run_with_iobinding(binding, options)
        copied: list[Array] = binding.copy_outputs_to_cpu()
        return copied
