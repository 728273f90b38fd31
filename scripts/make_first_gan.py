"""Make the example of docs/first-gan.md: half an hour of emoji, from a folder of pictures into ComfyUI.

    python -m scripts.make_first_gan [--minutes 30] [--folder build/first-gan]

Every step is an ordinary command, which is printed and run in the folder. A run that is there already is not made
again; its page, its walk, its copies and ComfyUI's window, where its model paints, become the pictures of
docs/first-gan.md, and what the page says its table. Needs Chromium, and fetches ComfyUI as `make test-hosts` does.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from PIL import Image

from ganplugin.train.page.writing import PAGE
from ganplugin.train.watch.watching import COPIES
from scripts.fetch_assets import fetch
from scripts.make_run_picture import picture_of as picture_of_page
from scripts.make_screenshot import COLUMN, LOWER
from scripts.make_screenshot import picture_of as picture_of_graph
from scripts.run_results import call, lines_of, write_table

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
IMAGES, DOC = ROOT / "docs" / "images", ROOT / "docs" / "first-gan.md"
PICTURES, RUN, MODEL = Path("emoji"), Path("runs/emoji"), Path("emoji.onnx")
GRAPH = {
    "1": {"class_type": "GanPluginLoadModel", "inputs": {"model": str(MODEL)}},
    "2": {"class_type": "GanPluginSample", "inputs": {"model": ["1", 0], "seeds": "0-24"}},
    "3": {"class_type": "GanPluginContactSheet", "inputs": {"images": ["2", 0], "columns": 5}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "emoji"}},
    "5": {"class_type": "GanPluginInterpolate", "inputs": {"model": ["1", 0], "seeds": "0-3", "frames": 25}},
    "6": {"class_type": "GanPluginContactSheet", "inputs": {"images": ["5", 0], "columns": 5}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "walk"}},
}
WALK = ("--seeds", "0-5", "--frames", "120", "--scale", "3")
PLACES = {1: (0, 0), 2: (COLUMN, 0), 3: (2 * COLUMN, 0), 4: (3 * COLUMN, 0)} | {
    number: ((number - 4) * COLUMN, LOWER) for number in (5, 6, 7)
}


def make(minutes: float) -> None:
    """Look at the pictures; train and export, unless that is done; sample, rank and walk."""
    if not PICTURES.exists():
        PICTURES.symlink_to(fetch("emoji"))
    call("data", f"{PICTURES}/")
    if not (RUN / "best.safetensors").exists():
        told = ("--data", "Noto emoji without skin tones", "--licence", "Apache-2.0")
        call("train", "generator", f"{PICTURES}/", "--minutes", f"{minutes:g}", *told)
    if not MODEL.exists():
        call("export", f"{RUN}/best.safetensors", "--out", str(MODEL), "--with-scorer")
    call("sample", str(MODEL), "--seeds", "0-63", "--sheet", "--overwrite")
    call("score", "emoji-scorer.onnx", "samples", "--keep", "16", "--sheet", "best.png", "--overwrite")
    call("interpolate", str(MODEL), *WALK, "--out", "walk.webp", "--overwrite")
    shutil.copy("walk.webp", IMAGES / "first-gan-walk.webp")


def rows() -> list[tuple[str, str]]:
    """Return what the run's page says at the end: how long, how near to the unseen pictures, and the verdicts."""
    last, measured = lines_of(RUN, "losses")[-1], lines_of(RUN, "metrics")[-1]
    seconds, kimg, kid = (float(str(value)) for value in (last["seconds"], last["kimg"], measured["kid"]))
    verdicts = lines_of(RUN, "verdicts")[-1]["verdicts"]
    return [
        ("time", f"{seconds / 60:.0f} minutes, {kimg:.0f} thousand pictures"),
        ("KID", f"{kid:.3f}, seen by {measured['backbone']}"),
        *((str(one["name"]), f"{one['level']}: {one['words']}") for one in verdicts),  # type: ignore[attr-defined]
    ]


def main() -> None:
    """Do it all, and write the page's pictures and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "first-gan")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.chdir(asked.folder)
    make(asked.minutes)
    write_table(DOC, ("", "at the end"), rows())
    with Image.open(RUN / COPIES) as copies:
        copies.convert("RGB").save(IMAGES / "first-gan-copies.jpg", quality=88, optimize=True)
    picture_of_page((RUN / PAGE).absolute(), Path("shots"))
    picture_of_graph(GRAPH, PLACES, IMAGES / "first-gan-comfyui.png", (MODEL,))


if __name__ == "__main__":
    main()
