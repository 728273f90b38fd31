"""Make the part of docs/quality.md on hours: emoji by r3-small in two processes, its samples and numbers on the way.

    python -m scripts.make_hours [--minutes 115] [--run build/hours]

The training is an ordinary command, which is printed; one that is there goes on, or is only shown if it is complete.
Writes docs/images/hours.jpg and the table between the marks of docs/quality.md. Needs Chromium for the charts.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ganplugin.train.page.writing import PAGE as RUN_PAGE
from scripts.fetch_assets import fetch
from scripts.make_run_picture import shoot
from scripts.run_results import lines_of, told, train, write_table
from tests.hosts.chromium import opened

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs" / "quality.md", ROOT / "docs" / "images" / "hours.jpg"
OPTIONS = ("--recipe", "r3-small", "--devices", "2", "--held-out", "0.15", "--save-minutes", "7.5")
NUMBERS = ("kid", "precision", "recall", "density", "coverage", "spectrum", "sharpness", "checkerboard")
HEADS = ("minutes", "thousand pictures", "KID", *NUMBERS[1:])
GAP, HEAD, SHOWN, MARGIN = 16, 28, 4, 16
CHARTS = "[...document.querySelectorAll('#metrics > *')].slice(0, 2).map(one => one.getBoundingClientRect())"

Moment = Mapping[str, object]
"""A line of a run's log with metrics."""


def row_of(moment: Moment) -> tuple[str, ...]:
    """Return a row of the table."""
    return (f"{_number(moment, 'seconds') / 60:.0f}", f"{_number(moment, 'kimg'):.0f}", *told(moment, NUMBERS))


def chosen(moments: Sequence[Moment], count: int) -> list[Moment]:
    """Return so many moments of a run, evenly apart, of which the last is the last."""
    return [moments[round((index + 1) * len(moments) / count) - 1] for index in range(count)]


def sheets_of(run: Path, moments: Sequence[Moment]) -> Image.Image:
    """Return the sheets of samples of some moments side by side, each under its time."""
    sheets = [Image.open(run / "grids" / f"{int(_number(moment, 'step')):06d}.png") for moment in moments]
    width, height = sheets[0].size
    page = Image.new("RGB", (len(sheets) * (width + GAP) - GAP, height + HEAD), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for index, (moment, sheet) in enumerate(zip(moments, sheets, strict=True)):
        minutes, kimg, *_ = row_of(moment)
        left = index * (width + GAP)
        pen.text((left, 3), f"{minutes} minutes, {kimg},000 pictures", fill="black", font=font)
        page.paste(sheet, (left, HEAD))
    return page


def charts_of(run: Path, width: int) -> Image.Image:
    """Return the first two charts that the page of a run draws of its metrics, so many pixels wide."""
    with tempfile.TemporaryDirectory() as scratch, opened(width // 2, 3000) as window:
        window.window(width // 2, 3000, density=2)
        window.prefer(prefers_color_scheme="light")
        window.open(run / RUN_PAGE)
        page = shoot(window, Path(scratch) / "page.png")
        first, second = json.loads(window.value(f"JSON.stringify({CHARTS})"))
        sides = (first["left"], first["top"] - MARGIN, second["right"], first["bottom"] + MARGIN)
        left, top, right, bottom = (round(2 * float(side)) for side in sides)
        with Image.open(page) as image:
            charts: Image.Image = image.convert("RGB").crop((left, top, right, bottom))
    return charts.resize((width, charts.height * width // charts.width), Image.Resampling.LANCZOS)


def stacked(parts: Sequence[Image.Image]) -> Image.Image:
    """Return pictures below one another."""
    page = Image.new("RGB", (max(part.width for part in parts), sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        page.paste(part, (0, top))
        top += part.height
    return page


def _number(moment: Moment, name: str) -> float:
    return float(str(moment[name]))


def main() -> None:
    """Train, unless that is done, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=115)
    parser.add_argument("--run", type=Path, default=ROOT / "build" / "hours")
    options = parser.parse_args()
    train(fetch("emoji"), options.run, *OPTIONS, "--minutes", f"{options.minutes:g}")
    moments = lines_of(options.run, "metrics")
    sheets = sheets_of(options.run, chosen(moments, SHOWN))
    stacked([sheets, charts_of(options.run, sheets.width)]).save(PICTURE, quality=85)
    write_table(PAGE, HEADS, [row_of(moment) for moment in moments])


if __name__ == "__main__":
    main()
