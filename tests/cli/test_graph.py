"""``ganplugin graph``: a graph file, or a picture that carries one, run, changed, drawn and described."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ganplugin.nodes.graph_schema import graph_schema
from tests.nodes.kit import as_levels, node, save

FLOW = {
    "1": node("LoadModel", model="full.onnx"),
    "2": node("Sample", model=["1", 0], seeds="3-5", truncation=0.8),
    "3": node("SaveImages", images=["2", 0], folder="pictures"),
    "4": node("ContactSheet", images=["2", 0]),
    "5": node("SaveImages", images=["4", 0], folder="sheets"),
}


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch) -> Path:
    """Where pictures are kept from run to run."""
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def flow(here):
    """Write a graph into the working folder and return its name."""

    def write(graph=FLOW, name="flow.json", **more) -> str:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(json.dumps({**graph, **more}))
        return name

    return write


def below(folder) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def test_a_graph_is_run_and_says_what_it_wrote(run, flow):
    done = run("graph", flow())
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "node 3: 3 files, output/pictures/seed-0003.png to output/pictures/seed-0005.png\n"
        "node 5: output/sheets/sheet.png\n"
    )
    assert below("output") == [
        "pictures/seed-0003.png",
        "pictures/seed-0004.png",
        "pictures/seed-0005.png",
        "sheets/sheet.png",
    ]
    sampled = run("sample", "full.onnx", "--seeds", "4", "--truncation", "0.8")
    assert sampled.code == 0
    assert np.array_equal(as_levels(Path("samples/seed-0004.png")), as_levels(Path("output/pictures/seed-0004.png")))


def test_results_in_json(run, flow):
    done = run("graph", flow(), "--json", "--out", "here")
    assert json.loads(done.out) == {
        "files": {
            "3": [f"here/pictures/seed-000{seed}.png" for seed in (3, 4, 5)],
            "5": ["here/sheets/sheet.png"],
        }
    }


def test_every_problem_is_listed_and_nothing_is_written(run, flow, files, rendered):
    graph = flow(
        **{
            "2": node("Sample", model=["1", 0], seeds=3, truncation=8),
            "4": node("ContactSheat", images=["2", 0]),
            "6": node("SaveVideo", images=["2", 1]),
            "7": node("JoinImages", a=["7", 0], b=["99", 0]),
        }
    )
    before = files()
    done = run("graph", graph)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines() == [
        "node 4, class_type: there is no node 'GanPluginContactSheat' - did you mean 'GanPluginContactSheet'?",
        "node 2 (GanPluginSample), seeds: 3 is not a text",
        "node 2 (GanPluginSample), truncation: 8 is not a number, -2 to 2",
        "node 6 (GanPluginSaveVideo), images: output 1 of node 2 is LATENT, not IMAGE - output 0 (images) of it is one",
        "node 7 (GanPluginJoinImages), b: there is no node '99' - known: 1, 2, 3, 4, 5, 6, 7",
        "node 7: the graph runs in a circle: 7 > 7 - cut one of the links",
        "ganplugin: flow.json: has 6 problems, and nothing was rendered",
    ]
    assert files() == before
    assert rendered == []


def test_one_problem_is_one_line(run, flow):
    done = run("graph", flow(), "--set", "2.truncation=8")
    assert done.code == 2
    assert done.err == "ganplugin: node 2 (GanPluginSample), truncation: 8 is not a number, -2 to 2\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "name a graph: a JSON file or a picture - see: ganplugin graph --help"),
        (("none.json",), 3, "none.json: no such file or directory - check the path"),
        (("empty",), 3, "empty: is a directory"),
        (("photos/dog.png",), 4, "photos/dog.png: carries no graph - name a JSON file, or a picture as it was written"),
        (("full.onnx",), 2, "full.onnx: is no text file - in ComfyUI choose Workflow > Export (API)"),
        (("flow.json", "--set", "9.x=1"), 2, "--set 9.x=1: there is no node '9'"),
        (("flow.json", "--set", "2.seeds"), 2, "--set 2.seeds: is not a change"),
        (("flow.json", "--set", "2.seeds=x"), 2, "node 2 (GanPluginSample), seeds 'x': 'x' is not a seed"),
        (("flow.json", "--set", "1.model=no.onnx"), 3, "node 1 (GanPluginLoadModel), no.onnx: there is no such model"),
        (("flow.json", "--set", "3.folder=../up"), 2, "node 3 (GanPluginSaveImages), '../up': is outside the output"),
        (("flow.json", "--set", "5.folder=pictures", "--set", "5.name=seed-0003"), 2, "would be written by node"),
        (("flow.json", "--out", "full.onnx"), 3, "full.onnx"),
        (("flow.json", "--draw", "photos/dog.png"), 2, "--draw photos/dog.png: is no SVG file - end the name in .svg"),
        (("--draw",), 2, "name a graph"),
        (("--draw", "none.svg"), 2, "name a graph"),
    ],
)
def test_refusals(run, flow, files, rendered, arguments, code, message):
    flow()
    before = files()
    done = run("graph", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert files() == before
    assert rendered == []


def test_values_are_changed_by_hand(run, flow):
    changes = ("--set", "2.seeds=7", "--set", "2.truncation=1", "--set", "5.name=all")
    assert run("graph", flow(), *changes).code == 0
    assert below("output") == ["pictures/seed-0007.png", "sheets/all.png"]
    sampled = run("sample", "full.onnx", "--seeds", "7")
    assert sampled.code == 0
    assert np.array_equal(as_levels(Path("samples/seed-0007.png")), as_levels(Path("output/pictures/seed-0007.png")))


def test_a_second_run_writes_nothing_that_is_there(run, flow, files, rendered):
    assert run("graph", flow()).code == 0
    before = files()
    rendered.clear()
    done = run("graph", "flow.json")
    assert done.code == 0
    assert sorted(done.err.splitlines()) == [
        "1 of 1 pictures are there already, as asked",
        "3 of 3 pictures are there already, as asked",
    ]
    assert "node 5: output/sheets/sheet.png\n" in done.out
    assert files() == before
    assert rendered == []


def test_a_change_is_rendered_into_another_folder_or_over_the_old_files(run, flow, files, rendered):
    assert run("graph", flow()).code == 0
    before = files()
    rendered.clear()
    refused = run("graph", "flow.json", "--set", "2.truncation=0.5")
    assert refused.code == 3
    assert (
        "node 3 (GanPluginSaveImages), output/pictures/seed-0003.png: exists already - add --overwrite" in refused.err
    )
    assert rendered == []
    assert files() == before
    assert run("graph", "flow.json", "--set", "2.truncation=0.5", "--overwrite").code == 0
    assert sum(rendered) == 3
    after = files()
    assert after.keys() == before.keys()
    assert {name for name in before if before[name] != after[name]} == {
        name for name in before if name.startswith("output")
    }


def test_pictures_do_not_carry_that_they_were_overwritten(run, flow):
    from ganplugin.images import read_text

    for options in ((), ("--overwrite", "--set", "2.truncation=0.5")):
        assert run("graph", flow(), *options).code == 0
        prompt = json.loads(read_text(Path("output/pictures/seed-0003.png"))["prompt"])
        assert prompt["3"] == FLOW["3"]
        assert prompt["2"]["inputs"]["truncation"] == (0.5 if options else 0.8)


def test_a_later_run_renders_only_what_a_change_reaches(run, flow, rendered, kept):
    assert run("graph", flow()).code == 0
    assert sum(rendered) == 3
    assert len(below(kept)) == 4
    for number, (change, pictures) in enumerate({"4.columns=1": 0, "2.seeds=3-6": 1, "2.noise=none": 3}.items()):
        rendered.clear()
        assert run("graph", "flow.json", "--set", change, "--out", f"out{number}").code == 0
        assert sum(rendered) == pictures
    rendered.clear()
    assert run("graph", "flow.json", "--no-cache", "--out", "fresh").code == 0
    assert sum(rendered) == 3
    fresh, first = Path("fresh/pictures/seed-0004.png"), Path("output/pictures/seed-0004.png")
    assert fresh.read_bytes() == first.read_bytes()


def test_no_cache_keeps_nothing(run, flow, kept):
    assert run("graph", flow(), "--no-cache").code == 0
    assert not kept.exists()


def test_damaged_and_unwritable_caches_cost_nothing(run, flow, kept, rendered, monkeypatch):
    assert run("graph", flow()).code == 0
    for path in kept.iterdir():
        data = bytearray(path.read_bytes())
        data[60] ^= 1
        path.write_bytes(data)
    rendered.clear()
    assert run("graph", "flow.json", "--out", "again").code == 0
    assert sum(rendered) == 3
    first = Path("output/sheets/sheet.png").read_bytes()
    assert Path("again/sheets/sheet.png").read_bytes() == first
    monkeypatch.setenv("GANPLUGIN_CACHE", str(Path("full.onnx").resolve()))
    assert run("graph", "flow.json", "--out", "third").code == 0
    assert Path("third/sheets/sheet.png").read_bytes() == first


def test_another_process_finds_the_pictures(run, flow, kept):
    command = [sys.executable, "-m", "ganplugin", "graph", flow(), "--out", "first"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert len(list(kept.iterdir())) == 4
    command = [sys.executable, "-c", NO_RENDERING, "graph", "flow.json", "--out", "second", "--set", "4.cell=8"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert len(list(kept.iterdir())) == 5
    for path in Path("first/pictures").iterdir():
        assert np.array_equal(as_levels(path), as_levels(Path("second/pictures") / path.name))


NO_RENDERING = """
from ganplugin.cli import main
from ganplugin.runtime import Model

def generate(*arguments, **options):
    raise SystemError("rendered")

Model.generate = generate
main()
"""


def test_a_picture_is_run_again_with_its_whole_graph(run, flow):
    assert run("graph", flow()).code == 0
    done = run("graph", "output/pictures/seed-0004.png", "--out", "twice", "--set", "2.seeds=9", "--inputs", ".")
    assert done.code == 0
    assert below("twice") == ["pictures/seed-0009.png", "sheets/sheet.png"]
    again = run("graph", "output/sheets/sheet.png", "--out", "thrice", "--inputs", ".")
    assert again.code == 0
    for name in below("output"):
        assert (Path("thrice") / name).read_bytes() == (Path("output") / name).read_bytes()


def test_what_a_picture_of_a_single_recipe_lacks_is_said(run):
    assert run("sample", "full.onnx", "--seeds", "3").code == 0
    done = run("graph", "samples/seed-0003.png")
    assert done.code == 2
    assert "graph: writes nothing - end it with GanPluginSaveImages or SaveImage" in done.err


def test_files_are_found_beside_the_graph_in_its_input_folder_and_in_named_ones(run, flow, here):
    graph = {
        "1": node("LoadModel", model="style.onnx"),
        "2": node("LoadImages", path="beside.png"),
        "3": node("LoadImage", image="inside.png"),
        "4": node("LoadImage", image="named.png [input]"),
        "5": node("JoinImages", a=["2", 0], b=["3", 0]),
        "6": node("JoinImages", a=["5", 0], b=["4", 0]),
        "7": node("StyleTransfer", model=["1", 0], images=["6", 0]),
        "8": node("SaveImages", images=["7", 0], folder="."),
    }
    flow(graph, "project/flow.json")
    save(here / "project" / "beside.png", seed=1)
    save(here / "project" / "input" / "inside.png", seed=2)
    save(here / "elsewhere" / "named.png", seed=3)
    (here / "project" / "models").mkdir()
    (here / "styles.onnx").rename(here / "project" / "models" / "style.onnx")
    refused = run("graph", "project/flow.json")
    assert refused.code == 3
    assert "node 4 (LoadImage), named.png [input]: no such picture - name its folder with --inputs" in refused.err
    done = run("graph", "project/flow.json", "--inputs", "elsewhere")
    assert done.code == 0, done.err
    assert len(below("output")) == 3
    for name in below("output"):
        again = run("again", f"output/{name}", "--inputs", "project", "--inputs", "elsewhere", "--json",
                    "--inputs", "project/input", "--inputs", "project/models")  # fmt: skip
        assert json.loads(again.out)["identical"], name


def everything(folder: Path) -> dict[str, object]:
    """A graph that writes a file of every kind, from every node."""
    shown = [np.full((8, 8, 4), 40 * n, np.uint8) for n in range(1, 4)]
    from PIL import Image

    frames = [Image.fromarray(levels) for levels in shown]
    frames[0].save(folder / "frames.gif", save_all=True, append_images=frames[1:])
    return {
        "model": node("LoadModel", model="full.onnx"),
        "classes": node("LoadModel", model="classes.onnx"),
        "style": node("LoadModel", model="styles.onnx#night"),
        "painting": node("LoadModel", model="painting.onnx"),
        "judge": node("LoadModel", model="scorer.onnx"),
        "photos": node("LoadImages", path="photos"),
        "dog": node("LoadImage", image="photos/dog.png", upload="image"),
        "gif": node("LoadImage", image="frames.gif"),
        "faces": node("Sample", model=["model", 0], seeds="1,2", seed=3, truncation=0.7),
        "dogs": node("Sample", model=["classes", 0], seeds="1", label="dog", noise="seeded"),
        "walk": node("Interpolate", model=["model", 0], latents=["mix", 0], frames=3),
        "mix": node("MixStyles", model=["model", 0], a=["faces", 1], b=["faces", 1]),
        "file": node("SaveLatents", latents=["mix", 0], path="mix.npz"),
        "loaded": node("LoadLatents", path=["file", 0]),
        "more": node("Sample", model=["model", 0], latents=["loaded", 0]),
        "styled": node("StyleTransfer", model=["style", 0], images=["photos", 0], mask=["photos", 1], strength=0.5),
        "painted": node(
            "StyleTransfer", model=["painting", 0], images=["gif", 0], style_image=["dog", 0], mask=["gif", 1]
        ),
        "ranked": node("Score", model=["judge", 0], images=["styled", 0]),
        "joined": node("JoinImages", a=["ranked", 0], b=["dogs", 0]),
        "sheet": node("ContactSheet", images=["joined", 0], captions=True),
        "save faces": node("SaveImage", images=["faces", 0], filename_prefix="faces/a"),
        "save painted": node("SaveImage", images=["painted", 0]),
        "save sheet": node("SaveImages", images=["sheet", 0], format="webp"),
        "save joined": node("SaveImages", images=["joined", 0], format="jpg", name="{name}-{index}"),
        "save more": node("SaveImages", images=["more", 0], folder="more"),
        "look": node("PreviewImage", images=["gif", 0]),
        **{
            f"film {suffix}": node("SaveVideo", images=["walk", 0], path=f"walk.{suffix}", fps=12.0, scale=16)
            for suffix in ("png", "gif", "webp", "mp4", "webm")
        },
        "film of frames": node("SaveVideo", images=["painted", 0], path="painted.webp"),
    }  # fmt: skip


def test_everything_that_a_graph_writes_can_be_made_again_byte_for_byte(run, flow, here):
    graph = everything(here)
    done = run("graph", flow(graph), "--json")
    assert done.code == 0, done.err
    files = [path for paths in json.loads(done.out)["files"].values() for path in paths]
    assert len(files) == 21
    assert sorted(files) == [f"output/{name}" for name in below("output")]
    for path in files:
        if path.endswith(".npz"):
            continue
        again = run("again", path, "--inputs", "output", "--json")
        assert again.code == 0, again.err
        result = json.loads(again.out)
        assert result["identical"], path
        assert Path(result["file"]).read_bytes() == Path(path).read_bytes()
        from ganplugin.video import read_video_text

        assert json.loads(read_video_text(Path(path))["prompt"]) == graph
        assert str(here) not in json.dumps(read_video_text(Path(path)))


def test_a_graph_is_shown_as_text(run, flow):
    for arguments in ((flow(), "--draw"), ("--draw", "flow.json")):
        done = run("graph", *arguments)
        assert done.code == 0
        assert done.out.splitlines()[0] == "1  Load Model     model=full.onnx"
        assert len(done.out.splitlines()) == len(FLOW)
    assert not Path("output").exists()


def test_a_graph_is_drawn_into_a_file(run, flow):
    done = run("graph", flow(), "--draw", "flow.svg", "--set", "2.seeds=77")
    assert (done.code, done.out) == (0, "flow.svg\n")
    drawn = Path("flow.svg").read_text(encoding="utf-8")
    ElementTree.fromstring(drawn)
    assert "seeds 77" in drawn
    refused = run("graph", "flow.json", "--draw", "flow.svg")
    assert refused.code == 3
    assert "flow.svg: exists already - add --overwrite" in refused.err
    assert run("graph", "flow.json", "--draw", "flow.svg", "--overwrite").code == 0
    assert Path("flow.svg").read_text(encoding="utf-8") != drawn


def test_the_schema_is_printed(run):
    done = run("graph", "--schema")
    assert done.code == 0
    assert json.loads(done.out) == graph_schema()
