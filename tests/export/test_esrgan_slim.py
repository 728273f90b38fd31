"""Upscalers from the wild: the package ``@upscalerjs/esrgan-slim`` (MIT), which brings its own sample pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganplugin.export.adopt import Stated, adopt_onnx
from ganplugin.nodes import Context, LoadImages, LoadModel, StyleTransfer
from tests.assets import fetched
from tests.export.tfjs import layers_model_to_onnx


@pytest.fixture(scope="module")
def package() -> Path:
    return fetched("esrgan")


@pytest.mark.parametrize("scale", [2, 4])
def test_an_upscaler_is_adopted_and_draws_the_package_s_own_sample(package: Path, tmp_path: Path, scale: int) -> None:
    theirs = layers_model_to_onnx(package / "models" / f"x{scale}", tmp_path / "theirs.onnx")
    done = adopt_onnx(theirs, tmp_path / "upscaler.onnx", stated=Stated(ranges="0..255"))
    assert (done.manifest.kind, done.manifest.scale, done.manifest.size_multiple) == ("style", scale, 1)
    context = Context(device="cpu")
    photo = LoadImages(path=str(package / "assets" / "fixture.png")).run(context).images
    sample = LoadImages(path=str(package / "assets" / "samples" / f"{scale}x" / "result.png")).run(context).images[0]
    found = StyleTransfer(model=LoadModel(model=str(done.path)).run(context).model, images=photo).run(context).images[0]
    assert found.shape == sample.shape == (128 * scale, 128 * scale, 4)
    assert np.abs(found - sample)[..., :3].mean() < 0.5 / 255
    plain = photo[0].repeat(scale, axis=0).repeat(scale, axis=1)
    assert np.abs(plain - sample)[..., :3].mean() > 5 * np.abs(found - sample)[..., :3].mean()
