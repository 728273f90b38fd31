"""Folders of runs that nobody trained: a log as long as one likes, small sheets, verdicts."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

from PIL import Image

__all__ = ["entry", "run_folder"]

VERDICTS = [
    {"name": "collapse", "level": "good", "words": "samples differ as real pictures do (0.93)", "fix": ""},
    {
        "name": "overfitting",
        "level": "watch",
        "words": "the scorer knows its own pictures: 0.31 above held-out ones",
        "fix": "augment more: --augment ada",
    },
    {
        "name": "memorisation",
        "level": "unknown",
        "words": "no pictures were held out",
        "fix": "train with --held-out 0.1",
    },
]


def entry(kind: str, step: int, **rest: object) -> str:
    """Return a line of a log."""
    return json.dumps({"kind": kind, "step": step, "kimg": step * 0.064, "seconds": step * 0.31, **rest})


def run_folder(
    folder: Path,
    *,
    notes: int = 40,
    saves: int = 4,
    backbone: str = "EfficientNet-Lite0",
    seed: int = 1,
    good: float = 1.0,
    **facts: object,
) -> Path:
    """Write a run of so many notes, every 50 steps, and saves with their metrics; ``good`` divides its KID."""
    chance, lines = random.Random(seed), []
    known = {"recipe": "quick", "batch": 64, "pictures": 600, "data": "icons", "data_digest": "a" * 64}
    picture = {"channels": 3, "height": 32, "width": 32, "classes": 0}
    command = ["train", "generator", "/data/icons", "--recipe", "quick"]
    for note in range(1, notes + 1):
        part, noise = note / notes, chance.gauss(0, 1)
        scorer = 1.1 - 0.35 * part + 0.12 * noise
        losses = {"scorer": scorer, "generator": 0.4 + 0.5 * part + 0.2 * chance.gauss(0, 1), "penalty": 0.0}
        scores = {"real": 0.6 + 0.2 * noise, "made": -0.6 - 0.5 * part + 0.2 * chance.gauss(0, 1)}
        lines.append(entry("losses", 50 * note, **losses, **scores))
        if note % (notes // saves) == 0:
            kid = (0.25 + 1.4 * math.exp(-4 * part) + 0.02 * noise) / good
            pr = {"precision": 0.7 * part, "recall": 0.4 * part, "density": 0.8 * part, "coverage": 0.5 * part}
            rest = {
                "diversity": 0.5 + 0.4 * part,
                "duplicates": 0.02,
                "spectrum": 9 - 5 * part,
                "sharpness": -3 + 2 * part,
            }
            numbers = {"kid": kid, "kid_std": 0.05, **pr, **rest, "checkerboard": 0.4}
            lines.append(entry("metrics", 50 * note, backbone=backbone, **numbers))
            lines.append(entry("verdicts", 50 * note, verdicts=VERDICTS))
            _sheet(folder / "grids" / f"{50 * note:06d}.png", (64, 64), part)
            _sheet(folder / "strips" / f"{50 * note:06d}.png", (128, 8), part)
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        **known,
        "picture": picture,
        "command": command,
        "options": {"seed": 0},
        "versions": {"torch": "2"},
        **facts,
    }
    (folder / "run.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "log.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def _sheet(path: Path, size: tuple[int, int], part: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (round(255 * part), 120, 90)).save(path)
