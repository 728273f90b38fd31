"""What a user installs is what stands here: the wheel and the sdist hold the whole source and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import ganplugin
import ganplugin.cli
from tests.source import FOLDERS, ROOT

PACKAGED = re.compile(
    r".*(?:\.py|/py\.typed|/builtin/[^/]+\.(?:onnx|json|webp|md)|/series/page/[^/]+|/pages/[^/]+|/train/page/[^/]+"
    r"|/comfyui/(?:icon\.png|(?:locales|web|example_workflows)/.+)|/invokeai/workflows/[^/]+\.json)$"
)
BUILD_FILES = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")


def source_files() -> set[str]:
    """Return what the wheel must hold, as paths below site-packages."""
    found = set()
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*"):
            name = f"{package.replace('.', '/')}/{path.relative_to(folder).as_posix()}"
            if path.is_file() and PACKAGED.match(name):
                found.add(name)
    return found


def build(source: Path, out: Path, kind: str) -> Path:
    """Build a wheel or an sdist with the tools of this environment and return its path."""
    command = [sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return path


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, built from a copy because a build leaves files beside the source."""
    copy = tmp_path_factory.mktemp("source")
    for folder in FOLDERS.values():
        shutil.copytree(folder, copy / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILD_FILES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy / name)
    return build(copy, tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel, built from the unpacked sdist as installers do."""
    unpacked = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(unpacked, filter="data")
    (source,) = unpacked.iterdir()
    return zipfile.ZipFile(build(source, tmp_path_factory.mktemp("wheel"), "wheel"))


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = (entry for entry in wheel.namelist() if entry.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()


def test_the_wheel_holds_the_source_and_nothing_else(wheel: zipfile.ZipFile):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == source_files()


def test_the_wheel_adds_one_import_name_alone(wheel: zipfile.ZipFile):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"ganplugin"}


def test_the_wheel_is_typed_licensed_and_has_its_command(wheel: zipfile.ZipFile):
    assert "ganplugin/py.typed" in wheel.namelist()
    assert "ganplugin = ganplugin.cli:main" in metadata(wheel, "entry_points.txt")
    assert "Apache License" in metadata(wheel, "licenses/LICENSE")


def test_the_wheel_says_what_it_needs(wheel: zipfile.ZipFile):
    headers = HeaderParser().parsestr(metadata(wheel, "METADATA"))
    assert headers["Version"] == ganplugin.__version__
    assert headers["Requires-Python"] == ">=3.10"
    assert {"gpu", "cpu", "train", "video", "dev"} <= set(headers.get_all("Provides-Extra", []))
    base = [line for line in headers.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert not any(re.match(r"torch|onnxruntime|diffusers", line) for line in base)


def test_the_embedded_models_and_their_catalogue_travel(wheel: zipfile.ZipFile):
    held = {Path(name).name for name in wheel.namelist() if name.startswith("ganplugin/builtin/")}
    entries = json.loads(wheel.read("ganplugin/builtin/catalog.json"))["models"]
    assert {entry["file"] for entry in entries.values()} <= held
    assert {"generator", "scorer", "style"} == {entry["kind"] for entry in entries.values()}


def test_the_sdist_holds_all_that_a_build_needs(sdist: Path):
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "nodes/__init__.py", "export/__init__.py"} <= held


def test_the_versions_agree():
    assert version("ganplugin") == ganplugin.__version__


def test_the_console_script_starts_the_command_line():
    (script,) = entry_points(group="console_scripts", name="ganplugin")
    assert script.load() is ganplugin.cli.main
