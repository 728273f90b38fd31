from __future__ import annotations

import csv
import json

import pytest
from PIL import Image

from tests.series.kit import SEEDS, series_text


@pytest.fixture
def tides(here):
    """Write tides.yaml with these fields and return its name."""

    def write(**fields) -> str:
        (here / "tides.yaml").write_text(series_text(**fields))
        return "tides.yaml"

    return write


def files(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table(path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def pieces(folder) -> dict[str, bytes]:
    return {name: data for name, data in files(folder).items() if name.startswith("pieces/")}


def test_a_series_is_rendered_with_its_pages(run, here, tides):
    done = run("render", tides(traits={**SEEDS, "Sky": {"choose": ["red", "blue"]}}))
    assert done.code == 0
    assert done.out.startswith("tides: 4 pieces made in ")
    assert done.out.endswith("look at tides/index.html\n")
    names = set(files(here / "tides"))
    assert {"index.html", "traits.csv", "metadata/0.json", "sheets/sheets.pdf", "pieces/00003.png"} <= names
    rows = table(here / "tides/traits.csv")
    assert [row["Sky"] in ("red", "blue") for row in rows] == [True] * 4


def test_what_is_there_is_not_rendered_again(run, here, tides, rendered):
    run("render", tides())
    before, made = files(here / "tides"), sum(rendered)
    again = run("render", "tides.yaml")
    assert again.out.startswith("tides: 0 pieces made, 4 were there in ")
    assert (files(here / "tides"), sum(rendered)) == (before, made)


def test_a_folder_is_gone_on_with(run, here, tides):
    run("render", tides(edition=6), "--pieces", "0-1,4")
    assert sorted(pieces(here / "tides")) == [f"pieces/0000{n}.png" for n in (0, 1, 4)]
    done = run("render", "tides", "--json")
    assert (json.loads(done.out)["made"], json.loads(done.out)["there"]) == (3, 3)
    run("render", "tides.yaml", "--out", "whole")
    assert pieces(here / "whole") == pieces(here / "tides")


def test_a_folder_is_gone_on_with_from_elsewhere(run, here, tides, tmp_path, monkeypatch):
    run("render", tides(), "--pieces", "0")
    monkeypatch.chdir(tmp_path)
    assert run("render", here / "tides").code == 0
    assert len(pieces(here / "tides")) == 4


def test_workers_render_the_same_bytes(run, here, tides):
    run("render", tides(edition=9), "--threads", 1, "--out", "one")
    assert run("render", "tides.yaml", "--threads", 1, "--out", "two", "--workers", 2).code == 0
    assert pieces(here / "one") == pieces(here / "two")


def test_a_dry_run_writes_nothing_and_tells_time_disk_and_rarity(run, here, tides):
    traits = {**SEEDS, "Sky": {"choose": {"red": 1}}, "Calm": {"range": [0, 100]}}
    before = files(here)
    done = run("render", tides(traits=traits, edition=50), "--dry-run")
    assert done.code == 0
    assert "50 pieces, into tides" in done.out
    assert "Sky: red 100%" in done.out
    assert "Calm: " in done.out
    assert "time: about " in done.out
    assert "disk: about " in done.out
    assert set(files(here)) - set(before) == {"tides.yaml"}
    found = json.loads(run("render", "tides.yaml", "--dry-run", "--json").out)
    assert (found["missing"], found["files"], found["failed"]) == (50, ["pieces/00000.png"], "")
    assert found["bytes_per_piece"] > 100


def test_the_best_of_many_are_kept_and_no_two_alike(run, here, tides):
    keep = {"of": 20, "by": "scorer.onnx"}
    done = run("render", tides(keep=keep, edition=5), "--json")
    found = json.loads(done.out)
    assert (found["judged"], found["made"], found["wanted"]) == (20, 5, 5)
    kept = sorted(pieces(here / "tides"))
    scores = [float(row["score"]) for row in table(here / "tides/traits.csv")]
    every = json.loads(run("render", "tides", "--json").out)
    assert (every["judged"], every["made"], every["there"]) == (0, 0, 5)
    tides(edition=20)
    run("render", "tides.yaml", "--out", "all")
    ranked = json.loads(run("score", "scorer.onnx", "all/pieces", "--json").out)["ranking"]
    best = sorted(row["picture"].replace("all/", "") for row in ranked[:5])
    assert kept == best
    assert min(scores) == pytest.approx(ranked[4]["score"], abs=1e-5)
    tides(keep={**keep, "apart": 0.9}, edition=5)
    few = run("render", "tides.yaml", "--out", "apart")
    assert "candidates are 0.9 apart" in few.err
    assert len(pieces(here / "apart")) < 5


def test_a_piece_is_rendered_again_from_what_it_says_of_itself(run, here, tides):
    photo = {"class_type": "GanPluginLoadImages", "inputs": {"path": "photos/cat.jpg"}}
    style = {"class_type": "GanPluginLoadModel", "inputs": {"model": "styles.onnx"}}
    paint = {"class_type": "GanPluginStyleTransfer", "inputs": {"model": ["style", 0], "images": ["photo", 0]}}
    graph = {"photo": photo, "style": style, "paint": paint}
    outputs = [{"formats": ["png", "jpg"], "sizes": [0, 20], "quality": 80}]
    traits = {"Photo": {"set": "photo.path", "pictures": "photos"}}
    run("render", tides(graph=graph, traits=traits, edition=None, outputs=outputs))
    for name in ("00000.png", "00001-20.png", "00000-20.jpg", "00001.jpg"):
        done = run("again", f"tides/pieces/{name}", "--out", f"again-{name}")
        assert done.out.endswith("identical, byte for byte\n"), name


def test_a_film_of_another_size_is_rendered_again(run, here, tides):
    walk = {"class_type": "GanPluginInterpolate", "inputs": {"model": ["model", 0], "frames": 4}}
    graph = {"model": {"class_type": "GanPluginLoadModel", "inputs": {"model": "full.onnx"}}, "walk": walk}
    traits = {"Keys": {"set": "walk.seeds", "seeds": "any", "count": 2}}
    outputs = [{"write": "film", "formats": "webp", "sizes": 24, "enlarge": "pixels"}]
    run("render", tides(graph=graph, traits=traits, outputs=outputs))
    assert run("again", "tides/pieces/00002.webp").out.endswith("identical, byte for byte\n")
    with Image.open(here / "tides/pieces/00002-again.webp") as film:
        assert film.size == (24, 24)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["none.yaml"], 3, "none.yaml"),
        (["empty"], 3, "holds no series - name a series file; start one with: ganplugin series new"),
        (["tides.yaml", "--pieces", "9"], 2, "there is no piece 9 - 0 to 3"),
        (["tides.yaml", "--pieces", "x"], 2, "names no pieces - write them like 0-9,42"),
        (["tides.yaml", "--out", "photos"], 3, "holds other files already, such as 'cat.jpg'"),
        (["tides.yaml", "--device", "toaster"], 2, "toaster"),
        (["tides.yaml", "--engine", "lokal"], 2, "lokal"),
    ],
)
def test_what_cannot_be_rendered_is_refused_in_one_line(run, here, tides, arguments, code, words):
    tides()
    done = run("render", *arguments)
    assert done.code == code
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not (here / "tides").exists()


def test_another_folder_is_not_asked_of_a_series_that_was_begun(run, here, tides):
    run("render", tides(), "--pieces", "0")
    assert "rendered where it was begun" in run("render", "tides", "--out", "other").err
