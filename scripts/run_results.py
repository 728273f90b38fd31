"""What scripts share that tell what came of runs: commands, a run's log, sheets of samples, tables in pages."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

LOSSES = ("minimax", "non-saturating", "lsgan", "hinge", "wgan", "wgan-gp", "relativistic")
MARKS = ("<!-- results -->\n", "<!-- end of results -->\n")
GAP, ROWS, COLUMNS, LABEL, ZOOM = 2, 2, 10, 120, 2

Runs = Mapping[tuple[str, str], Path]
"""The folder of a run by its column and its loss."""


def call(*arguments: str) -> str:
    """Run a command of ganplugin, print it, and return what it printed."""
    print("$ ganplugin", shlex.join(arguments), flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "ganplugin", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def train(pack: Path, run: Path, *options: str) -> None:
    """Train one generator to the end, going on with what is there."""
    resume = ("--resume",) if (run / "state.pt").exists() else ()
    call("train", "generator", str(pack), *options, "--out", str(run), *resume)


def evaluate(pack: Path, run: Path, metrics: str) -> dict[str, object]:
    """Return the numbers of one generator beside the pictures that it was not shown, measured unless they were."""
    kept = run / "evaluation.json"
    if not kept.exists():
        options = ("--metrics", metrics, "--samples", "1000", "--json")
        kept.write_text(call("evaluate", str(run / "checkpoint.safetensors"), str(pack), *options), encoding="utf-8")
    return dict(json.loads(kept.read_text(encoding="utf-8"))["numbers"])


def told(numbers: Mapping[str, object], names: Sequence[str]) -> list[str]:
    """Return numbers as a table shows them, a dash for one that is not there."""
    return [f"{numbers[name]:.3g}" if name in numbers else "–" for name in names]


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


def strip_of(run: Path, side: int) -> Image.Image:
    """Return the first samples of the last grid of a run, of ``side`` px each, in two rows, twice as large."""
    with Image.open(sorted((run / "grids").glob("*.png"))[-1]) as grid:
        cells = [
            grid.crop((x, y, x + side, y + side))
            for y in range(0, grid.height, side + GAP)
            for x in range(0, grid.width, side + GAP)
        ]
    strip = Image.new(cells[0].mode, (COLUMNS * (side + GAP), ROWS * (side + GAP)), "white")
    for index, cell in enumerate(cells[: ROWS * COLUMNS]):
        strip.paste(cell, (index % COLUMNS * (side + GAP), index // COLUMNS * (side + GAP)))
    return strip.resize((ZOOM * strip.width, ZOOM * strip.height), Image.Resampling.NEAREST)


def sheet_of(runs: Runs, side: int) -> Image.Image:
    """Return a sheet: a loss a row, and a column for each of the others' names."""
    strips = {key: strip_of(run, side) for key, run in runs.items()}
    columns = list(dict.fromkeys(column for column, _ in runs))
    losses = list(dict.fromkeys(loss for _, loss in runs))
    width, height = next(iter(strips.values())).size
    page = Image.new("RGB", (LABEL + len(columns) * (width + 16), 24 + len(losses) * (height + 8)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for index, column in enumerate(columns):
        left = LABEL + index * (width + 16)
        pen.text((left, 4), column, fill="black", font=font)
        for row, loss in enumerate(losses):
            top = 24 + row * (height + 8)
            pen.text((4, top + height // 2 - 8), loss, fill="black", font=font)
            page.paste(strips[column, loss], (left, top))
    return page


def write_table(page: Path, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Put a table between the marks of a page, in place of what is there."""
    table = "".join(f"| {' | '.join(row)} |\n" for row in (heads, ("---",) * len(heads), *rows))
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    page.write_text(before + MARKS[0] + table + MARKS[1] + rest.split(MARKS[1])[1], encoding="utf-8")
