"""Take the picture of ComfyUI's window with our nodes that README shows, from a real server and headless Chromium.

python -m scripts.make_screenshot
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from ganplugin.builtin import demo_photo
from ganplugin.hostpacks import PACKS, install
from ganplugin.nodes.workflows import workflow_of
from tests.hosts.comfyui_server import folders, prepared, started

__all__ = ["main", "picture_of"]

TARGET = Path(__file__).resolve().parent.parent / "docs" / "images" / "comfyui.png"
SHOWN = {
    "1": {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:brushwork"}},
    "2": {"class_type": "GanPluginSample", "inputs": {"model": ["1", 0], "seeds": "0-24", "seed": 100}},
    "3": {"class_type": "GanPluginContactSheet", "inputs": {"images": ["2", 0], "columns": 5}},
    "4": {"class_type": "SaveImage", "inputs": {"images": ["3", 0], "filename_prefix": "grid"}},
    "5": {"class_type": "GanPluginLoadModel", "inputs": {"model": "builtin:great-wave"}},
    "6": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
    "7": {"class_type": "GanPluginStyleTransfer", "inputs": {"model": ["5", 0], "images": ["6", 0]}},
    "8": {"class_type": "GanPluginSaveImages", "inputs": {"images": ["7", 0], "folder": "styled"}},
}
COLUMN, LOWER = 480, 500
PLACES = {number: ((number - 1) % 4 * COLUMN, (number - 1) // 4 * LOWER) for number in range(1, 9)}
SETTINGS = {"Comfy.TutorialCompleted": True, "Comfy.Minimap.Visible": False, "Comfy.Graph.CanvasInfo": False}
SCRIPT = """(async () => {{
    const closing = button => /times|close|lucide--x/i.test(button.outerHTML);
    [...document.querySelectorAll("button")].filter(closing).forEach(button => button.click());
    await app.loadGraphData({workflow});
    await app.queuePrompt(0);
    await new Promise(done => setTimeout(done, 15000));
    const places = {places};
    for (const node of app.graph._nodes) {{
        const least = /Save|LoadImage|Style|Sample|Sheet/.test(node.type) ? 440 : 0;
        node.setSize([420, Math.max(least, node.computeSize()[1])]);
        node.pos = places[node.id];
    }}
    app.canvas.ds.scale = 0.7;
    app.canvas.ds.offset = [130, 75];
    app.canvas.setDirty(true, true);
    await new Promise(done => setTimeout(done, 2500));
    return app.graph._nodes.length;
}})()"""


def main() -> None:
    """Take the picture."""
    picture_of(SHOWN, PLACES, TARGET)


def picture_of(
    graph: Mapping[str, object], places: Mapping[int, tuple[int, int]], target: Path, models: Sequence[Path] = ()
) -> None:
    """Start ComfyUI with our nodes and ``models`` in its folder, run a graph in its window and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        base = folders(Path(folder) / "comfyui", demo_photo())
        with Image.open(demo_photo()) as photo:
            photo.convert("RGB").save(base / "input" / "example.png")
        for model in models:
            shutil.copy(model, base / "models" / "ganplugin")
        (base / "user" / "default").mkdir()
        (base / "user" / "default" / "comfy.settings.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
        install(PACKS["comfyui"], base)
        shot = Path(folder) / "shot.png"
        with started(prepared(), base) as server:
            drawing = json.dumps(workflow_of(graph))
            server.window(SCRIPT.format(workflow=drawing, places=json.dumps(places)), shot=shot)
        with Image.open(shot) as image:
            image.convert("RGB").quantize(256).save(target, optimize=True)
    print(f"wrote {target.name}")


if __name__ == "__main__":
    main()
