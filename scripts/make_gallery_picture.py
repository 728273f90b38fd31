"""Take the pictures of a gallery that README shows: a small series of the builtin models, in headless Chromium.

python -m scripts.make_gallery_picture [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

from PIL import Image

from ganplugin.files import file_digest
from ganplugin.images import write_picture
from ganplugin.nodes import Context, LoadedModel, LoadImages, LoadModel, Sample, StyleTransfer
from ganplugin.series.collection import Collection, TraitValue, Work
from ganplugin.series.gallery import write_gallery
from ganplugin.series.metadata import write_metadata, write_traits_table
from ganplugin.series.sheets import write_sheets
from ganplugin.sizing import resize
from tests.hosts.chromium import Page, opened

__all__ = ["main"]

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images"
WORKS = 72
SIDE = 640
HANDS = {
    "great-wave": "The great wave",
    "spring": "Spring",
    "cafe-terrace": "Café terrace",
    "church-at-auvers": "Auvers",
}
WEIGHTS = (46, 30, 18, 6)
GROUNDS = {"brushwork": "Brushwork", "icons": "Icons"}
ABOUT = (
    "Seventy-two small weathers. A network that has seen nothing but the brushwork of old masters dreams a ground, "
    "and a second one paints over it in another's hand."
)


def main() -> None:
    """Render the series, write all that belongs to it, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="leave the series in this folder, with pictures of every state")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or Path(scratch) / "series"
        collection = rendered(folder)
        write_sheets(collection, folder)
        write_metadata(collection, folder)
        write_traits_table(collection, folder)
        shots = photograph(write_gallery(collection, folder), Path(scratch))
        for name in ("gallery", "gallery-piece"):
            with Image.open(shots[name]) as image:
                image.convert("RGB").save(TARGET / f"{name}.jpg", quality=88, optimize=True)
                print(f"wrote {name}.jpg")
        for name, path in shots.items() if keep else ():
            path.replace(folder / f"{name}.png")


def rendered(folder: Path) -> Collection:
    """Return the series, with a picture and a thumbnail of each work below ``folder``."""
    chance = random.Random(7)
    here = Context()
    works = []
    for number in range(WORKS):
        hand = chance.choices(list(HANDS), WEIGHTS)[0]
        ground = chance.choices(list(GROUNDS), (4, 1))[0]
        truncation = round(chance.uniform(0.5, 1.0), 2)
        seed = chance.randrange(2**32)
        works.append(painted(folder, number, hand, ground, truncation, seed, here))
    models = {f"builtin:{name}": loaded(name, here).digest for name in (*GROUNDS, *HANDS)}
    return Collection(
        "Weather Diary", ABOUT, "Mara Okafor", "CC BY 4.0", "https://example.org", tuple(works), models, "series.yaml"
    )


def loaded(name: str, here: Context) -> LoadedModel:
    """Return a builtin model."""
    return LoadModel(model=f"builtin:{name}").run(here).model


def painted(folder: Path, number: int, hand: str, ground: str, truncation: float, seed: int, here: Context) -> Work:
    """Render one work: a sampled ground, enlarged, in the style of a painting."""
    sampled = Sample(model=loaded(ground, here), seeds=str(seed), truncation=truncation).run(here).images[0]
    sketch = folder / "grounds" / f"{number:03}.png"
    write_picture(resize(sampled, SIDE, SIDE), sketch, text={}, overwrite=True)
    photo = LoadImages(path=str(sketch)).run(here).images
    picture = StyleTransfer(model=loaded(hand, here), images=photo).run(here).images[0]
    piece, thumbnail = f"pieces/{number:03}.png", f"thumbs/{number:03}.webp"
    write_picture(picture, folder / piece, text={}, overwrite=True)
    write_picture(resize(picture, 320, 320), folder / thumbnail, text={}, overwrite=True)
    traits: dict[str, TraitValue] = {"Hand": HANDS[hand], "Ground": GROUNDS[ground], "Truncation": truncation}
    changes: dict[str, TraitValue] = {
        "1.model": f"builtin:{ground}",
        "2.seed": seed,
        "2.truncation": truncation,
        "4.model": f"builtin:{hand}",
    }
    score = round(float(picture.std(axis=(0, 1)).mean()), 4)
    digest = file_digest(folder / piece)
    return Work(number, f"Weather {number}", (piece,), thumbnail, digest, traits, changes, score, SIDE, SIDE)


def photograph(page: Path, folder: Path) -> dict[str, Path]:
    """Return pictures of the page: light, dark, an open work, a filter, a phone."""
    shots: dict[str, Path] = {}

    def shoot(name: str) -> None:
        window.until("[...document.images].every(image => image.complete || image.loading === 'lazy')")
        window.value("new Promise(done => setTimeout(done, 500))")
        shots[name] = folder / f"{name}.png"
        window.shot(shots[name])

    with opened(1440, 960) as window:
        window.open(page)
        shoot("gallery")
        window.prefer(prefers_color_scheme="dark")
        shoot("gallery-dark")
        window.open(page, "#piece=5")
        shoot("gallery-piece")
        window.prefer(prefers_color_scheme="light")
        window.open(page, "#sort=rarity&t.Hand=Spring&t.Hand=Auvers")
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
