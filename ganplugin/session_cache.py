"""Sessions opened at most once, shared by every model object that needs the same one."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.batches import BatchSizes
from ganplugin.bound_runs import BoundRuns
from ganplugin.conversion import conversion_model
from ganplugin.devices import BOTH_WHEELS_FIX, CPU, DEVICES, Device, both_wheels_installed
from ganplugin.errors import ModelError, ProviderError
from ganplugin.files import file_digest, os_errors
from ganplugin.manifest import Manifest
from ganplugin.modelfile import check_contract, read_model, taken_defaults
from ganplugin.optimised import open_with_cache
from ganplugin.sessions import SessionSpec, create_session, load_onnxruntime

__all__ = ["SessionCache", "SharedSession", "model_digest"]

_LOG: Final = logging.getLogger("ganplugin")
_AUTO_ORDER: Final = ("cuda", "directml", "coreml")  # not tensorrt, which compiles for minutes before the first picture


@dataclass(frozen=True, eq=False)
class SharedSession:
    """An open session, what it is a session of, and what was learned of its memory.

    ``defaults`` are to be fed where nothing else is, for a provider that does not know optional inputs. ``altered``
    says that the session runs another graph than the file's.
    """

    session: Any
    manifest: Manifest
    digest: str
    device: Device
    defaults: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    altered: bool = False
    batches: BatchSizes = field(default_factory=BatchSizes)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def provider(self) -> str:
        """onnxruntime's name of the provider that really came up, and its precision where that is not single."""
        name = str(self.session.get_providers()[0])
        return f"{name}+fp16" if self.device.mode == "fp16" else name

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of what the file computes."""
        return tuple(port.name for port in self.session.get_outputs())

    def turn(self) -> contextlib.AbstractContextManager[object]:
        """Return what to hold during a run: DirectML sessions and CUDA graphs take one thread at a time."""
        alone = self.device.kind == "directml" or self.device.mode == "graphs"
        return self.lock if alone else contextlib.nullcontext()

    @cached_property
    def bound(self) -> BoundRuns | None:
        """Runs whose results stay in the device's memory, where it has one of its own that can be bound."""
        return _bound(self.session, self.device)

    @cached_property
    def converter(self) -> BoundRuns | None:
        """The runs of `conversion_model` on the same device, where there are `bound` ones."""
        if self.bound is None:
            return None
        # The plain CUDA provider, also beside TensorRT: there is nothing here to compile.
        device = Device("cuda", self.device.index)
        session = create_session(SessionSpec(Path("conversion"), device, 1, content=conversion_model()))
        return _bound(session, device)


def _bound(session: Any, device: Device) -> BoundRuns | None:  # noqa: ANN401 - onnxruntime.InferenceSession
    memory = DEVICES[device.kind].memory
    return None if memory is None else BoundRuns(session, memory, device.index)


def model_digest(path: Path) -> str:
    """Return the SHA-256 of a model file, computed again only if its size or time changed.

    Raises `FileError` if it cannot be read.
    """
    with os_errors(path):
        whole = path.resolve()
        stat = whole.stat()
    return _digest(whole, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    # Size and time stand in the key alone: a changed file gets a new entry.
    del size, mtime_ns
    return file_digest(path)


class SessionCache:
    """The sessions of this process, least recently used dropped first. Safe to use from many threads."""

    def __init__(self, capacity: int = 8) -> None:
        self._capacity = capacity
        self._open: OrderedDict[tuple[str, str, int], SharedSession] = OrderedDict()
        self._lock = threading.Lock()
        self._opening = threading.RLock()
        self._broken: dict[Device, str] = {}
        self._said: set[str] = set()

    def get(self, path: Path, device: Device, threads: int) -> SharedSession:
        """Return the session of a model file on a device, opening it if no equal one is open.

        ``auto`` takes the first device that comes up and says once why a better one did not.
        Raises `FileError`, `ModelError`, `DependencyError`, and `ProviderError` for a demanded device.
        """
        digest = model_digest(path)
        if device.kind != "auto":
            return self._on(path, digest, device, threads)
        for candidate in self._candidates():
            try:
                return self._on(path, digest, candidate, threads)
            except ProviderError as error:
                self._broken[candidate] = error.what
                self._say_once(f"{candidate}: {error.what}; rendering on the CPU instead ({error.fix})")
        return self._on(path, digest, CPU, threads)

    def clear(self) -> None:
        """Forget every session and everything learned of devices; models in use keep theirs."""
        with self._lock:
            self._open.clear()
            self._broken.clear()
            self._said.clear()

    def _candidates(self) -> Iterator[Device]:
        listed = load_onnxruntime().get_available_providers()
        for kind in _AUTO_ORDER:
            if DEVICES[kind].provider in listed and Device(kind) not in self._broken:
                yield Device(kind)

    def _on(self, path: Path, digest: str, device: Device, threads: int) -> SharedSession:
        key = (digest, str(device), threads)
        found = self._find(key)
        if found is not None:
            return found
        with self._opening:
            # Another thread may have opened it while this one waited.
            return self._find(key) or self._keep(key, self._create(path, digest, device, threads))

    def _find(self, key: tuple[str, str, int]) -> SharedSession | None:
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
            return self._open.get(key)

    def _keep(self, key: tuple[str, str, int], shared: SharedSession) -> SharedSession:
        with self._lock:
            self._open[key] = shared
            while len(self._open) > self._capacity:
                self._open.popitem(last=False)
        return shared

    def _create(self, path: Path, digest: str, device: Device, threads: int) -> SharedSession:
        runtime = load_onnxruntime()
        if both_wheels_installed():
            self._say_once(
                f"onnxruntime and onnxruntime-gpu are installed together and break each other: {BOTH_WHEELS_FIX}"
            )
        proto, manifest = read_model(path)
        check_contract(proto, manifest, where=path)
        defaults = taken_defaults(proto) if DEVICES[device.kind].bakes_defaults else {}
        content = proto.SerializeToString() if defaults else None
        spec = SessionSpec(path, device, threads, content=content)
        session = open_with_cache(spec, digest, str(runtime.__version__), create_session)
        if model_digest(path) != digest:
            raise ModelError("changed while it was being opened", where=path, fix="try again")
        return SharedSession(session, manifest, digest, device, defaults)

    def _say_once(self, message: str) -> None:
        with self._lock:
            if message in self._said:
                return
            self._said.add(message)
        _LOG.warning(message)
