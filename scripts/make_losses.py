"""Make the comparison of docs/losses.md: small emoji by quick with each of the seven losses.

    python scripts/make_losses.py [--minutes 10] [--only LOSS ...] [--runs build/losses]

Every training and evaluation is an ordinary command, which is printed. Runs that are there already are not made again.
Writes docs/images/losses.png and the table between the marks of docs/losses.md, unless ``--only`` names a few losses.
Each training has one thread, so that two calls with ``--only`` can share two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from fetch_assets import fetch
from run_results import LOSSES, call, evaluate, lines_of, sheet_of, told, train, verdict_of, write_table

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs" / "losses.md", ROOT / "docs" / "images" / "losses.png"
HEADS = ("loss", "thousand pictures made", "KID", "precision", "recall", "collapse on the way", "verdict at the end")
SIDE = 32
LEVELS = ("unknown", "good", "watch", "bad")


def collapse_of(run: Path) -> str:
    """Return the worst that the detector of collapse said in the second half of a run."""
    levels = [
        str(one["level"])
        for line in lines_of(run, "verdicts")
        if float(str(line["kimg"])) * 2000 >= seen_by(run)
        for one in line["verdicts"]
        if one["name"] == "collapse"
    ]
    return max(levels, key=LEVELS.index, default="unknown")


def seen_by(run: Path) -> float:
    """Return how many pictures a run has seen."""
    return 1000 * float(str(lines_of(run, "losses")[-1]["kimg"]))


def row_of(loss: str, run: Path, numbers: Mapping[str, object]) -> tuple[str, ...]:
    """Return a row of the table."""
    measured = told(numbers, ("kid", "precision", "recall"))
    return (loss, f"{seen_by(run) / 1000:.0f}", *measured, collapse_of(run), verdict_of(run))


def main() -> None:
    """Train, evaluate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="for each training")
    parser.add_argument("--only", nargs="+", choices=LOSSES, help="train with these alone, and write nothing")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "losses")
    options = parser.parse_args()
    pack = options.runs / "emoji.pack"
    if not pack.exists():
        call("data", str(fetch("emoji")), "--size", str(SIDE), "--channels", "3", "--out", str(pack))
    runs = {("quick", loss): options.runs / loss for loss in options.only or LOSSES}
    rows = []
    for (_, loss), run in runs.items():
        train(pack, run, "--loss", loss, "--minutes", f"{options.minutes:g}", "--threads", "1", "--save-minutes", "2")
        rows.append(row_of(loss, run, evaluate(pack, run, "kid,pr")))
    if not options.only:
        sheet_of(runs, SIDE).save(PICTURE, optimize=True)
        write_table(PAGE, HEADS, rows)


if __name__ == "__main__":
    main()
