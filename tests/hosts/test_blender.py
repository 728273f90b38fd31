"""ganplugin in real Blender: the built extension, installed by Blender itself, does what a headless run does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ganplugin
from ganplugin.nodes import NODES
from ganplugin.nodes.blender.drawing import property_name
from ganplugin.nodes.ports import inputs_of, outputs_of, summary
from tests.hosts.environments import made
from tests.nodes.kit import as_levels
from tests.source import ROOT

pytestmark = pytest.mark.hosts

IN_BLENDER = Path(__file__).with_name("in_blender.py")
EXTENSION = "bl_ext.user_default.ganplugin"
LARGEST_INT = 2**31 - 1


class Blender:
    """Blender with the extension installed: a Python with bpy, and the folder of a user's settings."""

    def __init__(self, python: Path, resources: Path) -> None:
        self.python = python
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GANPLUGIN"))},
            "BLENDER_USER_RESOURCES": str(resources),
            "XDG_CACHE_HOME": str(resources / "cache"),
        }
        self.packages = resources / "extensions" / ".local" / "lib" / "python3.11" / "site-packages"

    def run(self, function: str, folder: Path) -> Any:
        """Run a function of in_blender.py and return what it found."""
        self._run([str(IN_BLENDER), function, str(folder)], folder, {})
        return json.loads((folder / "found.json").read_text(encoding="utf-8"))

    def headless(self, folder: Path, *arguments: str) -> None:
        """Run ganplugin's own command in a folder, with the packages of the extension and without Blender."""
        self._run(["-m", "ganplugin", *arguments], folder, {"PYTHONPATH": str(self.packages)})

    def _run(self, arguments: list[str], folder: Path, more: dict[str, str]) -> None:
        command, environment = [str(self.python), *arguments], {**self.environment, **more}
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, env=environment)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.fixture(scope="module")
def python() -> Path:
    return made("blender") / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def extension(tmp_path_factory) -> Path:
    """The zip, built as ``make blender-extension`` builds it."""
    folder = tmp_path_factory.mktemp("extension")
    command = [sys.executable, str(ROOT / "scripts" / "make_blender_extension.py"), "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def blender(python, extension, tmp_path_factory) -> Blender:
    """Blender after a user chose Install from Disk."""
    blender = Blender(python, tmp_path_factory.mktemp("blender"))
    found = blender.run("install", extension.parent)
    assert (found["done"], found["numpy"], found["enabled"]) == (["FINISHED"], "1.26.4", [EXTENSION])
    return blender


def test_the_extension_is_one_that_blender_accepts(python, extension):
    (checker,) = python.parent.parent.glob("lib/python*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/*_ext.py")
    checked = subprocess.run([str(python), str(checker), "validate", str(extension)], check=False)
    assert checked.returncode == 0
    archive = zipfile.ZipFile(extension)
    lines = archive.read("blender_manifest.toml").decode().partition("\n\n")[0].splitlines()
    manifest = {key: json.loads(value) for key, value in (line.split(" = ", 1) for line in lines)}
    assert extension.name == f"ganplugin-blender-{ganplugin.__version__}.zip"
    assert (manifest["id"], manifest["version"]) == ("ganplugin", ganplugin.__version__)
    held = {f"./{name}" for name in archive.namelist() if name.endswith(".whl")}
    assert set(manifest["wheels"]) == held
    assert not any("numpy" in name or "torch" in name for name in held)


def test_every_node_is_there_as_it_is_declared(blender, tmp_path):
    shown = blender.run("declared", tmp_path)
    assert list(shown) == [kind.id for kind in NODES]
    for kind in NODES:
        node = shown[kind.id]
        assert (node["title"], node["description"]) == (kind.title, summary(kind))
        sockets = [port for port in inputs_of(kind) if port.is_socket]
        assert [shown[:2] for shown in node["sockets"]] == [
            [port.name, f"GanPlugin{port.type.title()}Socket"] for port in sockets
        ]
        for port, (_, _, help_) in zip(sockets, node["sockets"], strict=True):
            assert len(help_) > 5
            assert port.help == help_ or port.help.startswith(help_.removesuffix(" …"))
        assert [name for name, _ in node["outputs"]] == [port.name for port in outputs_of(kind) if port.is_socket]
        plain = [port for port in inputs_of(kind) if not port.is_socket]
        for port, shown_as in zip(plain, node["properties"], strict=True):
            assert_same(port, shown_as)


def assert_same(port, shown) -> None:
    types = {"INT": "INT", "FLOAT": "FLOAT", "BOOL": "BOOLEAN", "CHOICE": "ENUM", "TEXT": "STRING"}
    assert (shown["name"], shown["help"]) == (property_name(port.name), port.help)
    assert shown["type"] == types[port.type]
    assert tuple(shown["choices"]) == port.choices
    # Blender's numbers have single precision.
    default = pytest.approx(port.default, abs=1e-6) if port.type == "FLOAT" else port.default
    assert shown["value"] == shown["default"] == (default if port.default is not None else "")
    if port.least is not None:
        assert shown["least"] == port.least
    if port.most is not None:
        assert shown["most"] == min(port.most, LARGEST_INT)


def test_a_render_is_byte_for_byte_that_of_a_headless_run(blender, tmp_path):
    found = blender.run("still", tmp_path)
    assert found == {"error": "", "names": ["seed-0003", "seed-0005"], "fake": [True, True]}
    asked = ("--seeds", "3,5", "--truncation", "0.7", "--out", "headless")
    blender.headless(tmp_path, "sample", "builtin:icons", *asked)
    for name in found["names"]:
        file = tmp_path / "headless" / f"{name}.png"
        assert tmp_path.joinpath(f"{name}.packed").read_bytes() == file.read_bytes()
        assert np.array_equal(np.load(tmp_path / f"{name}.npy")[..., :3], as_levels(file))
        assert np.array_equal(as_levels(tmp_path / f"{name}.png"), as_levels(file))  # as Blender saves it


def test_a_tree_and_its_images_survive_saving_and_opening(blender, tmp_path):
    found = blender.run("reopened", tmp_path)
    assert found["error"] == ""
    assert found["truncation"] == pytest.approx(0.7)
    before, opened, after = (tmp_path.joinpath(f"{name}.packed").read_bytes() for name in ("before", "opened", "after"))
    assert before == opened == after
    assert found["names"] == ["seed-0003", "seed-0005"]  # the first image became seed 5, and its name with it
    assert found["later"] == ["mine"]  # a name that the user gave stays, and what nothing uses any longer goes


def test_materials_and_the_compositor_show_the_very_picture(blender, tmp_path):
    assert blender.run("used", tmp_path) == {"error": ""}
    picture = as_levels(tmp_path / "picture.png").astype(int)
    assert np.array_equal(np.load(tmp_path / "compositor.npy"), picture)
    # Light is summed up in float32, and may fall on the other side of a level.
    assert np.abs(np.load(tmp_path / "material.npy") - picture).max() <= 1


def test_a_walk_becomes_a_sequence_that_the_timeline_plays(blender, tmp_path):
    found = blender.run("sequence", tmp_path)
    names = [f"walk/walk_{number:05d}.png" for number in range(1, 7)]
    assert (found["error"], found["source"]) == ("", "SEQUENCE")
    assert (found["path"], found["files"]) == (f"//{names[0]}", names)
    frames = [as_levels(tmp_path / "copies" / f"walk_{number:05d}.png") for number in (1, 6)]
    assert not np.array_equal(*frames)
    for number, frame in zip((1, 6), frames, strict=True):
        assert np.array_equal(np.load(tmp_path / f"frame-{number}.npy"), frame)
    assert found["kept"]
    assert found["shorter"] == names[:4]
    assert "walk_00002.png: is no frame of ours - move it" in found["in the way"]
    assert found["as images"] == ["", ["FILE", "FILE"]]
    assert found["back"] == ["", ["SEQUENCE"], True]


def test_images_of_blender_go_in_as_blender_would_save_them(blender, tmp_path):
    found = blender.run("brought", tmp_path)
    for name in ("bytes", "opaque", "light", "float"):
        assert found[name] == ""
        ours, theirs = (as_levels(tmp_path / f"{name}{end}.png").astype(int) for end in ("", "-blender"))
        assert ours.shape == theirs.shape
        assert len(np.unique(ours)) > 100
        assert np.abs(ours - theirs).max() <= (name in ("light", "float"))
    assert found["none"] == "Error: Blender Image: has no image - choose one"
    assert found["empty"].startswith("Error: Blender Image: 'gone' has no pixels")


def test_reroutes_and_muted_nodes_hand_on_and_muted_links_do_not(blender, tmp_path):
    found = blender.run("painted", tmp_path)
    assert (found["error"], found["one"]) == ("", ["Photo-great-wave"])
    assert found["join"].startswith("Error: node Join Images (GanPluginJoinImages), b: is missing")


def test_what_is_wrong_is_said_in_one_line_and_nothing_is_made(blender, tmp_path):
    found = blender.run("refused", tmp_path)
    said = {
        "tree": "no such: there is no ganplugin tree",
        "seeds=3,x": "node Sample (GanPluginSample), seeds '3,x': 'x' is not a seed",
        "model=builtin:icon": "did you mean 'icons'?",
        "model=": "node Load Model (GanPluginLoadModel), model:",
        "label=cat": "this network knows no classes",
        "title={x}": "Image Output, '{x}': is not a name template",
        "unsaved": "GAN: the .blend has no folder yet to write to - save it, or give the tree a folder",
        "many": "Image Output: 301 pictures are more than 256 images - choose Sequence",
        "unlinked": "node Sample (GanPluginSample), model: is missing",
        "nothing": "GAN: there is nothing to render - link an Image Output node",
    }
    assert found.pop("images") == []
    assert set(found) == set(said)
    for name, words in said.items():
        assert words in found[name]
        assert "\n" not in found[name]


def test_values_stay_in_their_ranges_and_wrong_links_are_named(blender, tmp_path):
    found = blender.run("ranges", tmp_path)
    assert found["truncation"] == 2.0
    assert found["output"].startswith("Error: Image Output: is not linked to pictures")
    assert "Sample > Sample" in found["circle"]
    assert "output 0 of node Load Model is MODEL, not LATENT" in found["input"]


def test_files_are_written_below_the_folder_of_the_tree_alone(blender, tmp_path):
    found = blender.run("written", tmp_path)
    assert found["errors"] == ["", ""]
    assert found["files"] == ["seed-0003-2.png", "seed-0003.png", "seed-0005-2.png", "seed-0005.png"]
    assert "is outside the output folder" in found["outside"]


def test_a_render_shows_pictures_as_they_come_and_stops_at_esc_or_by_the_button(blender, tmp_path):
    found = blender.run("modal", tmp_path)
    stopped = [["WARNING", "stopped - files already written are whole"]]
    assert (found["begun"], found["mouse"], found["going"]) == (True, ["PASS_THROUGH"], ["PASS_THROUGH"])
    assert "is being rendered already" in found["twice"]
    assert (found["esc"], found["ended"], found["told"]) == (["RUNNING_MODAL"], ["CANCELLED"], stopped)
    assert 3 < found["shown"] < 200
    assert found["steps"] == ["timer", "end"]
    assert 0 < max(found["fractions"]) < 1
    assert (found["button"], found["by button"]) == (["FINISHED"], [["CANCELLED"], stopped])
    assert found["whole"] == [["FINISHED"], [], 3]
    assert found["idle"] == ["CANCELLED"]
    assert found["closed"] == ["", ["timer", "end"]]


def test_disabling_stops_a_render_and_leaves_no_trace(blender, tmp_path):
    found = blender.run("removed", tmp_path)
    nothing = {"types": [], "nodes": [], "menu": [], "threads": []}
    assert (found["after"], found["gone"], found["error"]) == (nothing, nothing, "")
    assert found["tree"] == "NodeTreeUndefined"
    assert found["before"] == found["again"]
    assert {kind.id for kind in NODES} < set(found["before"]["nodes"])
    assert found["before"]["types"]
    assert found["before"]["menu"]


def test_what_is_drawn(blender, tmp_path):
    found = blender.run("drawn", tmp_path)
    for kind in (kind for kind in NODES if kind.title in found["nodes"]):
        plain = [f"prop {property_name(port.name)}" for port in inputs_of(kind) if not port.is_socket]
        assert found["nodes"][kind.title][: len(plain)] == plain
    assert "label seed-0003 IMAGE_DATA" in found["nodes"]["Image Output"]
    assert found["nodes"]["Blender Image"] == ["template_ID image image.new image.open"]
    idle, busy = found["panel"][:2], found["panel"][2:]
    assert idle == ["prop folder", "operator ganplugin.render RENDER_STILL"]
    assert busy[1].startswith("progress ")
    assert busy[2] == "operator ganplugin.cancel X"
    assert [line.removeprefix("operator node.add_node ") for line in found["menu"][: len(NODES)]] == [
        kind.title for kind in NODES
    ]
    assert found["add"] == ["menu NODE_MT_ganplugin_add"]
    assert (found["poll"], found["elsewhere"], found["preferences"]) == (True, False, ["prop models"])
    assert {"builtin:icons", "builtin:great-wave", "mine.onnx"} <= set(found["models"])


def test_the_example_of_the_page_runs(blender, tmp_path):
    assert blender.run("documented", tmp_path) == {"source": "SEQUENCE", "first": "walk_00001.png", "files": 12}
