"""The small folders by which hosts find our nodes: found, written, brought up to date and taken away."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ganplugin.errors import FileError
from ganplugin.files import atomic_write, os_errors
from ganplugin.registry import Registry

__all__ = ["PACKS", "HostPack", "install", "pack_files", "python_of", "uninstall"]

INIT = "__init__.py"


@dataclass(frozen=True)
class HostPack:
    """What a host's folder of packs takes.

    ``nodes_folder`` is the name of that folder in the host's own; ``folder`` is ours in it; ``line`` is all the code
    there; ``data`` are the sub-folders of ``package`` that are copied beside it; ``places`` are where people keep the
    host, below the working folder, home, or the value of ``variable``.
    """

    host: str
    title: str
    nodes_folder: str
    folder: str
    line: str
    package: str
    data: tuple[str, ...]
    variable: str
    places: tuple[str, ...]


PACKS: Registry[HostPack] = (
    Registry[HostPack]("host")
    .add(
        "comfyui",
        HostPack(
            "comfyui",
            "ComfyUI",
            "custom_nodes",
            "ganplugin-nodes",  # no name that Python could import in place of the package
            "from ganplugin.nodes.comfyui.pack import *  # noqa: F403",
            "ganplugin.nodes.comfyui",
            ("locales", "web", "example_workflows"),
            "COMFYUI_PATH",
            ("", "ComfyUI", "comfy/ComfyUI", "Documents/ComfyUI"),
        ),
    )
    .add(
        "invokeai",
        HostPack(
            "invokeai",
            "InvokeAI",
            "nodes",
            "ganplugin_invokeai",
            "from ganplugin.nodes.invokeai import register; register(__name__)",
            "ganplugin.nodes.invokeai",
            ("workflows",),
            "INVOKEAI_ROOT",
            ("", "invokeai", "InvokeAI"),
        ),
    )
)


def install(pack: HostPack, given: Path | None) -> Path:
    """Write the pack into a host's folder, or bring it up to date, and return the pack's folder.

    ``given`` is the host's folder or its folder of packs; None looks where people keep it. Nothing else is touched.
    Raises `FileError` if there is no such host, or if a folder of our name is somebody else's.
    """
    target = find(pack, given) / pack.folder
    _check_ours(pack, target)
    wanted = dict(pack_files(pack))
    for name, data in wanted.items():
        path = target / name
        with os_errors(path):
            same = path.is_file() and path.read_bytes() == data
        if not same:
            with atomic_write(path, overwrite=True) as part:
                part.write_bytes(data)
    return target


def uninstall(pack: HostPack, given: Path | None) -> Path | None:
    """Take away what `install` wrote and return the pack's folder, or None if it was not there.

    Files that somebody else put there stay, with their folders. Raises `FileError` as `install` does.
    """
    target = find(pack, given) / pack.folder
    if not target.exists():
        return None
    _check_ours(pack, target)
    with os_errors(target):
        for name, _ in pack_files(pack):
            (target / name).unlink(missing_ok=True)
        for compiled in target.glob("__pycache__/__init__.*.pyc"):
            compiled.unlink()
        folders = sorted((path for path in target.rglob("*") if path.is_dir()), reverse=True)
        for folder in (*folders, target):
            if not any(folder.iterdir()):
                folder.rmdir()
    return target


def pack_files(pack: HostPack) -> Iterator[tuple[str, bytes]]:
    """Yield every file of a pack: its path in the pack's folder, and its bytes."""
    yield INIT, f"{pack.line}\n".encode()
    root = Path(str(files(pack.package)))
    for folder in pack.data:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                yield path.relative_to(root).as_posix(), path.read_bytes()


def find(pack: HostPack, given: Path | None) -> Path:
    """Return the host's folder of packs. Raises `FileError` if it is not where it was named, or nowhere."""
    if given is not None:
        found = _nodes_folder(pack, given)
        if found is None:
            raise FileError(
                f"is no folder of {pack.title}: it holds no {pack.nodes_folder}",
                where=given,
                fix=f"name the folder that {pack.title} was installed in",
            )
        return found
    named = os.environ.get(pack.variable)
    if named:
        return find(pack, Path(named))
    places = [base / place for base in (Path.cwd(), Path.cwd().parent, Path.home()) for place in pack.places]
    found = next((folder for place in places if (folder := _nodes_folder(pack, place)) is not None), None)
    if found is None:
        raise FileError(
            f"{pack.title} was not found here or at home",
            fix=f"name its folder: ganplugin install {pack.host} PATH",
        )
    return found


def _nodes_folder(pack: HostPack, place: Path) -> Path | None:
    with os_errors(place):
        if place.absolute().name == pack.nodes_folder and place.is_dir():
            return place
        return next((f for inner in ("", pack.title) if (f := place / inner / pack.nodes_folder).is_dir()), None)


def _check_ours(pack: HostPack, target: Path) -> None:
    """Raise unless the folder is free, empty, or holds our line and nothing else as its code."""
    init = target / INIT
    with os_errors(target):
        if not target.exists() or (target.is_dir() and not any(target.iterdir())):
            return
        text = init.read_text(encoding="utf-8", errors="replace") if init.is_file() else ""
    if text.strip() != pack.line:
        raise FileError("is there and is not ours", where=target, fix="move it away, then install again")


def python_of(pack: HostPack, folder: Path) -> Path | None:
    """Return the Python that a host brings beside its folder of packs, if it does and if it is not this one."""
    root = folder.parent
    names = ("venv/bin/python", ".venv/bin/python", "venv/Scripts/python.exe", ".venv/Scripts/python.exe")
    candidates = [*(root / name for name in names), root.parent / "python_embeded" / "python.exe"]
    found = next((path for path in candidates if path.exists()), None)
    # A virtual environment's Python is a link to another: only its folder tells it apart.
    same = found is not None and Path(sys.prefix).resolve() in found.absolute().parents
    return None if same else found
