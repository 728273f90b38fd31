from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ganplugin.train.page.standing import Limits, Standing
from ganplugin.train.page.story import read_story
from ganplugin.train.page.writing import page_data, run_page, write_run_page
from tests.series.test_gallery import ATTACK, Outline, contrast, data_of
from tests.source import ROOT
from tests.train.page.runs_made import entry, run_folder


def standing(step: int = 2000, **changes: object) -> Standing:
    known = {
        "state": "running",
        "step": step,
        "seen": 64 * step,
        "seconds": 0.31 * step,
        "part": 0.5,
        "left": 620.0,
        "every": 300.0,
        "limits": Limits(minutes=30),
    }
    return Standing(**{**known, **changes})


def test_the_page_and_its_news_hold_the_same(tmp_path: Path) -> None:
    page = write_run_page(run_folder(tmp_path / "icons"), standing())
    assert page == tmp_path / "icons" / "run.html"
    news = re.fullmatch(r"ganpluginRun\((.*)\);\n", (page.parent / "run.js").read_text())
    assert news is not None
    assert json.loads(news[1]) == data_of(page.read_text())
    assert {path.name for path in page.parent.iterdir()} == {
        "grids", "strips", "log.jsonl", "run.json", "run.html", "run.js",
    }  # fmt: skip


def test_the_data_say_what_the_run_is_and_how_it_does(tmp_path: Path) -> None:
    data = page_data(read_story(run_folder(tmp_path / "icons")), standing())
    told = {name: data[name] for name in ("name", "state", "recipe", "pictures", "data", "size", "left", "backbones")}
    assert told == {
        "name": "icons",
        "state": "running",
        "recipe": "quick",
        "pictures": 600,
        "data": "icons",
        "size": "32 × 32, colour",
        "left": 620,
        "backbones": ["EfficientNet-Lite0"],
    }
    assert [chart["title"] for chart in data["losses"]["charts"]] == ["Losses", "Scores"], "a penalty of 0 is no news"
    kid = data["metrics"]["charts"][0]["lines"][0]
    assert (kid["name"], kid["sure"]) == ("kid", True)
    assert kid["high"][0] - kid["mean"][0] == pytest.approx(0.05, abs=1e-4)
    assert [verdict["name"] for verdict in data["verdicts"]] == ["collapse", "overfitting", "memorisation"]
    assert data["grids"][-1] == ["grids/002000.png", 2000, 128.0, pytest.approx(10.333, abs=1e-3)]
    assert data["copies"] is None
    assert ["torch", "2"] in data["facts"]


def test_sheets_that_a_resumed_run_has_not_done_again_are_left_out(tmp_path: Path) -> None:
    data = page_data(read_story(run_folder(tmp_path / "run")), standing(1200))
    assert [step for _, step, *_ in data["grids"]] == [500, 1000]


def test_a_long_run_has_a_small_page(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "long", notes=4000, saves=4)
    lines = (folder / "log.jsonl").read_text()
    with (folder / "log.jsonl").open("w") as stream:
        stream.writelines(lines for _ in range(25))
    for step in range(1000):
        (folder / "grids" / f"{step:06d}.png").touch()
    page = write_run_page(folder, standing(200_000))
    assert page.stat().st_size < 400_000
    data = data_of(page.read_text())
    assert len(data["losses"]["step"]) <= 500
    assert len(data["grids"]) <= 401
    assert data["grids"][-1][1] == 200_000


def test_nothing_that_people_write_becomes_markup(tmp_path: Path) -> None:
    calm = write_run_page(run_folder(tmp_path / "calm"), standing())
    name = "a '\"<script>alert(1)<" + "&{{data}}"
    folder = run_folder(tmp_path / name, recipe=ATTACK, data=ATTACK, backbone=ATTACK, command=["train", ATTACK])
    with (folder / "log.jsonl").open("a") as stream:
        stream.write(entry("warning", 2000, name=ATTACK, words=ATTACK, fix=ATTACK) + "\n")
    page = write_run_page(folder, standing(words=ATTACK, state="failed")).read_text()
    outline = Outline(page)
    assert [tag for tag, _ in outline.elements] == [tag for tag, _ in Outline(calm.read_text()).elements]
    data = data_of(page)
    assert (data["name"], data["trouble"], data["notices"][0]["fix"]) == (name, ATTACK, ATTACK)
    assert "<" not in (folder / "run.js").read_text()


def test_the_policy_allows_this_code_and_what_lies_beside_it(tmp_path: Path) -> None:
    page = run_page(page_data(read_story(run_folder(tmp_path / "run")), standing()))
    (policy,) = [entry["content"] for entry in Outline(page).named("meta") if "http-equiv" in entry]
    assert "default-src 'none'" in str(policy)
    assert "http" not in str(policy)
    assert not re.findall(r"@import|fetch\(|XMLHttpRequest|innerHTML|outerHTML|insertAdjacentHTML|eval\(", page)
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\"' ]+", page) == []
    assert 'style="' not in page


@pytest.mark.parametrize(
    ("state", "limits", "words"),
    [
        ("running", Limits(minutes=30), "--minutes 30"),
        ("stopped", Limits(steps=1000), "--kimg 64"),
        ("failed", Limits(minutes=7.5, steps=10), "--minutes 7.5 --kimg 0.64"),
        ("finished", Limits(minutes=30), "--minutes 60"),
        ("finished", Limits(steps=1000), "--kimg 128"),
    ],
)
def test_the_command_goes_on(tmp_path: Path, state: str, limits: Limits, words: str) -> None:
    folder = run_folder(tmp_path / "it's a run")
    data = page_data(read_story(folder), standing(state=state, limits=limits))
    out = str(folder).replace("'", "'\"'\"'")
    assert data["resume"] == f"ganplugin train generator /data/icons --recipe quick --out '{out}' --resume {words}"


def test_commands_need_what_they_use(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", command=[], batch=None)
    data = page_data(read_story(folder), standing())
    assert (data["resume"], data["export"]) == (None, None)
    (folder / "checkpoint.safetensors").touch()
    assert page_data(read_story(folder), standing())["export"] == f"ganplugin export {folder}/checkpoint.safetensors"
    (folder / "best.safetensors").touch()
    assert page_data(read_story(folder), standing())["export"] == f"ganplugin export {folder}/best.safetensors"


def test_copies_are_shown_where_there_are_some(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "copies.png").touch()
    assert page_data(read_story(folder), standing())["copies"] == "copies.png"


def test_lines_and_marks_stand_out_from_their_ground() -> None:
    grounds = ["#f8f7f5", "#141312", "#141312"]
    ground_css = (ROOT / "ganplugin" / "pages" / "ground.css").read_text(encoding="utf-8")
    assert re.findall(r"--ground: (#\w{6})", ground_css) == grounds
    style = (ROOT / "ganplugin" / "train" / "page" / "style.css").read_text(encoding="utf-8")
    themes = re.findall(r"\{([^{}]*--one:[^{}]*)\}", style)
    assert len(themes) == 3
    for ground, theme in zip(grounds, themes, strict=True):
        colours = re.findall(r"--\w+: (#\w{6})", theme)
        assert len(colours) == 9
        assert all(contrast(colour, ground) >= 4.5 for colour in colours)


def test_options_that_were_left_alone_or_told_already_are_not_shown(tmp_path: Path) -> None:
    """A page once listed some 25 defaults, and precision twice: auto, and what auto had found."""
    facts = {
        "options": {"held_out": 0.1, "precision": "auto", "penalty": "r1=1", "crops": None},
        "given": ["penalty", "precision"],
        "precision": "bf16",
    }
    rows = dict(page_data(read_story(run_folder(tmp_path / "icons", **facts)), standing())["facts"])
    assert (rows["penalty"], rows["precision"]) == ("r1=1", "bf16")
    assert not {"held out", "given", "crops"} & rows.keys()
