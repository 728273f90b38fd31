"""A checkpoint from the wild: the face generator of the package ``gan-face-generate`` (MIT)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganplugin.export import export_checkpoint
from ganplugin.runtime import RuntimeOptions, open_model
from ganplugin.seeds import seed_latents
from tests.assets import fetched
from tests.models.test_dcgan import example_generator


@pytest.fixture(scope="module")
def weights() -> Path:
    return fetched("faces") / "weights.tar"


def test_the_faces_export_and_equal_the_example_code(weights: Path, tmp_path: Path) -> None:
    done = export_checkpoint(weights, tmp_path / "faces.onnx")
    assert (done.manifest.family, done.part, done.manifest.width) == ("dcgan", "netG_state_dict", 64)
    z = seed_latents(range(4), 100)
    found = open_model(done.path, RuntimeOptions(device="cpu")).run({"z": z})["image"]
    example = example_generator(100, (512, 256, 128, 64), 3)
    state = torch.load(weights, map_location="cpu", weights_only=True)["netG_state_dict"]
    example.load_state_dict({key.removeprefix("main."): value for key, value in state.items()})
    with torch.no_grad():
        expected = (example.eval()(torch.from_numpy(z)[:, :, None, None]).numpy() + 1) / 2
    assert np.abs(found - expected).max() < 1e-5
    assert found.std(axis=(1, 2, 3)).min() > 0.05
