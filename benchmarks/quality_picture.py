"""Show what `benchmarks.quality` found: ``python -m benchmarks.quality_picture RESULTS PICTURE [--seed 0]``.

PICTURE gets the samples of a contestant in each row, of a time in each column; not all need have been run as long.
Prints the table for the documentation.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.quality import grid_name, rows_of, table

GAP, HEAD = 16, 28


def picture(folder: Path, names: Sequence[str], minutes: Sequence[float], seed: int) -> Image.Image:
    """Return the sheets of samples side by side."""
    places = {(name, time): folder / grid_name(name, seed, time) for name in names for time in minutes}
    sheets = {key: Image.open(place) for key, place in places.items() if place.exists()}
    width, height = next(iter(sheets.values())).size
    page = Image.new("RGB", (len(minutes) * (width + GAP) - GAP, len(names) * (height + HEAD)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(18)
    for (name, time), sheet in sheets.items():
        left, top = minutes.index(time) * (width + GAP), names.index(name) * (height + HEAD)
        pen.text((left, top + 3), f"{name}, {time:g} minutes", fill="black", font=font)
        page.paste(sheet, (left, top + HEAD))
    return page


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = rows_of(options.results / "results.jsonl")
    names = list(dict.fromkeys(str(row["name"]) for row in rows))
    minutes = sorted({float(str(row["minutes"])) for row in rows})
    picture(options.results, names, minutes, options.seed).save(options.picture, quality=88)
    print(table(rows))


if __name__ == "__main__":
    main()
