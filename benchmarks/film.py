"""How much a painted film flickers, and what calms it: ``python -m benchmarks.film [--styles great-wave …] [--json]``.

Four clips are made of the photo that comes with the package: a still camera (sensor noise of 3 levels, exposure that
pumps by 1.5 percent), the same with something large that walks through (and that without noise and pumping), and a
pan. Each is painted with the statistics
of each frame and of the shot, and steadied or not.

Flicker is the mean difference of neighbouring frames in levels of 255, where nothing moves. Ghosting is by how many
levels steadying changes the frames of the pan, in which nothing may be blended, and what the walker has just left.
Sharpness is the mean gradient of the pan, steadied by plain. All figures are of pictures, none of time, so that they
do not depend on the machine.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ganplugin.nodes import Context, Images, LoadModel, SteadyFrames, StyleTransfer
from ganplugin.nodes.values import Origin, Recipe

Pixels = NDArray[np.float32]

FRAMES = 40
HEIGHT, WIDTH = 208, 304
SKIPPED = 6
"""The first frames, in which a blend is not yet what it will be."""

WAYS = {
    "as it comes": ("picture", 0.0),
    "statistics of the shot": ("shot", 0.0),
    "steady 0.5": ("picture", 0.5),
    "shot, steady 0.5": ("shot", 0.5),
    "shot, steady 0.8": ("shot", 0.8),
    "shot, steady 1": ("shot", 1.0),
}


@dataclass(frozen=True)
class Clip:
    """Frames [h, w, 3], and for each the pixels [h, w] in which nothing moves."""

    frames: tuple[Pixels, ...]
    still: tuple[NDArray[np.bool_], ...]


def photo() -> Pixels:
    """Return the photo of the package, 300 x 451."""
    from ganplugin.builtin import demo_photo
    from ganplugin.images import read_picture

    return read_picture(demo_photo()).rgb


def filmed(scenes: Sequence[Pixels]) -> tuple[Pixels, ...]:
    """Return scenes as a camera gives them: with noise and an exposure that pumps."""
    random = np.random.RandomState(0)
    exposure = 1 + 0.015 * random.randn(len(scenes))
    noisy = (scene * gain + random.randn(*scene.shape) * 3 / 255 for scene, gain in zip(scenes, exposure, strict=True))
    return tuple(np.clip(frame, 0, 1).astype(np.float32) for frame in noisy)


def clips() -> dict[str, Clip]:
    """Return the clips."""
    whole = photo()
    view = whole[46 : 46 + HEIGHT, 70 : 70 + WIDTH]
    everywhere = tuple(np.ones((HEIGHT, WIDTH), np.bool_) for _ in range(FRAMES))
    walker = whole[60:220, 150:260][:, ::-1] * np.float32([1.0, 0.6, 0.5])
    walked, free = [], []
    for index in range(FRAMES):
        scene, still = view.copy(), np.ones((HEIGHT, WIDTH), np.bool_)
        left = 5 * index
        scene[40:200, left : left + 110] = walker[:, : WIDTH - left]
        still[:, max(0, left - 40) : left + 150] = False
        walked.append(scene)
        free.append(still)
    pan = [whole[46 : 46 + HEIGHT, 3 * index : 3 * index + WIDTH] for index in range(FRAMES)]
    return {
        "still": Clip(filmed([view] * FRAMES), everywhere),
        "walker": Clip(filmed(walked), tuple(free)),
        "walker, clean": Clip(tuple(walked), tuple(free)),
        "pan": Clip(filmed(pan), everywhere),
    }


def as_images(frames: Sequence[Pixels]) -> Images:
    """Return frames as nodes take them."""
    recipe = Recipe("frames")
    return Images(len(frames), lambda start, stop: frames[start:stop], lambda index: Origin(recipe, index), recipe)


def flicker(frames: Sequence[Pixels], clip: Clip) -> float:
    """Return the mean difference of neighbouring frames where nothing moves, in levels."""
    marks = [one & other for one, other in pairwise(clip.still)]
    changes = [np.abs(after - before) for before, after in pairwise(frames)]
    return 255 * float(
        np.mean([c[m].mean() for c, m in zip(changes[SKIPPED:], marks[SKIPPED:], strict=True) if m.any()])
    )


def sharpness(frames: Sequence[Pixels]) -> float:
    """Return the mean gradient."""
    return float(np.mean([np.abs(np.diff(frame, axis=axis)).mean() for frame in frames[SKIPPED:] for axis in (0, 1)]))


def painted(clip: Clip, style: str) -> dict[str, list[Pixels]]:
    """Return the clip painted in each way."""
    context = Context(device="cpu")
    model = LoadModel(model=f"builtin:{style}").run(context).model
    film = as_images(clip.frames)
    found: dict[str, list[Pixels]] = {}
    plain: dict[str, list[Pixels]] = {}
    for name, (statistics, steady) in WAYS.items():
        if statistics not in plain:
            node = StyleTransfer.model_validate({"model": model, "images": film, "statistics": statistics})
            plain[statistics] = list(node.run(context).images)
        images = as_images(plain[statistics])
        found[name] = list(SteadyFrames(images=images, film=film, steady=steady).run(context).images)
    return found


def behind(frames: Sequence[Pixels], plain: Sequence[Pixels]) -> float:
    """Return by how many levels the place that the walker has just left differs from the frames before steadying."""
    left = [(index, 5 * index) for index in range(SKIPPED, FRAMES)]
    places = [(slice(60, 180), slice(max(0, at - 10), at)) for _, at in left]
    changes = [np.abs(frames[i] - plain[i])[place].mean() for (i, _), place in zip(left, places, strict=True)]
    return 255 * float(np.mean(changes))


def measure(style: str) -> dict[str, dict[str, float]]:
    """Return the figures of each way."""
    film = clips()
    by_clip = {name: painted(clip, style) for name, clip in film.items()}
    found: dict[str, dict[str, float]] = {}
    for way, (statistics, _) in WAYS.items():
        base = "as it comes" if statistics == "picture" else "statistics of the shot"
        pan, unblended = by_clip["pan"][way], by_clip["pan"][base]
        ghost = [np.abs(one - other).mean() for one, other in zip(pan[SKIPPED:], unblended[SKIPPED:], strict=True)]
        found[way] = {
            "still": flicker(by_clip["still"][way], film["still"]),
            "walker": flicker(by_clip["walker"][way], film["walker"]),
            "walker, clean": flicker(by_clip["walker, clean"][way], film["walker, clean"]),
            "ghosting, pan": 255 * float(np.mean(ghost)),
            "ghosting, walker": behind(by_clip["walker"][way], by_clip["walker"][base]),
            "sharpness": sharpness(pan) / sharpness(by_clip["pan"]["as it comes"]),
        }
    return found


def main() -> None:
    """Print a table for each style."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--styles", nargs="+", default=["great-wave", "cafe-terrace"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = {style: measure(style) for style in given.styles}
    if given.json:
        print(json.dumps(found, indent=2))
        return
    source = {name: flicker(clip.frames, clip) for name, clip in clips().items() if name != "pan"}
    print("the film itself: " + ", ".join(f"{name} {value:.2f}" for name, value in source.items()))
    for style, rows in found.items():
        print(f"\n| {style} | " + " | ".join(next(iter(rows.values()))) + " |")
        print("|---|" + "---|" * 6)
        for way, row in rows.items():
            print(f"| {way} | " + " | ".join(f"{value:.2f}" for value in row.values()) + " |")


if __name__ == "__main__":
    main()
