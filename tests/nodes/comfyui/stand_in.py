"""A stand-in for ComfyUI: the modules that our nodes ask it for, and its way of running a graph."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganplugin.nodes.base import Node

ADAPTER = "ganplugin.nodes.comfyui"
HOST = ("comfy", "comfy_api", "folder_paths", "server")


class Interrupted(Exception):  # noqa: N818 - ComfyUI's InterruptProcessingException
    """What ComfyUI raises when a run is stopped."""


@dataclass
class Comfy:
    """ComfyUI with its folders below ``root``, and what it was told."""

    root: Path
    interrupted: bool = False
    texts: list[tuple[str, str]] = field(default_factory=list)
    steps: list[tuple[int, int, Any]] = field(default_factory=list)
    foreign: dict[str, Callable[..., tuple[Any, ...]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("models/ganplugin", "input", "output", "temp"):
            (self.root / name).mkdir(parents=True)
        self.foreign["LoadImage"] = self._load_image

    def module(self, name: str) -> Any:
        """Import one of the adapter's modules."""
        return importlib.import_module(f"{ADAPTER}.{name}")

    def run(self, prompt: Mapping[str, Any], pnginfo: Mapping[str, Any] | None = None) -> dict[str, Ran]:
        """Run a graph in API format, whose nodes stand in the order of their links, by the V1 interface."""
        classes = self.module("classic").NODE_CLASS_MAPPINGS
        ran: dict[str, Ran] = {}
        for node_id, call in prompt.items():
            given = {name: self._values(value, ran) for name, value in call["inputs"].items()}
            if call["class_type"] in self.foreign:
                outputs = self.foreign[call["class_type"]](**{name: value[0] for name, value in given.items()})
                ran[node_id] = Ran([[output] for output in outputs], {})
                continue
            hidden: dict[str, list[Any]] = {"unique_id": [node_id], "prompt": [prompt], "extra_pnginfo": [pnginfo]}
            ran[node_id] = _run_classic(classes[call["class_type"]], {**given, **hidden})
        return ran

    def _values(self, value: object, ran: Mapping[str, Ran]) -> list[Any]:
        return ran[value[0]].outputs[value[1]] if isinstance(value, list) else [value]

    def _load_image(self, image: str) -> tuple[torch.Tensor, torch.Tensor]:
        with Image.open(self.root / "input" / image) as opened:
            rgb = np.asarray(opened.convert("RGB"), np.float32) / np.float32(255)
            alpha = opened.getchannel("A") if "A" in opened.getbands() else None
            mask = np.zeros((64, 64), np.float32) if alpha is None else np.asarray(alpha, np.float32) / np.float32(255)
        return torch.from_numpy(rgb)[None], torch.from_numpy(mask if alpha is None else 1 - mask)[None]


@dataclass
class Ran:
    """The outputs of a node, each as a list, and what the window is to show."""

    outputs: list[list[Any]]
    ui: dict[str, Any]

    def one(self, number: int = 0) -> Any:
        """Return the single value of an output."""
        (value,) = self.outputs[number]
        return value


def _run_classic(kind: type, given: Mapping[str, list[Any]]) -> Ran:
    inputs = given if kind.INPUT_IS_LIST else {name: value[0] for name, value in given.items()}
    done = getattr(kind(), kind.FUNCTION)(**inputs)
    lists = zip(done["result"], kind.OUTPUT_IS_LIST, strict=True)
    return Ran([value if is_list else [value] for value, is_list in lists], done.get("ui", {}))


def run_v3(kind: type[Node], node: type, hidden: Mapping[str, Any], **given: Any) -> Any:
    """Run a V3 class as ComfyUI does: on a copy that holds what is hidden."""
    held = type(f"{kind.id}Held", (node,), {"hidden": SimpleNamespace(**hidden)})
    return held.execute(**given)


@contextmanager
def installed(comfy: Comfy, *, v3: bool) -> Iterator[None]:
    """Let the adapter see this ComfyUI, and import it afresh."""
    kept = _take_away()
    sys.modules.update(_modules(comfy, v3=v3))
    try:
        yield
    finally:
        _take_away()
        sys.modules.update(kept)


def _take_away() -> dict[str, ModuleType]:
    names = [name for name in sys.modules if any(name == top or name.startswith(f"{top}.") for top in (*HOST, ADAPTER))]
    return {name: sys.modules.pop(name) for name in names}


def _modules(comfy: Comfy, *, v3: bool) -> dict[str, ModuleType]:
    def throw() -> None:
        if comfy.interrupted:
            raise Interrupted

    management = _module(
        "comfy.model_management",
        processing_interrupted=lambda: comfy.interrupted,
        throw_exception_if_processing_interrupted=throw,
    )
    utils = _module("comfy.utils", ProgressBar=lambda total: _Bar(comfy))
    server = SimpleNamespace(send_progress_text=lambda text, node_id: comfy.texts.append((text, node_id)))
    made = [
        _module("comfy", utils=utils, model_management=management),
        utils,
        management,
        _folder_paths(comfy.root),
        _module("server", PromptServer=SimpleNamespace(instance=server)),
        *(_v3_modules() if v3 else ()),
    ]
    return {module.__name__: module for module in made}


def _module(name: str, **members: object) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)
    module.__path__ = []
    vars(module).update(members)
    return module


@dataclass
class _Bar:
    comfy: Comfy

    def update_absolute(self, value: int, total: int | None = None, preview: object = None) -> None:
        self.comfy.steps.append((value, total or 0, preview))


def _folder_paths(root: Path) -> ModuleType:
    known: dict[str, tuple[list[str], set[str]]] = {}

    def filenames(name: str) -> list[str]:
        folders, suffixes = known[name]
        found = [(Path(folder), path) for folder in folders for path in Path(folder).rglob("*")]
        return sorted({str(path.relative_to(folder)) for folder, path in found if path.suffix in suffixes})

    return _module(
        "folder_paths",
        models_dir=str(root / "models"),
        folder_names_and_paths=known,
        get_folder_paths=lambda name: list(known[name][0]),
        get_filename_list=filenames,
        get_input_directory=lambda: str(root / "input"),
        get_output_directory=lambda: str(root / "output"),
        get_temp_directory=lambda: str(root / "temp"),
    )


# The V3 interface: no more keywords than ComfyUI takes, so that a wrong one is noticed.


@dataclass
class Input:
    id: str
    display_name: str | None = None
    optional: bool = False
    tooltip: str | None = None
    type: str = ""


@dataclass
class Bool(Input):
    default: bool | None = None


@dataclass
class Int(Input):
    default: int | None = None
    min: int | None = None
    max: int | None = None
    control_after_generate: bool | None = None


@dataclass
class Float(Input):
    default: float | None = None
    min: float | None = None
    max: float | None = None
    step: float | None = None


@dataclass
class String(Input):
    default: str | None = None
    multiline: bool = False


@dataclass
class Combo(Input):
    options: list[str] | None = None
    default: str | None = None


@dataclass
class Output:
    id: str
    display_name: str | None = None
    tooltip: str | None = None
    is_output_list: bool = False
    type: str = ""


@dataclass
class Schema:
    node_id: str
    display_name: str
    category: str
    description: str
    inputs: list[Any]
    outputs: list[Output]
    hidden: list[Any]
    is_input_list: bool = False
    is_output_node: bool = False


class HiddenInput(Enum):
    unique_id = "UNIQUE_ID"
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


class ComfyNode:
    hidden: Any = None


class NodeOutput:
    def __init__(self, *args: object, ui: object = None) -> None:
        self.args, self.ui = args, ui


def _typed(name: str, kind: type[Input] = Input) -> SimpleNamespace:
    def made_input(socket: str, **options: Any) -> Input:
        return kind(socket, type=name, **options)

    def made_output(socket: str, **options: Any) -> Output:
        return Output(socket, type=name, **options)

    return SimpleNamespace(Input=made_input, Output=made_output)


def _v3_modules() -> tuple[ModuleType, ...]:
    kinds = {"Boolean": Bool, "Int": Int, "Float": Float, "String": String, "Combo": Combo}
    types = {name: _typed(name.upper(), kind) for name, kind in kinds.items()}
    rest = {"Hidden": HiddenInput, "Schema": Schema, "ComfyNode": ComfyNode, "NodeOutput": NodeOutput}
    io = SimpleNamespace(Custom=_typed, Input=Input, Output=Output, **types, **rest)
    latest = _module("comfy_api.latest", io=io, ComfyExtension=type("ComfyExtension", (), {}))
    return _module("comfy_api", latest=latest), latest
