"""What works in this installation, what does not, and how to mend it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ganplugin.cache import cache_folder
from ganplugin.devices import BOTH_WHEELS_FIX, DEVICES, Device, both_wheels_installed, installed
from ganplugin.errors import DependencyError, GanPluginError
from ganplugin.machine import nvidia_cards, usable_processors
from ganplugin.plugins import PLUGIN_GROUPS, load_plugins
from ganplugin.runtime import DEFAULT_THREADS
from ganplugin.sessions import SessionSpec, create_session, load_onnxruntime, runtime_errors, short_reason

__all__ = ["Check", "Report", "Status", "examine"]

Status = Literal["ok", "info", "warning", "failure"]
"""``failure``: nothing can be rendered until it is mended. ``warning``: something else suffers. ``info``: a fact."""

_BASE: Final = ("numpy", "onnx", "pydantic", "pillow", "click", "rich", "isal")
_WHEELS: Final = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
_EXTRAS: Final = {
    "train": ("torch", "train and export models"),
    "upscale": ("spandrel", "export ESRGAN upscalers"),
    "video": ("av", "write MP4 films"),
}
_INSTALL: Final = 'run: pip install "ganplugin[{}]"'
# Every GPU wheel lists TensorRT; few have its libraries, and nobody needs them.
_SEVERITY: Final[Mapping[str, Status]] = {"cpu": "failure", "tensorrt": "info"}
_LOW_DISK: Final = 2**30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: where it belongs, what was found, and the fix if it is a problem."""

    section: str
    name: str
    status: Status
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Report:
    """Every check, in the order in which they are shown."""

    checks: tuple[Check, ...]

    @property
    def can_render(self) -> bool:
        """Whether pictures can be rendered at all."""
        return all(check.status != "failure" for check in self.checks)

    @property
    def problems(self) -> tuple[Check, ...]:
        """What should be mended, the worst first."""
        found = [check for check in self.checks if check.status in ("failure", "warning")]
        return tuple(sorted(found, key=lambda check: check.status != "failure"))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {"can_render": self.can_render, "checks": [asdict(check) for check in self.checks]}


def examine() -> Report:
    """Look at everything that rendering needs, changing and downloading nothing; what it finds never raises."""
    sections = {
        "system": _system,
        "packages": _packages,
        "devices": _devices,
        "disk": _disk,
        "plugins": _plugins,
        "models": _models,
    }
    return Report(tuple(check for name, section in sections.items() for check in _examined(name, section)))


def _examined(name: str, section: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from section()
    except (OSError, ValueError, GanPluginError) as error:
        fix = "if that says nothing to you, report it with this line"
        yield Check(name, name, "warning", f"cannot be examined: {type(error).__name__}: {error}", fix)


def _system() -> Iterator[Check]:
    version = platform.python_version()
    if sys.version_info >= (3, 10):  # noqa: UP036 - a copied folder runs on any Python
        yield Check("system", "Python", "ok", f"{version} ({sys.executable})")
    else:
        yield Check("system", "Python", "failure", version, "install Python 3.10 or newer")
    yield Check("system", "operating system", "ok", platform.platform())
    yield Check(
        "system",
        "processors",
        "ok",
        f"{usable_processors()} usable of {os.cpu_count() or 1}; models use {DEFAULT_THREADS} threads",
    )
    yield from _graphics_cards()


def _graphics_cards() -> Iterator[Check]:
    cards = nvidia_cards()
    if not cards:
        yield Check("system", "NVIDIA GPU", "info", "none found")
    for card in cards:
        yield Check("system", "NVIDIA GPU", "ok", card)
    if cards and installed("onnxruntime-gpu") is None:
        fix = 'run: pip uninstall -y onnxruntime && pip install "ganplugin[gpu]"'
        yield Check("system", "GPU rendering", "warning", "there is a GPU, but onnxruntime for the CPU only", fix)


def _packages() -> Iterator[Check]:
    yield Check("packages", "ganplugin", "ok", installed("ganplugin") or "not installed, run from its folder")
    yield from _stray_folders()
    for name in _BASE:
        version = installed(name)
        if version is None:
            yield Check("packages", name, "failure", "missing", f"run: pip install {name}")
        else:
            yield Check("packages", name, "ok", version)
    yield from _wheels()
    for extra, (module, purpose) in _EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield Check("packages", module, "info", f"not installed; needed to {purpose}", _INSTALL.format(extra))
        else:
            yield Check("packages", module, "ok", installed(module) or "present")


def _stray_folders() -> Iterator[Check]:
    """Find folders named ganplugin without code, which Python takes for the package and so hides the real one."""
    for entry in dict.fromkeys(sys.path):
        folder = Path(entry) / "ganplugin"
        if folder.is_dir() and not (folder / "__init__.py").exists():
            yield Check("packages", "stray folder", "warning", f"{folder} hides the real package", "delete that folder")


def _wheels() -> Iterator[Check]:
    found = {name: version for name in _WHEELS if (version := installed(name)) is not None}
    for name, version in found.items():
        yield Check("packages", name, "ok", version)
    if both_wheels_installed():
        yield Check("packages", "onnxruntime", "warning", "two wheels overwrite each other", BOTH_WHEELS_FIX)


def _devices() -> Iterator[Check]:
    try:
        listed = list(load_onnxruntime().get_available_providers())
    except DependencyError as error:
        yield Check("devices", "onnxruntime", "failure", error.what, error.fix or "")
        return
    if importlib.util.find_spec("onnx") is None:
        yield Check(
            "devices", "all", "failure", "not tried, since the package onnx is missing", "run: pip install onnx"
        )
        return
    with tempfile.TemporaryDirectory(prefix="ganplugin-doctor-") as folder:
        model = _write_doubling_model(Path(folder))
        for kind, backend in DEVICES.items():
            if backend.provider in listed:
                yield _tried(kind, model)
            else:
                yield Check("devices", kind, "info", "not part of this onnxruntime")


def _tried(kind: str, model: Path) -> Check:
    bad = _SEVERITY.get(kind, "warning")
    try:
        doubled = _double(create_session(SessionSpec(model, Device(kind), threads=1)))
    except GanPluginError as error:
        return Check("devices", kind, bad, error.what, error.fix or "")
    except runtime_errors() as error:
        return Check("devices", kind, bad, f"fails when used: {short_reason(str(error))}", DEVICES[kind].broken)
    if doubled != [2.0, 4.0, 6.0]:
        return Check("devices", kind, bad, f"computes wrongly: {doubled}", DEVICES[kind].broken)
    return Check("devices", kind, "ok", "works")


def _double(session: Any) -> list[float]:  # noqa: ANN401 - onnxruntime.InferenceSession
    import numpy as np

    found = session.run(["y"], {"x": np.array([1, 2, 3], np.float32)})[0]
    return [float(value) for value in found]


def _write_doubling_model(folder: Path) -> Path:
    """Write the smallest graph that shows whether a device computes: y = x + x."""
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubling", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / "doubling.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _disk() -> Iterator[Check]:
    for name, folder in (("this folder", Path.cwd()), ("cache", cache_folder())):
        place = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
        free = shutil.disk_usage(place).free
        found = f"{folder}, {free / 2**30:.1f} GiB free"
        if not os.access(place, os.W_OK):
            fix = (
                "choose another folder with --out"
                if name == "this folder"
                else "set GANPLUGIN_CACHE to a writable folder"
            )
            yield Check("disk", name, "warning", f"{folder} cannot be written", fix)
        elif free < _LOW_DISK:
            yield Check("disk", name, "warning", found, "free some space")
        else:
            yield Check("disk", name, "ok", found)


def _plugins() -> Iterator[Check]:
    plugins = [plugin for group in PLUGIN_GROUPS for plugin in load_plugins(group)]
    if not plugins:
        yield Check("plugins", "plugins", "info", "none installed")
    for plugin in plugins:
        name = f"{plugin.name} ({plugin.group})"
        if plugin.error is None:
            yield Check("plugins", name, "ok", plugin.package)
        else:
            fix = f"update or uninstall it: pip install --upgrade {plugin.package}"
            yield Check("plugins", name, "warning", f"{plugin.package}: {plugin.error}", fix)


def _models() -> Iterator[Check]:
    from ganplugin.builtin import catalog, verify_builtins

    damaged = verify_builtins()
    if damaged:
        fix = "run: pip install --force-reinstall --no-deps ganplugin"
        yield Check("models", "builtin models", "warning", f"damaged or missing: {', '.join(damaged)}", fix)
    else:
        yield Check("models", "builtin models", "ok", f"{len(catalog())} intact")
