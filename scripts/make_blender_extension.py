"""Build the Blender extension: one zip that Blender installs from disk, with ganplugin and all that it needs inside.

The wheel of this checkout is built, and what it needs is downloaded by pip as wheels: all but numpy, which Blender
brings. Which Blender it is for follows from the Python that Blender has.

    python scripts/make_blender_extension.py --out dist
    python scripts/make_blender_extension.py --platform linux-x64 --platform windows-x64 --runtime gpu
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SHIM = '''"""ganplugin as an extension of Blender; the code is in the wheel of the same name."""

from ganplugin.nodes import blender


def register():
    """Called by Blender when the extension is enabled."""
    blender.register(__package__)


def unregister():
    """Called by Blender when the extension is disabled."""
    blender.unregister()
'''


@dataclass(frozen=True)
class Platform:
    """One of Blender's platforms: the tags of wheels that it takes, best first, and what pip cannot know from here."""

    tags: tuple[str, ...]
    beside: tuple[str, ...] = ()


def _macos(least: int, machine: str) -> tuple[str, ...]:
    return tuple(f"macosx_{version}_0_{kind}" for version in range(least, 10, -1) for kind in (machine, "universal2"))


PLATFORMS = {
    "linux-x64": Platform((*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)), "manylinux2014_x86_64")),
    # click asks for colorama on Windows alone, and pip reads that condition for the machine that it runs on.
    "windows-x64": Platform(("win_amd64",), ("colorama>=0.4.6",)),
    "macos-arm64": Platform(_macos(14, "arm64")),
}


@dataclass(frozen=True)
class Blender:
    """The Blenders that share one Python: from which version, before which, and the numpy that they bring."""

    least: str
    before: str | None
    numpy: str


BLENDERS = {"3.11": Blender("4.2.0", "5.1.0", "1.26.4"), "3.13": Blender("5.1.0", None, "2.3.4")}


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout in ``folder``, by way of an sdist, so that nothing old slips in."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("ganplugin-*.whl")
    return wheel


def download(wheel: Path, runtime: str, python: str, target: Platform, folder: Path) -> None:
    """Download what the wheel needs into ``folder``, as wheels that fit a platform, without numpy."""
    tags = [word for tag in target.tags for word in ("--platform", tag)]
    numpy = f"numpy=={BLENDERS[python].numpy}"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--dest", str(folder), "--only-binary", ":all:", "--implementation", "cp", "--python-version", python),
            *(*tags, f"{wheel}[{runtime}]", numpy, *target.beside),
        ],
        check=True,
    )
    for file in folder.glob("numpy-*.whl"):
        file.unlink()


def manifest(version: str, python: str, platforms: list[str], wheels: list[str]) -> str:
    """Return the text of ``blender_manifest.toml``."""
    blender = BLENDERS[python]
    fields: dict[str, object] = {
        "schema_version": "1.0.0",
        "id": "ganplugin",
        "version": version,
        "name": "ganplugin",
        "tagline": "Pictures from GANs, by nodes, as images for your scene",
        "maintainer": "ganplugin contributors",
        "type": "add-on",
        "tags": ["Node", "Material", "Compositing"],
        "blender_version_min": blender.least,
        **({"blender_version_max": blender.before} if blender.before else {}),
        "license": ["SPDX:Apache-2.0"],
        "platforms": platforms,
        "wheels": [f"./wheels/{name}" for name in wheels],
    }
    # A JSON string or list of strings is written the same way in TOML.
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    permissions = ["", "[permissions]", 'files = "Read models and pictures, write rendered ones"']
    return "\n".join([*lines, *permissions]) + "\n"


def make(out: Path, runtime: str, python: str, platforms: list[str]) -> Path:
    """Build the extension in ``out`` and return the zip."""
    with tempfile.TemporaryDirectory() as work:
        wheels = Path(work, "wheels")
        wheels.mkdir()
        own = build_wheel(Path(work))
        for name in platforms:
            download(own, runtime, python, PLATFORMS[name], wheels)
        version = own.name.split("-")[1]
        files = sorted(wheels.glob("*.whl"))
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"ganplugin-blender-{version}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("blender_manifest.toml", manifest(version, python, platforms, [f.name for f in files]))
            archive.writestr("__init__.py", SHIM)
            archive.write(ROOT / "LICENSE", "LICENSE")
            for file in files:
                archive.write(file, f"wheels/{file.name}", zipfile.ZIP_STORED)
    return path


def this_platform() -> str:
    """Return Blender's name of the machine at hand."""
    systems = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}
    machines = {"x86_64": "x64", "AMD64": "x64", "arm64": "arm64", "aarch64": "arm64"}
    name = f"{systems.get(platform.system(), '')}-{machines.get(platform.machine(), '')}"
    if name not in PLATFORMS:
        raise SystemExit(f"{platform.system()} on {platform.machine()}: name one by --platform")
    return name


def main() -> None:
    """Build what the command line asks for and print where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the zip")
    parser.add_argument("--platform", action="append", choices=list(PLATFORMS), help="default: this machine's")
    parser.add_argument("--python", choices=list(BLENDERS), default="3.11", help="the Python of your Blender")
    parser.add_argument("--runtime", choices=["cpu", "gpu"], default="cpu", help="which onnxruntime goes in")
    given = parser.parse_args()
    print(make(given.out, given.runtime, given.python, given.platform or [this_platform()]))


if __name__ == "__main__":
    main()
