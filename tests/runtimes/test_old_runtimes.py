"""Hosts pin old runtimes: every family's file gives the same picture there. ``make test-runtimes``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import ModelProto

from ganplugin.builtin import builtin_file, catalog
from ganplugin.export.cases import cases
from ganplugin.export.convert import convert
from ganplugin.export.half import halve
from ganplugin.export.opset import moved_to_opset
from ganplugin.export.profiles import plain, sized, static
from ganplugin.isolated import IsolatedSession
from ganplugin.modelfile import write_model
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Network
from ganplugin.runtime import open_model
from tests.export.networks import everything, manifest_of, painter
from tests.export.test_half import decoder
from tests.models.test_detection import EXAMPLES
from tests.models.upscalers import need_spandrel
from tests.runtimes.environments import python_with

pytestmark = [
    pytest.mark.runtimes,
    pytest.mark.skipif(sys.version_info >= (3, 13), reason="the old runtimes have no wheels for Python 3.13"),
]

VERSIONS = ("1.17.1", "1.19.2")
LABELS = ("batch 1, seed 1", "batch 5, seed 20260", "another size", "every optional input changed")
"""The cases that are compared, of those that a network has."""

Arrays = dict[str, NDArray[np.float32]]


def networks() -> Iterator[tuple[str, Network]]:
    """Every family's example, and what the options of an export make of a network."""
    for name, make in EXAMPLES.items():
        yield name, FAMILIES[name].rebuild(make(), {})
    yield "everything", everything()
    yield "everything-plain", plain(everything())
    yield "everything-static", static(everything())
    yield "painter", painter()
    yield "painter-plain", plain(painter())
    yield "painter-static", static(sized(painter(), 40, 24))


def write(path: Path, proto: ModelProto, network: Network) -> None:
    """Write a model file, and beside it the inputs and outputs of every case in today's onnxruntime."""
    write_model(proto, manifest_of(network), path)
    write_cases(path, [dict(case.feeds) for case in cases(network) if case.label in LABELS], network.outputs)


def write_cases(path: Path, feeds: Sequence[Arrays], outputs: Sequence[str]) -> None:
    with IsolatedSession(path) as session:
        for index, given in enumerate(feeds):
            found = {f"out/{name}": value for name, value in session.run(given, outputs).items()}
            np.savez(
                path.with_suffix(f".{index}.npz"), **{f"in/{name}": value for name, value in given.items()}, **found
            )


def write_builtins(folder: Path) -> None:
    random = np.random.RandomState(0)
    required = {"generator": "z", "style": "content", "scorer": "image"}
    for entry in {entry.file: entry for entry in catalog().values()}.values():
        path = folder / entry.file
        path.write_bytes(builtin_file(entry).read_bytes())
        model = open_model(path)
        name = required[model.manifest.kind]
        shape = [2, *(axis if isinstance(axis, int) else 64 for axis in model.inputs[name][1:])]
        write_cases(path, [{name: random.rand(*shape).astype(np.float32)}], model.outputs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_spandrel()
    place = tmp_path_factory.mktemp("files")
    for name, network in networks():
        write(place / f"{name}.onnx", convert(network), network)
    for opset in (15, 17, 20):
        write(place / f"opset-{opset}.onnx", moved_to_opset(convert(everything()), opset), everything())
    write(place / "half.onnx", halve(convert(decoder())), decoder())
    write_builtins(place)
    return place


@pytest.mark.parametrize("version", VERSIONS)
def test_every_file_gives_the_same_picture_in_an_old_runtime(folder: Path, version: str) -> None:
    python = python_with(version, f"onnxruntime=={version}", "numpy<2")
    command = [python, Path(__file__).with_name("compare.py"), folder]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found = json.loads(run.stdout)
    assert found["version"] == version
    assert len(found["files"]) >= len(EXAMPLES) + 11
    assert all(found["files"].values()), "a file without a case"
    for name, outputs in found["files"].items():
        for output, difference in outputs.items():
            assert difference <= (1e-2 if name == "half.onnx" else 1e-4), (name, output)
