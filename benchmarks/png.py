"""Compare our PNG encoder with Pillow's, interleaved in one run: ``python benchmarks/png.py [--json]``.

Prints the median CPU time and the file size of each encoder relative to Pillow's default, for a smooth and a grainy
picture. Only ratios are worth quoting: times depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganplugin.png import encode_png

Pixels = NDArray[np.uint8]
Encoder = Callable[[Pixels], bytes]


def pillow(level: int) -> Encoder:
    """Return Pillow's encoder at a compression level (its default is 6)."""

    def encode(pixels: Pixels) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG", compress_level=level)
        return stream.getvalue()

    return encode


ENCODERS: dict[str, Encoder] = {
    "Pillow, default": pillow(6),
    "Pillow, level 1": pillow(1),
    "ganplugin": lambda pixels: encode_png(pixels, {}),
}


def picture(size: int, grain: float) -> Pixels:
    """Return a square of soft colour gradients with Gaussian grain of ``grain`` 8-bit levels."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:size, 0:size] / size
    waves = [np.sin(6.3 * (a * x + b * y) + c) for a, b, c in ((1, 2, 0), (2, 1, 1), (1, -1, 2))]
    soft = 127.5 + 100 * np.stack(waves, axis=2)
    return np.clip(soft + generator.normal(0, grain, soft.shape), 0, 255).round().astype(np.uint8)


def measure(pixels: Pixels, rounds: int) -> dict[str, dict[str, float]]:
    """Return CPU time and size of each encoder as ratios to Pillow's default."""
    times: dict[str, list[float]] = {name: [] for name in ENCODERS}
    sizes: dict[str, int] = {}
    for _ in range(rounds):
        for name, encode in ENCODERS.items():
            start = time.process_time()
            sizes[name] = len(encode(pixels))
            times[name].append(time.process_time() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    base_time, base_size = medians["Pillow, default"], sizes["Pillow, default"]
    return {
        name: {"speedup": base_time / medians[name], "size": sizes[name] / base_size, "ms": 1000 * medians[name]}
        for name in ENCODERS
    }


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description="Compare PNG encoders.")
    parser.add_argument("--size", type=int, default=1024, help="side of the picture in pixels")
    parser.add_argument("--rounds", type=int, default=7, help="how often each encoder runs")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    results = {
        "smooth": measure(picture(options.size, 1.0), options.rounds),
        "noisy": measure(picture(options.size, 8.0), options.rounds),
    }
    if options.json:
        print(json.dumps(results, indent=2))
        return
    print(f"| {options.size} px | encoder | faster than Pillow's default | size | CPU ms here |")
    print("|---|---|---|---|---|")
    for kind, encoders in results.items():
        for name, result in encoders.items():
            print(f"| {kind} | {name} | {result['speedup']:.1f}x | {result['size']:.2f}x | {result['ms']:.0f} |")


if __name__ == "__main__":
    main()
