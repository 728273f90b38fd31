"""Make the example workflows of ComfyUI and the thumbnails that its window shows, by running the workflows themselves.

python scripts/make_workflows.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from ganplugin.nodes import NODES, Context
from ganplugin.nodes.context import Folders
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.workflows import workflow_of

__all__ = ["GRAPHS", "main"]

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "nodes" / "comfyui" / "example_workflows"
ICON = ROOT / "nodes" / "comfyui" / "icon.png"
PHOTO = ROOT / "ganplugin" / "builtin" / "cat.webp"
THUMBNAIL = 384


def node(name: str, **inputs: object) -> dict[str, Any]:
    """Return one node of a graph; a name of ours stands without its prefix."""
    ours = {kind.id for kind in NODES}
    return {"class_type": f"GanPlugin{name}" if f"GanPlugin{name}" in ours else name, "inputs": inputs}


GRAPHS: dict[str, dict[str, Any]] = {
    "sample_grid": {
        "1": node("LoadModel", model="builtin:brushwork"),
        "2": node("Sample", model=["1", 0], seeds="0-24", truncation=0.9, seed=100),
        "3": node("ContactSheet", images=["2", 0], columns=5),
        "4": node("SaveImage", images=["3", 0], filename_prefix="ganplugin/grid"),
    },
    "interpolation_film": {
        "1": node("LoadModel", model="builtin:brushwork"),
        "2": node("Interpolate", model=["1", 0], seeds="3,14,15,92", frames=96, truncation=0.9),
        "3": node("SaveVideo", images=["2", 0], path="ganplugin/walk.webp", fps=24.0, scale=6),
    },
    "photo_to_painting": {
        "1": node("LoadModel", model="builtin:great-wave"),
        # ComfyUI comes with this picture in its input folder.
        "2": node("LoadImage", image="example.png"),
        "3": node("StyleTransfer", model=["1", 0], images=["2", 0], max_side=1024),
        "4": node("SaveImages", images=["3", 0], folder="ganplugin"),
    },
}
"""One graph an example: a grid of samples, a film of a walk, and a photo in a painting's style."""


def rendered(graph: dict[str, Any], folder: Path) -> Path:
    """Run a graph in a folder and return the file that it wrote."""
    inputs = folder / "input"
    inputs.mkdir()
    with Image.open(PHOTO) as photo:
        photo.convert("RGB").save(inputs / "example.png")
    places = Folders(inputs=(inputs,), outputs=folder / "output")
    Graph.parse(graph).run(Context(device="cpu", folders=places))
    (written,) = (path for path in (folder / "output").rglob("*") if path.is_file())
    return written


def thumbnail(picture: Path, target: Path) -> None:
    """Write a square JPEG from the middle of a picture, or of the first frame of a film."""
    with Image.open(picture) as image:
        side = min(image.size)
        left, top = ((length - side) // 2 for length in image.size)
        cut = image.convert("RGB").crop((left, top, left + side, top + side))
    cut.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS).save(target, quality=88)


def icon() -> None:
    """Write the icon of the pack: four emblems of a builtin model."""
    graph = {
        "1": node("LoadModel", model="builtin:icons"),
        "2": node("Sample", model=["1", 0], seeds="7,12,21,33"),
        "3": node("ContactSheet", images=["2", 0], columns=2, cell=192),
        "4": node("SaveImages", images=["3", 0]),
    }
    with tempfile.TemporaryDirectory() as folder, Image.open(rendered(graph, Path(folder))) as sheet:
        sheet.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS).save(ICON, optimize=True)


def main() -> None:
    """Write every workflow with its thumbnail, and the icon."""
    FOLDER.mkdir(exist_ok=True)
    for name, graph in GRAPHS.items():
        Graph.parse(graph)
        drawing = json.dumps(workflow_of(graph), indent=1)
        (FOLDER / f"{name}.json").write_text(drawing + "\n", encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            thumbnail(rendered(graph, Path(folder)), FOLDER / f"{name}.jpg")
        print(f"wrote {name}")
    icon()


if __name__ == "__main__":
    main()
