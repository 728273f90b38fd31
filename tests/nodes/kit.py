"""Small models, pictures and latents that the tests of nodes and commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from ganplugin.nodes import Context, Images, LatentBatch, LoadedModel, LoadModel
from ganplugin.nodes.values import Origin, Recipe
from tests.tiny_models import GraphBuilder, tiny_generator, tiny_scorer, tiny_style, tiny_upscaler

Array = NDArray[np.float32]


def write_models(folder: Path) -> Path:
    """Fill a folder with one small model of every sort that nodes tell apart."""
    tiny_generator(folder / "full.onnx")
    tiny_generator(folder / "plain.onnx", w_space=False, noise=False)
    tiny_generator(folder / "classes.onnx", classes=("cat", "dog"))
    tiny_generator(folder / "alpha.onnx", channels="RGBA")
    tiny_style(folder / "styles.onnx", multiple=4)
    painting_style(folder / "painting.onnx")
    tiny_upscaler(folder / "upscaler.onnx", scale=3, multiple=2)
    tiny_scorer(folder / "scorer.onnx")
    tiny_scorer(folder / "scorer-classes.onnx", classes=("cat", "dog"))
    return folder


def painting_style(path: Path) -> Path:
    """Write a style network without weights or strength that moves a picture halfway to a painting's mean colour."""
    build = GraphBuilder()
    content = build.input("content", ("batch", 3, "height", "width"))
    style = build.input("style", (1, 3, "style_height", "style_width"), np.full((1, 3, 4, 4), 0.5, np.float32))
    mean = build.op("ReduceMean", style, build.shape(2, 3), keepdims=1)
    half = build.constant(np.float32(0.5))
    build.op("Mul", build.op("Add", content, mean), half, output="image")
    build.outputs.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, ("batch", 3, "height", "width")))
    manifest = Manifest(kind="style", family="tiny", name="painting", licence="made by the tests", exporter="tests")
    return write_model(build.model(), manifest, path)


def load(path: Path | str, context: Context | None = None) -> LoadedModel:
    """Open a model on the CPU."""
    return LoadModel(model=str(path)).run(context or Context(device="cpu")).model


def sequence(pictures: Sequence[Array], *, chunk: int = 1, name: str = "picture") -> Images:
    """Return pictures in memory as a sequence."""
    recipe = Recipe("Test")
    return Images(
        len(pictures),
        lambda start, stop: list(pictures[start:stop]),
        lambda index: Origin(recipe, index, f"{name}-{index}"),
        recipe,
        chunk,
    )


def latents(values: Array, *, space: str = "z", digest: str = "", seeds: tuple[int, ...] = ()) -> LatentBatch:
    """Return latents in memory."""
    return LatentBatch(len(values), space, lambda start, stop: values[start:stop], Recipe("Test"), digest, seeds)


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Array:
    """Return a picture of random values that 8 bits hold exactly."""
    levels = np.random.RandomState(seed).randint(0, 256, (height, width, channels))
    return (levels / 255).astype(np.float32)


def save(path: Path, height: int = 6, width: int = 9, channels: int = 3, seed: int = 0, **options: Any) -> Path:
    """Write a photo by Pillow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.rint(noise(height, width, channels, seed) * 255).astype(np.uint8)
    Image.fromarray(levels[..., 0] if channels == 1 else levels).save(path, **options)
    return path


def as_levels(path: Path) -> NDArray[np.uint8]:
    """Read a picture file as Pillow does."""
    with Image.open(path) as image:
        return np.asarray(image)


def stub_model() -> LoadedModel:
    """Return a model that no test runs."""
    return LoadedModel(cast("Any", None), "stub", Recipe("Test"))


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    """Return one node of a graph in API format; ``kind`` is the id without its GanPlugin, or one of ComfyUI's own."""
    own = kind in ("LoadImage", "SaveImage", "PreviewImage")
    return {"class_type": kind if own else f"GanPlugin{kind}", "inputs": inputs}
