from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganplugin.errors import CheckpointError
from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.export.eager import EagerNetwork
from ganplugin.runtime import RuntimeOptions, open_model
from tests.export.files import WRITERS
from tests.models.test_dcgan import example_discriminator, example_generator, state_of


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    content = {"netG": state_of(example_generator(5, (6, 4), 3)), "netD": state_of(example_discriminator(3, (4, 6)))}
    return WRITERS["legacy torch"](tmp_path / "both.pth", content)


@pytest.mark.parametrize("scorer", [False, True])
def test_the_network_of_a_checkpoint_computes_what_its_export_does(checkpoint: Path, *, scorer: bool) -> None:
    options = ExportOptions(part="scorer" if scorer else None)
    exported = export_checkpoint(checkpoint, checkpoint.with_name("out.onnx"), options)
    model = open_model(exported.path, RuntimeOptions(device="cpu"))
    random = np.random.RandomState(0)
    side = model.manifest.width
    feeds = {"image": random.rand(2, 3, side, side)} if scorer else {"z": random.randn(2, 5)}
    feeds = {name: value.astype(np.float32) for name, value in feeds.items()}
    eager = EagerNetwork(checkpoint, scorer=scorer)
    output = "score" if scorer else "image"
    assert np.allclose(eager.run(feeds), model.run(feeds, [output])[output], atol=1e-5)
    assert eager.program.startswith("PyTorch 2.")
    assert eager.program.endswith("eager, cpu")


def test_what_is_no_checkpoint_is_refused_as_export_refuses_it(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"nothing that anyone wrote")
    with pytest.raises(CheckpointError):
        EagerNetwork(tmp_path / "x.pth")
