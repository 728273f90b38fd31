from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.setting import GIVEN
from ganplugin.models.unet_translator import FAMILY
from tests.models.test_resnet_translator import drawn
from tests.models.translators import unet

KEYS = {
    "model.model.0.weight": (3, 3, 4, 4),
    "model.model.1.model.1.weight": (6, 3, 4, 4),
    "model.model.1.model.2.weight": (6,),
    "model.model.1.model.2.running_var": (6,),
    "model.model.1.model.3.model.1.weight": (12, 6, 4, 4),
    "model.model.1.model.3.model.3.weight": (12, 6, 4, 4),
    "model.model.1.model.3.model.4.bias": (6,),
    "model.model.1.model.5.weight": (12, 3, 4, 4),
    "model.model.1.model.6.num_batches_tracked": (),
    "model.model.3.weight": (6, 3, 4, 4),
    "model.model.3.bias": (3,),
}


def test_the_example_has_the_keys_of_pix2pix() -> None:
    shapes = {key: tuple(tensor.shape) for key, tensor in unet(depth=3).state_dict().items()}
    assert KEYS.items() <= shapes.items()
    assert "model.model.1.model.1.bias" not in shapes
    assert len(shapes) == 3 + 2 * 6 + 7


@pytest.mark.parametrize(
    "example",
    [
        {"depth": 2, "width": 5},
        {"depth": 5},
        {"depth": 3, "channels": (1, 3)},
        {"depth": 3, "channels": (3, 1)},
        {"depth": 3, "norm": lambda width: nn.Identity()},
    ],
)
def test_instance_norm_or_none_and_any_depth(example: dict) -> None:
    module = unet(**{"norm": nn.InstanceNorm2d, **example})
    state = module.state_dict()
    assert FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    side = 2 ** example["depth"]
    assert (network.facts["size_multiple"], network.facts["minimum_size"]) == (side, side)
    content = torch.rand(2, 1, 3 * side, side).expand(-1, 3, -1, -1)
    seen = content[:, : example.get("channels", (3, 3))[0]]
    wanted = drawn(module, seen)
    assert wanted.std() > 0.01
    assert torch.allclose(network.module(content), wanted, atol=1e-5)


def test_each_picture_is_normalised_alone_as_pix2pix_tests_its_batch_norm() -> None:
    module = unet()
    state = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    content = torch.rand(2, 3, 16, 48)
    evaluated = drawn(module, content)
    for layer in module.modules():
        layer.train(isinstance(layer, nn.BatchNorm2d))
    alone = torch.cat([drawn(module, content[i : i + 1]) for i in range(2)])
    assert torch.allclose(FAMILY.rebuild(state, {}).module(content), alone, atol=1e-5)
    assert torch.allclose(FAMILY.rebuild(state, {GIVEN: {"bn_mode": "eval"}}).module(content), evaluated, atol=1e-5)
    assert (alone - evaluated).abs().max() > 0.01


@pytest.mark.parametrize("key", ["model.model.0.weight", "model.model.3.weight", "model.model.1.model.1.weight"])
def test_near_misses_are_not_taken(key: str) -> None:
    state = dict(unet().state_dict())
    del state[key]
    assert not FAMILY.detect(state)
    with pytest.raises(CheckpointError, match="no pix2pix U-Net"):
        FAMILY.rebuild(state, {})


def test_what_is_missing_left_over_or_of_other_channels_is_refused() -> None:
    state = dict(unet().state_dict())
    with pytest.raises(CheckpointError, match="almost a pix2pix U-Net"):
        FAMILY.rebuild({**state, "model.model.1.model.9.weight": torch.zeros(3)}, {})
    del state["model.model.1.model.5.weight"]
    with pytest.raises(CheckpointError, match=r"model\.model\.1\.model\.5\.weight is missing"):
        FAMILY.rebuild(state, {})
    with pytest.raises(CheckpointError, match="takes 4 channels"):
        FAMILY.rebuild(unet(channels=(4, 3)).state_dict(), {})


def test_the_file_equals_the_network_at_multiples_alone(tmp_path: Path) -> None:
    path = tmp_path / "latest_net_G.pth"
    torch.save(unet(depth=6, width=2).state_dict(), path)
    done = export_checkpoint(path)
    assert done.manifest.family == "pix2pix-unet"
    assert done.manifest.size_multiple == 64
