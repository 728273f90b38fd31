"""Make the example of docs/first-gan.md: half an hour of emoji, from a folder of pictures into ComfyUI.

    python -m scripts.make_first_gan [--minutes 30] [--run runs/emoji]

Every step is an ordinary command, which is printed. A run that is there already is not made again; its page, its
walk, its copies and ComfyUI's window, where its model paints, become the pictures of docs/first-gan.md, and what the
page says its table. Needs Chromium, and fetches ComfyUI as `make test-hosts` does.
"""

from __future__ import annotations

import argparse
import json
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
MODEL = "emoji.onnx"
GRAPH = {
    "1": {"class_type": "GanPluginLoadModel", "inputs": {"model": MODEL}},
    "2": {"class_type": "GanPluginSample", "inputs": {"model": ["1", 0], "seeds": "0-24"}},
    "3": {"class_type": "GanPluginContactSheet", "inputs": {"images": ["2", 0], "columns": 5}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "emoji"}},
    "5": {"class_type": "GanPluginInterpolate", "inputs": {"model": ["1", 0], "seeds": "0-3", "frames": 25}},
    "6": {"class_type": "GanPluginContactSheet", "inputs": {"images": ["5", 0], "columns": 5}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "walk"}},
}
PLACES = {1: (0, 0), 2: (COLUMN, 0), 3: (2 * COLUMN, 0), 4: (3 * COLUMN, 0)} | {
    number: ((number - 4) * COLUMN, LOWER) for number in (5, 6, 7)
}


def made(run: Path, minutes: float) -> Path:
    """Train, export and walk, as far as that is not done; return the model."""
    model = run / MODEL
    if not (run / "best.safetensors").exists():
        told = ("--data", "Noto emoji without skin tones", "--licence", "Apache-2.0")
        pictures = str(fetch("emoji"))
        call("train", "generator", pictures, "--minutes", f"{minutes:g}", *told, "--out", str(run))
    if not model.exists():
        call("export", str(run / "best.safetensors"), "--out", str(model), "--with-scorer")
    film = IMAGES / "first-gan-walk.webp"
    film.unlink(missing_ok=True)
    call("interpolate", str(model), "--seeds", "0-5", "--frames", "120", "--scale", "3", "--out", str(film))
    return model


def rows_of(run: Path) -> list[tuple[str, str]]:
    """Return what the run's page says at the end: how long, how near to the unseen pictures, and the verdicts."""
    last, measured = lines_of(run, "losses")[-1], lines_of(run, "metrics")[-1]
    seconds, kimg, kid = (float(str(value)) for value in (last["seconds"], last["kimg"], measured["kid"]))
    verdicts = lines_of(run, "verdicts")[-1]["verdicts"]
    return [
        ("time", f"{seconds / 60:.0f} minutes, {kimg:.0f} thousand pictures"),
        ("KID", f"{kid:.3f}, seen by {measured['backbone']}"),
        *((str(one["name"]), f"{one['level']}: {one['words']}") for one in verdicts),  # type: ignore[attr-defined]
    ]


def main() -> None:
    """Do it all, and write the page's pictures and table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--run", type=Path, default=ROOT / "runs" / "emoji")
    asked = parser.parse_args()
    model = made(asked.run, asked.minutes)
    write_table(DOC, ("", "at the end"), rows_of(asked.run))
    with Image.open(asked.run / COPIES) as copies:
        copies.convert("RGB").save(IMAGES / "first-gan-copies.jpg", quality=88, optimize=True)
    picture_of_page(asked.run / PAGE, asked.run / "shots")
    picture_of_graph(GRAPH, PLACES, IMAGES / "first-gan-comfyui.png", (model,))
    print(json.dumps({"model": str(model), "bytes": model.stat().st_size}))


if __name__ == "__main__":
    main()
