"""A CycleGAN from the wild: the generator of the package ``vintagify`` (MIT), a ResNet of nine blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganplugin.builtin import demo_photo
from ganplugin.export import Exported, export_checkpoint
from ganplugin.nodes import Context, LoadImages, LoadModel, StyleTransfer
from tests.assets import fetched
from tests.models.translators import resnet


@pytest.fixture(scope="module")
def weights() -> Path:
    return fetched("vintage") / "G_A2B_epoch33.pth"


@pytest.fixture(scope="module")
def done(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export_checkpoint(weights, tmp_path_factory.mktemp("vintage") / "vintage.onnx")


def test_the_published_weights_export_and_paint_a_photo(done: Exported) -> None:
    assert (done.manifest.family, done.manifest.kind) == ("cyclegan-resnet", "style")
    assert done.manifest.verification is not None
    assert done.manifest.verification.max_error <= 1e-4
    here = Context(device="cpu")
    photo = LoadImages(path=str(demo_photo())).run(here).images
    model = LoadModel(model=str(done.path)).run(here).model
    painted = StyleTransfer(model=model, images=photo, max_side=160).run(here).images[0]
    plain = StyleTransfer(model=model, images=photo, max_side=160, strength=0.0).run(here).images[0]
    assert painted.shape == plain.shape
    # A faded print: changed throughout, but the same picture.
    assert 0.01 < np.abs(painted - plain).mean() < 0.2
    assert np.corrcoef(painted.mean(axis=2).ravel(), plain.mean(axis=2).ravel())[0, 1] > 0.9


def test_it_equals_the_plain_network(weights: Path, done: Exported) -> None:
    state = torch.load(weights, map_location="cpu", weights_only=True)
    plain = resnet(width=64, blocks=9, norm=lambda n: torch.nn.InstanceNorm2d(n, affine=True)).eval()
    plain.load_state_dict(dict(zip(plain.state_dict(), state.values(), strict=True)))
    content = np.random.RandomState(0).rand(1, 3, 64, 48).astype(np.float32)
    with torch.no_grad():
        wanted = plain(torch.from_numpy(content) * 2 - 1).numpy() * 0.5 + 0.5
    session = LoadModel(model=str(done.path)).run(Context(device="cpu")).model.session
    assert np.abs(session.run({"content": content})["image"] - wanted).max() < 1e-4
