"""Collections for tests, with and without the files that they name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from ganplugin.series.collection import Collection, Work

DIGEST = "0123456789abcdef" * 4
WEATHERS = ("Clear", "Clear", "Clear", "Haze", "Haze", "Storm")
COLOURS = ((190, 60, 50), (40, 90, 150), (230, 200, 90), (60, 120, 70), (120, 70, 130), (30, 30, 40))


def work(number: int, **changes) -> Work:
    """One work of 48 x 48 pixels, with a palette, weather, height and score that its number decides."""
    made = Work(
        number,
        f"Tide {number}",
        (f"pieces/{number:05}.png",),
        f"thumbs/{number:05}.webp",
        DIGEST,
        {"Palette": ("Dawn", "Dusk")[number % 2], "Weather": WEATHERS[number % 6], "Height": number * 37 % 101 / 100},
        {"2.seed": 4_294_967_295 - number, "2.truncation": 0.7},
        score=number * 7 % 10 / 10,
        width=48,
        height=48,
    )
    return replace(made, **changes)


def tides(count: int = 12, **changes) -> Collection:
    """A collection of works 0 to ``count`` - 1."""
    whole = Collection(
        "Tides",
        "Small seas.\n\nEach from a seed of its own.",
        "Mara Okafor",
        "CC BY 4.0",
        "https://example.org/tides",
        tuple(work(number) for number in range(count)),
        {"builtin:icons": DIGEST},
        "series.yaml",
    )
    return replace(whole, **changes)


def with_files(collection: Collection, folder: Path) -> Path:
    """Write every picture and thumbnail that the collection names, one plain colour each, and return the folder."""
    for place, each in enumerate(collection.works):
        for name in (*each.files, each.thumbnail):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.new("RGB", (each.width, each.height), COLOURS[place % 6])
            image.save(path, "WEBP" if path.suffix == ".webp" else "PNG")
    return folder
