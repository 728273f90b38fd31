from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from ganplugin.cli import cli, main
from ganplugin.images import read_picture
from ganplugin.train.pictures.packed import PackedSet


def data(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, arguments)], catch_exceptions=False)


def test_the_report_is_for_people(classes: Path):
    result = data(classes, "--size", 16)
    assert result.exit_code == 0
    for words in ("6 in pictures", "4 cats, 2 dogs", "too few", "broken: dogs/11.png"):
        assert words in result.stdout


def test_json_is_the_same_for_machines(classes: Path, tmp_path: Path):
    result = data(classes, "--size", "16x8", "--out", tmp_path / "x.pack", "--json")
    told = json.loads(result.stdout)
    assert (told["pictures"], told["policy"]["width"], told["policy"]["height"]) == (6, 16, 8)
    assert told["out"] == str(tmp_path / "x.pack")
    assert PackedSet.open(tmp_path / "x.pack").shape == (3, 8, 16)


def test_options_become_the_policy(classes: Path, tmp_path: Path):
    out = tmp_path / "x.pack"
    data(
        classes,
        "--size",
        8,
        "--policy",
        "patches",
        "--count",
        9,
        "--seed",
        4,
        "--channels",
        4,
        "--classes",
        "--out",
        out,
    )
    record = PackedSet.open(out).record
    assert record.policy.model_dump(exclude={"pad", "background"}) == {
        "width": 8,
        "height": 8,
        "way": "patches",
        "channels": 4,
        "classes": True,
        "count": 9,
        "seed": 4,
    }
    assert record.source == "pictures"


def test_the_sheet_shows_pictures_after_the_policy(classes: Path, tmp_path: Path):
    sheet = tmp_path / "sheet.png"
    assert data(classes, "--size", 16, "--sheet", sheet, "--policy", "pad", "--pad", "black").exit_code == 0
    pixels = read_picture(sheet).rgb
    assert min(pixels.shape[:2]) > 192
    assert (pixels == 0).all(axis=2).mean() > 0.05


def test_a_set_is_reported_on_like_a_folder(classes: Path, tmp_path: Path):
    data(classes, "--size", 16, "--out", tmp_path / "x.pack", "--classes")
    told = json.loads(data(tmp_path / "x.pack", "--size", 16, "--json").stdout)
    assert (told["pictures"], told["classes"], told["formats"]) == (6, {"cats": 4, "dogs": 2}, {"packed": 6})


def test_what_is_there_is_not_overwritten_and_nothing_is_decoded_first(
    classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "sheet.png").write_text("mine")
    with pytest.raises(SystemExit) as left:
        main(["data", str(classes), "--sheet", str(tmp_path / "sheet.png"), "--out", str(tmp_path / "x.pack")])
    assert left.value.code == 3
    assert "sheet.png: exists already" in capsys.readouterr().err
    assert not (tmp_path / "x.pack").exists()


def test_it_needs_no_torch(classes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert data(classes, "--size", 8, "--out", tmp_path / "x.pack", "--sheet", tmp_path / "s.png").exit_code == 0


def test_names_from_files_do_not_steer_the_terminal(tmp_path: Path):
    (tmp_path / "evil\x1b[31m.png").write_text("no")
    (tmp_path / "a.bmp").write_bytes(b"")
    Image.new("RGB", (9, 9)).save(tmp_path / "b.png")
    assert "\x1b" not in data(tmp_path).stdout


def test_nothing_that_can_be_read_is_an_error_after_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Bug: the report of one unreadable file ended with 0."""
    (tmp_path / "x.png").write_text("hello")
    with pytest.raises(SystemExit) as stop:
        main(["data", str(tmp_path)])
    shown = capsys.readouterr()
    assert stop.value.code == 4
    assert "1 file cannot be read" in shown.out
    assert "no picture can be read - the reasons are above" in shown.err


def test_the_sheet_of_patches_shows_pictures_that_give_some(tmp_path: Path):
    """Bug: where it happened upon small ones alone it failed, after the set had been packed."""
    for number in range(120):
        Image.new("RGB", (9, 9), (number, 0, 0)).save(tmp_path / f"{number:03d}.png")
    Image.effect_noise((64, 64), 90).convert("RGB").save(tmp_path / "000b-large.png")
    done = data(tmp_path, "--size", 16, "--policy", "patches", "--count", 4, "--sheet", tmp_path / "sheet.png")
    assert done.exit_code == 0
    assert (tmp_path / "sheet.png").exists()
