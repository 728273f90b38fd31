"""Open galleries of several sizes in headless Chromium: ``python -m benchmarks.gallery [--json]``.

For each size it tells the page's bytes, the seconds to write it (and the metadata and table beside it), and what a
visitor waits for: until the page can be used, until a filter, a search and a new order are on the screen, until a work
is open, and the pace of frames while the whole grid is scrolled through. The works share 64 thumbnails of noise, the
worst case for decoding; times are medians and depend on the machine: compare sizes within one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from ganplugin.series.collection import Collection, Work
from ganplugin.series.gallery import write_gallery
from ganplugin.series.metadata import write_metadata, write_traits_table
from tests.hosts.chromium import Page, opened

SIZES = (100, 1_000, 10_000)
REPEATS = 5
THUMBNAILS = 64
# Each acts on the page and ends when what it did is painted.
ACTS = {
    "filter": "document.querySelector('.value input').click()",
    "search": "(query.value = '9', query.dispatchEvent(new Event('input')))",
    "order": "(sort.value = 't.2', sort.dispatchEvent(new Event('change')))",
    "open": "open(shownWorks[3])",
}
TIMED = """(async () => {{
    const painted = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    await painted();
    const begun = performance.now();
    {act};
    await painted();
    return performance.now() - begun;
}})()"""
SCROLL = """(async () => {
    const frames = [];
    const distance = document.documentElement.scrollHeight - innerHeight;
    let before = performance.now();
    for (let step = 0; step <= 120; step += 1) {
        scrollTo(0, distance * step / 120);
        const now = await new Promise(done => requestAnimationFrame(() => setTimeout(() => done(performance.now()))));
        frames.push(now - before);
        before = now;
    }
    return frames;
})()"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    as_json = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder, opened() as page:
        rows = [measured(size, Path(folder) / str(size), page) for size in SIZES]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    for name in rows[0]:
        print(f"{name:28}" + "".join(f"{row[name]:>12,.1f}" for row in rows))


def measured(size: int, folder: Path, page: Page) -> dict[str, float]:
    """Return every figure of a gallery of ``size`` works."""
    collection = collection_of(size, folder)
    row: dict[str, float] = {"works": size, "write page, s": seconds(lambda: write_gallery(collection, folder))}
    row["page, KiB"] = (folder / "index.html").stat().st_size / 1024
    row["write metadata, s"] = seconds(lambda: write_metadata(collection, folder))
    row["again, unchanged, s"] = seconds(lambda: write_metadata(collection, folder))
    row["write table, s"] = seconds(lambda: write_traits_table(collection, folder))
    loads, acts = [], {name: list[float]() for name in ACTS}
    for _ in range(REPEATS):
        for name, act in ACTS.items():
            page.open(folder / "index.html")
            loads.append(page.value("performance.timing.domInteractive - performance.timing.navigationStart"))
            acts[name].append(page.value(TIMED.format(act=act)))
    row["usable after, ms"] = statistics.median(loads)
    row |= {f"{name}, ms": statistics.median(times) for name, times in acts.items()}
    page.open(folder / "index.html")
    frames = sorted(page.value(SCROLL))
    row["scroll, frame, ms"] = statistics.median(frames)
    row["scroll, 95 % below, ms"] = frames[int(len(frames) * 0.95)]
    row["elements in the page"] = page.value("document.querySelectorAll('*').length")
    return row


def seconds(act: Callable[[], object]) -> float:
    """Return how long something takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def collection_of(size: int, folder: Path) -> Collection:
    """Return a collection with six traits, and write its thumbnails."""
    chance = np.random.default_rng(0)
    (folder / "thumbs").mkdir(parents=True)
    for number in range(THUMBNAILS):
        noise = chance.integers(0, 256, (320, 320, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "thumbs" / f"{number}.webp", quality=80)
    return Collection("Noise", works=tuple(work(number, chance) for number in range(size)), source="series.yaml")


def work(number: int, chance: np.random.Generator) -> Work:
    """Return one work with traits of every kind."""
    thumbnail = f"thumbs/{number % THUMBNAILS}.webp"
    traits = {
        "Palette": str(chance.choice(["Dawn", "Noon", "Dusk", "Night"])),
        "Weather": str(chance.choice(["Clear", "Haze", "Rain", "Storm"], p=[0.6, 0.3, 0.09, 0.01])),
        "Height": round(float(chance.random()), 3),
        "Layers": int(chance.integers(1, 8)),
        "Hand": f"Hand {chance.integers(0, 40)}",
        "Signed": bool(chance.random() < 0.1),
    }
    changes = {"2.seed": int(chance.integers(0, 2**32)), "2.truncation": traits["Height"], "4.layers": traits["Layers"]}
    digest = chance.bytes(32).hex()
    return Work(number, f"Noise {number}", (thumbnail,), thumbnail, digest, traits, changes, traits["Height"], 320, 320)


if __name__ == "__main__":
    main()
