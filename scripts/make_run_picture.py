"""Take the picture of a training's page that docs/training.md shows: half an hour of emoji, in headless Chromium.

The emoji are those of ``scripts/fetch_assets.py --only emoji``.

python -m scripts.make_run_picture [--run FOLDER] [--minutes 30] [--shots FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from ganplugin.cache import assets_folder
from ganplugin.train.page.writing import PAGE
from tests.hosts.chromium import Page, opened

__all__ = ["main"]

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "run-page.png"
OPTIONS = ("--save-minutes", "1", "--data", "Noto emoji", "--licence", "Apache-2.0")
COLOURS = 128


def main() -> None:
    """Train, unless there is a run, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="the page of this run instead of a new one")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--shots", type=Path, help="pictures of light, dark and phone into this folder")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run = asked.run or Path(scratch) / "emoji"
        if asked.run is None:
            train = [sys.executable, "-m", "ganplugin", "train", "generator", str(assets_folder() / "emoji")]
            subprocess.run([*train, *OPTIONS, "--out", str(run), "--minutes", str(asked.minutes)], check=True)
        picture_of(run / PAGE, asked.shots or Path(scratch))


def picture_of(page: Path, folder: Path) -> None:
    """Write the picture of a page; ``folder`` gets what it is made of."""
    shots = photograph(page, folder)
    with Image.open(shots["light"]) as image:
        image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(TARGET, optimize=True)
    print(f"wrote {TARGET.name}, {TARGET.stat().st_size >> 10} KiB")


def photograph(page: Path, folder: Path) -> dict[str, Path]:
    """Return pictures of the page's top: light, dark, and all of it on a phone."""
    folder.mkdir(parents=True, exist_ok=True)
    with opened(1280, 1180) as window:
        window.prefer(prefers_color_scheme="light")
        window.open(page)
        light = shoot(window, folder / "run-light.png")
        window.prefer(prefers_color_scheme="dark")
        dark = shoot(window, folder / "run-dark.png")
        window.prefer(prefers_color_scheme="light")
        window.window(390, 844, phone=True, density=2)
        window.window(390, window.value("document.documentElement.scrollHeight"), phone=True, density=2)
        phone = shoot(window, folder / "run-phone.png")
    return {"light": light, "dark": dark, "phone": phone}


def shoot(window: Page, path: Path) -> Path:
    """Take a picture of what the window shows, when its pictures are there."""
    window.until("[...document.images].every(image => image.complete)")
    window.value("new Promise(done => setTimeout(done, 700))")
    window.shot(path)
    return path


if __name__ == "__main__":
    main()
