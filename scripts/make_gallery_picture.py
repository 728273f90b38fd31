"""Take the pictures of a gallery that README shows: a series of the builtin models, in headless Chromium.

python -m scripts.make_gallery_picture [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from ganplugin.series.gallery import PAGE
from ganplugin.series.starter import starter
from tests.hosts.chromium import Page, opened

__all__ = ["main"]

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images"
SHOWN = ("gallery", "gallery-piece")
SERIES = starter("six-by-six.yaml", "six-by-six", "Six by Six").replace("edition: 60", "edition: 72")


def main() -> None:
    """Render the series and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="leave the series in this folder, with pictures of every state")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "six-by-six.yaml"
        file.write_text(SERIES, encoding="utf-8")
        folder = keep or Path(scratch) / "six-by-six"
        subprocess.run([sys.executable, "-m", "ganplugin", "render", str(file), "--out", str(folder)], check=True)
        shots = photograph(folder / PAGE, Path(scratch))
        for name in SHOWN:
            with Image.open(shots[name]) as image:
                image.convert("RGB").save(TARGET / f"{name}.jpg", quality=88, optimize=True)
            print(f"wrote {name}.jpg")
        for name, path in shots.items() if keep else ():
            (folder / f"{name}.png").write_bytes(path.read_bytes())


def photograph(page: Path, folder: Path) -> dict[str, Path]:
    """Return pictures of the page: light, dark, an open work, a filter, a phone."""
    shots: dict[str, Path] = {}

    def shoot(name: str) -> None:
        window.until("[...document.images].every(image => image.complete || image.loading === 'lazy')")
        window.value("new Promise(done => setTimeout(done, 500))")
        shots[name] = folder / f"{name}.png"
        window.shot(shots[name])

    with opened(1440, 1120) as window:
        window.open(page)
        shoot("gallery")
        window.prefer(prefers_color_scheme="dark")
        shoot("gallery-dark")
        window.open(page, "#piece=5")
        shoot("gallery-piece")
        window.prefer(prefers_color_scheme="light")
        window.open(page, "#sort=rarity&t.Dye=Spring")
        window.value("scrollTo(0, 320)")
        shoot("gallery-filter")
        on_phone(window)
        window.open(page)
        shoot("gallery-phone")
        window.value("panelButton.click()")
        window.value("scrollTo(0, 420)")
        shoot("gallery-phone-traits")
        window.open(page, "#piece=5")
        shoot("gallery-phone-piece")
    return shots


def on_phone(window: Page) -> None:
    """Make the window a phone's."""
    window.window(390, 844, phone=True, density=2)


if __name__ == "__main__":
    main()
