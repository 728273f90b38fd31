"""Make the example of docs/digits.md: handwritten digits by two networks with each of the seven losses.

    python scripts/make_digits.py [--kimg 300] [--only mlp|dcgan] [--runs build/digits]

Every training and evaluation is an ordinary command, which is printed. Runs that are there already are not made again.
Writes docs/images/digits.png and the table between the marks of docs/digits.md, unless ``--only`` names one network.
Each training has one thread, so that two calls with ``--only`` can share two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from fetch_assets import fetch
from run_results import LOSSES, call, evaluate, sheet_of, told, train, verdict_of, write_table

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURE = ROOT / "docs" / "digits.md", ROOT / "docs" / "images" / "digits.png"
WIDTHS = {"mlp": "256", "dcgan": "32"}
HEADS = ("network", "loss", "FID", "KID", "IS", "precision", "recall", "discriminator", "verdict")
METRICS, NUMBERS = "fid,kid,is,pr,percentile", ("fid", "kid", "is", "precision", "recall", "percentile")
SIDE = 28


def row_of(recipe: str, loss: str, run: Path, numbers: Mapping[str, object]) -> tuple[str, ...]:
    """Return a row of the table."""
    return (recipe, loss, *told(numbers, NUMBERS), verdict_of(run))


def main() -> None:
    """Train, evaluate, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kimg", type=float, default=300, help="thousand pictures for each of the 14 trainings")
    parser.add_argument("--only", choices=list(WIDTHS), help="train this network alone, and write nothing")
    parser.add_argument("--runs", type=Path, default=ROOT / "build" / "digits")
    options = parser.parse_args()
    pack = options.runs / "digits.pack"
    if not pack.exists():
        call("data", str(fetch("digits") / "digits.zip"), "--size", "28", "--channels", "1", "--out", str(pack))
    recipes = [options.only] if options.only else list(WIDTHS)
    runs = {(recipe, loss): options.runs / f"{recipe}-{loss}" for recipe in recipes for loss in LOSSES}
    rows = []
    for (recipe, loss), run in runs.items():
        sizes = ("--recipe", recipe, "--width", WIDTHS[recipe])
        train(pack, run, *sizes, "--loss", loss, "--kimg", f"{options.kimg:g}", "--threads", "1")
        rows.append(row_of(recipe, loss, run, evaluate(pack, run, METRICS)))
    if not options.only:
        sheet_of(runs, SIDE).convert("L").save(PICTURE, optimize=True)
        write_table(PAGE, HEADS, rows)


if __name__ == "__main__":
    main()
