"""Render the pictures of README and docs/models.md from the builtin models: ``make pictures``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganplugin.builtin import demo_photo
from ganplugin.images import write_picture
from ganplugin.library import builtin_styles
from ganplugin.nodes import Context, Images, Interpolate, LoadImages, LoadModel, Sample, SaveVideo, StyleTransfer
from ganplugin.sheets import contact_sheet
from ganplugin.sizing import resize

Pixels = NDArray[np.float32]

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH = 1600
GENERATORS = ("brushwork", "icons")
WALK_SEEDS = "0-3"


def main() -> None:
    """Write the opening strip, a sheet of each generator, the sheet of styles and a film of each walk."""
    here = Context()
    styled = sheet_of_styles(here)
    rows = []
    for name in GENERATORS:
        rows.append(sheet(pictures(name, "0-15", here), columns=16))
        rows.append(sheet(walk(name, 16, here), columns=16))
        save(sheet(pictures(name, "0-63", here), columns=16), f"{name}.jpg")
        film = SaveVideo(images=walk(name, 120, here), path=str(FOLDER / f"{name}-walk.webp"), scale=3, overwrite=True)
        film.run(here)
    save(np.concatenate([*rows, styled]), "strip.jpg")
    save(styled, "styles.jpg")


def pictures(name: str, seeds: str, here: Context) -> Images:
    """Return one picture a seed of a builtin generator."""
    model = LoadModel(model=f"builtin:{name}").run(here).model
    return Sample(model=model, seeds=seeds).run(here).images


def walk(name: str, frames: int, here: Context) -> Images:
    """Return a closed walk of a builtin generator."""
    model = LoadModel(model=f"builtin:{name}").run(here).model
    return Interpolate(model=model, seeds=WALK_SEEDS, frames=frames).run(here).images


def sheet_of_styles(here: Context) -> Pixels:
    """Return the demonstration's photo and what every style makes of it, with captions."""
    photo = LoadImages(path=str(demo_photo())).run(here).images
    shown, names = [photo[0]], ["the photo"]
    for style in builtin_styles():
        model = LoadModel(model=style).run(here).model
        shown.append(StyleTransfer(model=model, images=photo).run(here).images[0])
        names.append(style)
    return fitted(contact_sheet(shown, columns=len(shown), labels=names))


def sheet(images: Images, *, columns: int) -> Pixels:
    """Return pictures in rows, as wide as the strip."""
    return fitted(contact_sheet(list(images), columns=columns, gap=6))


def fitted(page: Pixels) -> Pixels:
    """Scale a page to the strip's width."""
    return resize(page, WIDTH, round(page.shape[0] * WIDTH / page.shape[1]))


def save(page: Pixels, name: str) -> None:
    """Write a page as a JPEG."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_picture(page, FOLDER / name, text={}, overwrite=True, quality=90)


if __name__ == "__main__":
    main()
