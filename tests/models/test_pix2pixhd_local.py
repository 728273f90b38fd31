from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.pix2pixhd_local import FAMILY
from ganplugin.models.setting import GIVEN
from tests.models.test_resnet_translator import drawn
from tests.models.translators import local_enhancer

SOME_KEYS = {
    "model.1.weight": (4, 3, 7, 7),
    "model.7.weight": (16, 8, 3, 3),
    "model.10.conv_block.1.weight": (16, 16, 3, 3),
    "model.14.weight": (8, 4, 3, 3),
    "model1_1.1.weight": (2, 3, 7, 7),
    "model1_1.4.bias": (4,),
    "model1_2.0.conv_block.5.weight": (4, 4, 3, 3),
    "model1_2.2.weight": (4, 2, 3, 3),
    "model1_2.6.weight": (3, 2, 7, 7),
}


def test_the_example_has_the_keys_of_pix2pixhd() -> None:
    shapes = {key: tuple(tensor.shape) for key, tensor in local_enhancer().state_dict().items()}
    assert SOME_KEYS.items() <= shapes.items()
    assert "model.18.weight" not in shapes


@pytest.mark.parametrize(
    ("example", "halvings"),
    [
        ({}, 3),
        ({"enhancers": 2}, 4),
        ({"halvings": 3, "width": 1}, 4),
        ({"channels": (1, 3)}, 3),
        ({"norm": nn.BatchNorm2d}, 3),
    ],
)
def test_the_network_is_rebuilt_from_its_tensors(example: dict, halvings: int) -> None:
    module = local_enhancer(**example)
    state = module.state_dict()
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {GIVEN: {"bn_mode": "eval"}})
    assert network.facts["size_multiple"] == 2**halvings
    content = torch.rand(2, 1, 2 * 2**halvings, 3 * 2**halvings).expand(-1, 3, -1, -1)
    wanted = drawn(module, content[:, : example.get("channels", (3, 3))[0]])
    assert wanted.std() > 0.01
    assert torch.allclose(network.module(content), wanted, atol=1e-5)


def test_near_misses_are_refused() -> None:
    state = dict(local_enhancer().state_dict())
    with pytest.raises(CheckpointError, match="almost a pix2pixHD local enhancer"):
        FAMILY.rebuild({**state, "model1_2.9.weight": torch.zeros(3)}, {})
    with pytest.raises(CheckpointError, match="takes 35 channels"):
        FAMILY.rebuild(local_enhancer(channels=(35, 3)).state_dict(), {})
    del state["model1_1.1.weight"]
    assert not FAMILY.detect(state)
    with pytest.raises(CheckpointError, match="no pix2pixHD local enhancer"):
        FAMILY.rebuild(state, {})


def test_the_file_equals_the_network(tmp_path: Path) -> None:
    path = tmp_path / "latest_net_G.pth"
    torch.save(local_enhancer(halvings=1).state_dict(), path)
    assert export_checkpoint(path).manifest.family == "pix2pixhd-local"
