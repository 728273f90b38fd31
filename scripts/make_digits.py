"""Make the example of docs/digits.md: handwritten digits by two networks with each of the seven losses.

    python scripts/make_digits.py [--kimg 60] [--runs build/digits]

Every training and evaluation is an ordinary command, which is printed. Runs that are there already are not made again.
Writes docs/images/digits.png and the table between the marks of docs/digits.md. Takes half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from fetch_assets import fetch
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs" / "digits.md", ROOT / "docs" / "images" / "digits.png"
LOSSES = ("minimax", "non-saturating", "lsgan", "hinge", "wgan", "wgan-gp", "relativistic")
WIDTHS = {"mlp": "256", "dcgan": "32"}
MARKS = ("<!-- results -->\n", "<!-- end of results -->\n")
HEADS = ("network", "loss", "minutes", "FID", "KID", "IS", "precision", "recall", "discriminator", "verdict")
DIGIT, GAP, ROWS, COLUMNS, LABEL = 28, 2, 2, 10, 120


def call(*arguments: str) -> str:
    """Run a command of ganplugin, print it, and return what it printed."""
    print("$ ganplugin", shlex.join(arguments), flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "ganplugin", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def train(recipe: str, loss: str, pack: Path, run: Path, kimg: float) -> None:
    """Train one network, unless it is there."""
    if not (run / "checkpoint.safetensors").exists():
        sizes = ("--recipe", recipe, "--width", WIDTHS[recipe])
        call("train", "generator", str(pack), *sizes, "--loss", loss, "--kimg", f"{kimg:g}", "--out", str(run))


def evaluate(pack: Path, run: Path) -> dict[str, object]:
    """Measure one network against the digits that it was not shown."""
    kept = run / "evaluation.json"
    if not kept.exists():
        metrics = ("--metrics", "fid,kid,is,pr,percentile", "--samples", "1000", "--json")
        kept.write_text(call("evaluate", str(run / "checkpoint.safetensors"), str(pack), *metrics), encoding="utf-8")
    return dict(json.loads(kept.read_text(encoding="utf-8")))


def lines_of(run: Path, kind: str) -> list[dict[str, object]]:
    """Return the lines of a kind in a run's log."""
    rows = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["kind"] == kind]


def verdict_of(run: Path) -> str:
    """Return what the watchdog last found not to be good."""
    verdicts = lines_of(run, "verdicts")
    found = verdicts[-1]["verdicts"] if verdicts else []
    bad = [str(one["name"]) for one in found if one["level"] in ("watch", "bad")]  # type: ignore[attr-defined]
    return ", ".join(bad) or "good"


def row_of(recipe: str, loss: str, run: Path, found: dict[str, object]) -> tuple[str, ...]:
    """Return a row of the table."""
    numbers = found["numbers"]
    minutes = float(str(lines_of(run, "losses")[-1]["seconds"])) / 60
    names = ("fid", "kid", "is", "precision", "recall", "percentile")
    values = [f"{numbers[name]:.3g}" if name in numbers else "–" for name in names]  # type: ignore[operator, index]
    return (recipe, loss, f"{minutes:.1f}", *values, verdict_of(run))


def strip_of(run: Path) -> Image.Image:
    """Return the first digits of the last grid of a run, in two rows."""
    with Image.open(sorted((run / "grids").glob("*.png"))[-1]) as grid:
        cells = [
            grid.convert("L").crop((x, y, x + DIGIT, y + DIGIT))
            for y in range(0, grid.height, DIGIT + GAP)
            for x in range(0, grid.width, DIGIT + GAP)
        ]
    strip = np.full((ROWS * (DIGIT + GAP), COLUMNS * (DIGIT + GAP)), 255, np.uint8)
    for index, cell in enumerate(cells[: ROWS * COLUMNS]):
        top, left = index // COLUMNS * (DIGIT + GAP), index % COLUMNS * (DIGIT + GAP)
        strip[top : top + DIGIT, left : left + DIGIT] = np.asarray(cell)
    return Image.fromarray(strip)


def picture(runs: dict[tuple[str, str], Path]) -> Image.Image:
    """Return a sheet: a loss a row, a network a column."""
    strips = {key: strip_of(run) for key, run in runs.items()}
    width, height = next(iter(strips.values())).size
    page = Image.new("L", (LABEL + len(WIDTHS) * (width + 16), 24 + len(LOSSES) * (height + 8)), 255)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for column, recipe in enumerate(WIDTHS):
        left = LABEL + column * (width + 16)
        pen.text((left, 4), recipe, fill=0, font=font)
        for row, loss in enumerate(LOSSES):
            top = 24 + row * (height + 8)
            pen.text((4, top + height // 2 - 8), loss, fill=0, font=font)
            page.paste(strips[recipe, loss], (left, top))
    return page


def write_table(rows: list[tuple[str, ...]]) -> None:
    """Put the rows between the marks of the page."""
    table = "".join(f"| {' | '.join(row)} |\n" for row in (HEADS, ("---",) * len(HEADS), *rows))
    before, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
    PAGE.write_text(before + MARKS[0] + table + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")


def main() -> None:
    """Train, evaluate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=60, help="thousand pictures for each of the 14 trainings")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "digits")
    options = parser.parse_args()
    pack = options.runs / "digits.pack"
    if not pack.exists():
        call("data", str(fetch("digits") / "digits.zip"), "--size", "28", "--channels", "1", "--out", str(pack))
    runs = {(recipe, loss): options.runs / f"{recipe}-{loss}" for recipe in WIDTHS for loss in LOSSES}
    rows = []
    for (recipe, loss), run in runs.items():
        train(recipe, loss, pack, run, options.kimg)
        rows.append(row_of(recipe, loss, run, evaluate(pack, run)))
    picture(runs).save(PICTURE, optimize=True)
    write_table(rows)


if __name__ == "__main__":
    main()
