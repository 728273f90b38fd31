"""The devices that a model can be asked to run on, and what onnxruntime calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Final

from ganplugin.errors import InputError
from ganplugin.registry import did_you_mean

__all__ = [
    "BOTH_WHEELS_FIX",
    "CPU",
    "DEVICES",
    "Backend",
    "Device",
    "both_wheels_installed",
    "installed",
    "parse_device",
]

BOTH_WHEELS_FIX: Final = 'run: pip uninstall -y onnxruntime onnxruntime-gpu && pip install "ganplugin[gpu]"'
"""How to repair an environment that holds both onnxruntime wheels, which overwrite each other's files."""

_GPU_WHEEL: Final = 'run: pip uninstall -y onnxruntime && pip install "ganplugin[gpu]", or use --device cpu'
_CUDA_LIBRARIES: Final = 'run: pip install "onnxruntime-gpu[cuda,cudnn]" and update the driver, or use --device cpu'


@dataclass(frozen=True)
class Backend:
    """How one kind of device is reached.

    ``provider`` is onnxruntime's name; ``memory`` what IO binding calls its memory (None: bind in main memory only).
    ``missing`` is the fix when the installed onnxruntime was built without it, ``broken`` when it does not load.
    ``modes`` are other ways to run on it, by the name that ``--device`` takes behind a plus sign.
    ``fixed_batches`` says that each new batch size costs it a long preparation, so that batches are filled up.
    ``bakes_defaults`` says that it compiles the graph with the defaults of optional inputs as constants, so that
    another value would silently be ignored: there, optional inputs are made required ones, and the defaults are fed.
    """

    provider: str
    missing: str
    broken: str
    memory: str | None = None
    indexed: bool = False
    modes: tuple[str, ...] = ()
    fixed_batches: bool = False
    bakes_defaults: bool = False


DEVICES: Final[Mapping[str, Backend]] = {
    "cpu": Backend("CPUExecutionProvider", "reinstall onnxruntime", "reinstall onnxruntime"),
    "cuda": Backend(
        "CUDAExecutionProvider", _GPU_WHEEL, _CUDA_LIBRARIES, memory="cuda", indexed=True, modes=("graphs",)
    ),
    "tensorrt": Backend(
        "TensorrtExecutionProvider",
        _GPU_WHEEL,
        "run: pip install tensorrt, or use --device cuda",
        memory="cuda",
        indexed=True,
        modes=("fp16",),
        fixed_batches=True,
        bakes_defaults=True,
    ),
    "directml": Backend(
        "DmlExecutionProvider",
        "on Windows run: pip uninstall -y onnxruntime && pip install onnxruntime-directml; elsewhere use --device cpu",
        "update the graphics driver, or use --device cpu",
        indexed=True,
    ),
    "coreml": Backend(
        "CoreMLExecutionProvider",
        'CoreML needs macOS: run pip install "ganplugin[cpu]" there; elsewhere use --device cpu',
        "use --device cpu",
        bakes_defaults=True,
    ),
    "openvino": Backend(
        "OpenVINOExecutionProvider",
        'run: pip uninstall -y onnxruntime && pip install "ganplugin[openvino]", or use --device cpu',
        "reinstall onnxruntime-openvino, or use --device cpu",
        bakes_defaults=True,
    ),
}
"""Every device that can be demanded, by the name that ``--device`` takes; ``auto`` comes on top."""


@dataclass(frozen=True)
class Device:
    """A device as the user names it: a key of `DEVICES` or ``auto``, which of several, counted from 0, and its mode.

    The modes: ``graphs`` of cuda records each batch as one CUDA graph, which saves the launches of small networks;
    ``fp16`` of tensorrt computes with half precision, so that pictures differ in the last levels.
    """

    kind: str
    index: int = 0
    mode: str = ""

    def __str__(self) -> str:
        way = f"{self.kind}+{self.mode}" if self.mode else self.kind
        return f"{way}:{self.index}" if self.index else way


CPU: Final = Device("cpu")


def parse_device(text: str) -> Device:
    """Read ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``cuda+graphs``, ``tensorrt``, ``tensorrt+fp16``, ``directml`` …

    Raises `InputError` with the nearest known name for anything else, and for a number or a mode behind a device that
    has none.
    """
    match = re.fullmatch(r"([a-z]+)(?:\+([a-z0-9]+))?(?::(\d{1,3}))?", text.strip().lower(), re.ASCII)
    kind, mode, index = match.groups() if match else (text, None, None)
    if match is None or (kind != "auto" and kind not in DEVICES):
        raise InputError(f"there is no device {text!r}", where="--device", fix=did_you_mean(kind, ["auto", *DEVICES]))
    if index is not None and (kind == "auto" or not DEVICES[kind].indexed):
        raise InputError(f"{kind} takes no number", where="--device", fix=f"write --device {kind}")
    modes = () if kind == "auto" else DEVICES[kind].modes
    if mode is not None and mode not in modes:
        known = " or ".join(f"{kind}+{name}" for name in modes) or kind
        raise InputError(f"{kind} has no mode {mode!r}", where="--device", fix=f"write --device {known}")
    return Device(kind, int(index or 0), mode or "")


def installed(distribution: str) -> str | None:
    """Return the version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def both_wheels_installed() -> bool:
    """Tell whether ``onnxruntime`` and ``onnxruntime-gpu`` are installed together, so that one broke the other."""
    return installed("onnxruntime") is not None and installed("onnxruntime-gpu") is not None
