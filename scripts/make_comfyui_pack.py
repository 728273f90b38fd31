"""Build the folder that ComfyUI's registry takes: the pack that ``ganplugin install comfyui`` writes, with metadata.

The registry installs the folder into ``custom_nodes`` and pip-installs its requirements.

    python scripts/make_comfyui_pack.py --out dist/comfyui-pack
    python scripts/make_comfyui_pack.py --repository https://... --publisher NAME
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping
from importlib.metadata import metadata
from pathlib import Path

import ganplugin
from ganplugin.hostpacks import PACKS, pack_files

ROOT = Path(__file__).resolve().parent.parent

LEAST_COMFYUI = "0.3.60"

README = """# ganplugin

Nodes for ComfyUI that render GANs and style networks from verified ONNX files: sample, interpolate, mix styles, restyle
pictures, score, and save pictures that carry their recipe.

## Install

This folder goes into ComfyUI's `custom_nodes`, and `requirements.txt` into ComfyUI's Python. What runs the models is
installed beside it, once:

```console
$ pip install "ganplugin[cpu]"      # or, with an NVIDIA GPU: pip install "ganplugin[gpu]"
```

A few models are built in. Your own `.onnx` files, as `ganplugin export` writes them, go into `models/ganplugin` below
ComfyUI's folder; refresh its window to see them.

The nodes are under *ganplugin* in the list of nodes, and examples are among ComfyUI's templates.
"""


def pyproject(repository: str | None, publisher: str | None) -> str:
    """Return the text of the pack's ``pyproject.toml``; keys without a value are left out."""
    ours = metadata("ganplugin")
    project = {
        "name": "ganplugin",
        "version": ganplugin.__version__,
        "description": ours["Summary"],
        "readme": "README.md",
        "requires-python": ours["Requires-Python"],
        "license": {"file": "LICENSE"},
        # ComfyUI takes no accelerator at all from a list that names another environment.
        "classifiers": [name for name in ours.get_all("Classifier") or () if name != "Environment :: Console"],
        "dependencies": [requirement()],
    }
    comfy = {
        "PublisherId": publisher,
        "DisplayName": "ganplugin",
        "Icon": "icon.png",
        "web": "web",
        "requires-comfyui": f">={LEAST_COMFYUI}",
    }
    tables: dict[str, Mapping[str, object]] = {
        "project": project,
        "project.urls": {"Repository": repository},
        "tool.comfy": comfy,
    }
    return "\n".join(text for name, table in tables.items() if (text := _table(name, table)))


def requirement() -> str:
    """Return what the pack needs of pip: the very version that it was made from."""
    return f"ganplugin=={ganplugin.__version__}"


def _table(name: str, table: Mapping[str, object]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in table.items() if value is not None]
    return "\n".join([f"[{name}]", *lines]) + "\n" if lines else ""


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    # A JSON string or list of strings is written the same way in TOML.
    return json.dumps(value, ensure_ascii=False)


def make(out: Path, repository: str | None, publisher: str | None) -> Path:
    """Build the folder anew in ``out`` and return it; only a folder that was built here before is replaced."""
    folder = out / "ganplugin"
    pack = dict(pack_files(PACKS["comfyui"]))
    if folder.exists():
        init = folder / "__init__.py"
        if not init.is_file() or init.read_bytes() != pack[init.name]:
            raise SystemExit(f"{folder}: is there and is no pack - name another folder by --out")
        shutil.rmtree(folder)
    texts = {
        "pyproject.toml": pyproject(repository, publisher),
        "requirements.txt": f"{requirement()}\n",
        "README.md": README,
    }
    files = {
        **pack,
        **{name: text.encode() for name, text in texts.items()},
        "icon.png": (ROOT / "nodes" / "comfyui" / "icon.png").read_bytes(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
    }
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def main() -> None:
    """Build what the command line asks for and print where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "comfyui-pack", help="folder for the pack")
    parser.add_argument("--repository", help="address of the source, for the registry's page")
    parser.add_argument("--publisher", help="your id as a publisher in the registry")
    given = parser.parse_args()
    print(make(given.out, given.repository or None, given.publisher or None))
    missing = [f"--{name}" for name in ("repository", "publisher") if not getattr(given, name)]
    if missing:
        print(f"the registry will ask for what was not given: {' and '.join(missing)}")


if __name__ == "__main__":
    main()
