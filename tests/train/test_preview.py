from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ganplugin.train.preview import preview


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    pixels = np.zeros((6, 4, 3), np.uint8)
    pixels[0], pixels[1] = (255, 0, 0), (0, 0, 255)
    path = tmp_path / "000001.png"
    Image.fromarray(pixels).save(path)
    return path


def console(**options: object) -> Console:
    known = {"file": io.StringIO(), "force_terminal": True, "color_system": "truecolor", "width": 80, "height": 24}
    return Console(**{**known, **options})


def test_two_pixels_make_a_character(sheet: Path) -> None:
    terminal = console()
    picture = preview(sheet, terminal)
    assert picture is not None
    assert picture.plain == "▀▀▀▀\n▀▀▀▀\n▀▀▀▀"
    terminal.print(picture)
    assert "\x1b[38;2;255;0;0;48;2;0;0;255m" in terminal.file.getvalue()


def test_a_sheet_fits_the_terminal_and_what_is_too_high_is_cut(tmp_path: Path) -> None:
    Image.new("RGB", (400, 400)).save(tmp_path / "a.png")
    picture = preview(tmp_path / "a.png", console(width=41, height=14))
    assert picture is not None
    lines = picture.plain.split("\n")
    assert (len(lines), len(lines[0])) == (10, 40)


@pytest.mark.parametrize("options", [{"color_system": None}, {"force_terminal": False}])
def test_without_colours_there_is_none(sheet: Path, options: dict) -> None:
    assert preview(sheet, console(**options)) is None
