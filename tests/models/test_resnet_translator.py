from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.resnet_translator import CUT_FAMILY, FAMILIES, FAMILY, GLOBAL_FAMILY
from ganplugin.models.setting import GIVEN
from tests.models.translators import feature_encoder, resnet, spectral

CYCLEGAN_KEYS = {
    "model.1.weight": (4, 3, 7, 7),
    "model.1.bias": (4,),
    "model.4.weight": (8, 4, 3, 3),
    "model.4.bias": (8,),
    "model.7.weight": (16, 8, 3, 3),
    "model.7.bias": (16,),
    "model.10.conv_block.1.weight": (16, 16, 3, 3),
    "model.10.conv_block.1.bias": (16,),
    "model.10.conv_block.5.weight": (16, 16, 3, 3),
    "model.10.conv_block.5.bias": (16,),
    "model.11.weight": (16, 8, 3, 3),
    "model.11.bias": (8,),
    "model.14.weight": (8, 4, 3, 3),
    "model.14.bias": (4,),
    "model.18.weight": (3, 4, 7, 7),
    "model.18.bias": (3,),
}


def drawn(module: nn.Module, content: torch.Tensor) -> torch.Tensor:
    """What the project's own network makes of pictures 0..1, as 0..1."""
    with torch.no_grad():
        return (module(content * 2 - 1) + 1) / 2


def grey(content: torch.Tensor) -> torch.Tensor:
    return 0.299 * content[:, :1] + 0.587 * content[:, 1:2] + 0.114 * content[:, 2:]


def test_the_example_has_the_keys_of_cyclegan() -> None:
    state = resnet(blocks=1).state_dict()
    assert {key: tuple(tensor.shape) for key, tensor in state.items()} == CYCLEGAN_KEYS
    cut = resnet(blocks=1, blurred=True).state_dict()
    assert {"model.7.filt", "model.11.filt", "model.12.conv_block.1.weight", "model.13.filt", "model.17.filt"} < set(
        cut
    )
    assert cut["model.13.filt"].shape == (16, 1, 4, 4)
    assert "model.22.weight" in cut


@pytest.mark.parametrize(
    ("example", "family"),
    [
        ({}, FAMILY),
        ({"blocks": 3, "width": 3, "dropout": True}, FAMILY),
        ({"norm": lambda c: nn.InstanceNorm2d(c, affine=True), "block_name": "block"}, FAMILY),
        ({"norm": lambda c: nn.Identity(), "bias": False}, FAMILY),
        ({"halvings": 1, "doubling": "nearest"}, FAMILY),
        ({"doubling": "padded"}, FAMILY),
        ({"channels": (3, 1)}, FAMILY),
        ({"channels": (1, 1)}, FAMILY),
        ({"blurred": True}, CUT_FAMILY),
        ({"blurred": True, "halvings": 1, "dropout": True}, CUT_FAMILY),
        ({"blurred": True, "norm": lambda c: nn.Identity(), "bias": False}, CUT_FAMILY),
        ({"halvings": 3, "width": 2}, GLOBAL_FAMILY),
        ({"halvings": 4, "width": 2, "blocks": 1}, GLOBAL_FAMILY),
    ],
)
def test_the_generator_is_rebuilt_from_its_tensors(example: dict, family: object) -> None:
    module = resnet(**example)
    state = module.state_dict()
    assert [found for found in FAMILIES if found.detect(state)] == [family]
    network = FAMILY.rebuild(state, {})
    multiple = network.facts["size_multiple"]
    assert multiple == 2 ** example.get("halvings", 2)
    for height, width in ((2 * multiple, 5 * multiple), (6 * multiple, 4 * multiple)):
        content = torch.rand(2, 3, height, width)
        wanted = drawn(module, grey(content) if example.get("channels") == (1, 1) else content)
        assert wanted.std() > 0.01
        assert torch.allclose(network.module(content), wanted, atol=1e-5)
    assert network.facts["channels"] == ("L" if example.get("channels") in ((3, 1), (1, 1)) else "RGB")


@pytest.mark.parametrize("example", [{"blurred": True, "doubling": "transposed"}, {"doubling": "blurred"}])
def test_cut_can_blur_one_way_alone(example: dict) -> None:
    module = resnet(**example)
    state = module.state_dict()
    assert CUT_FAMILY.detect(state)
    content = torch.rand(1, 3, 24, 16)
    assert torch.allclose(CUT_FAMILY.rebuild(state, {}).module(content), drawn(module, content), atol=1e-5)


@pytest.mark.parametrize("example", [{}, {"doubling": "padded"}, {"norm": lambda c: nn.Identity(), "bias": False}])
def test_spectral_norm_is_folded(example: dict) -> None:
    module = spectral(resnet(**example))
    state = module.state_dict()
    assert "model.1.weight_orig" in state
    assert FAMILY.detect(state)
    content = torch.rand(1, 3, 24, 16)
    assert torch.allclose(FAMILY.rebuild(state, {}).module(content), drawn(module, content), atol=1e-5)


@pytest.mark.parametrize(
    ("padding", "pad"),
    [("reflect", nn.ReflectionPad2d), ("replicate", nn.ReplicationPad2d), ("zero", nn.ZeroPad2d)],
)
def test_what_lies_beyond_the_border_can_be_given(padding: str, pad: type[nn.Module]) -> None:
    module = resnet(pad=pad)
    content = torch.rand(1, 3, 24, 16)
    network = FAMILY.rebuild(module.state_dict(), {GIVEN: {"padding": padding}})
    assert torch.allclose(network.module(content), drawn(module, content), atol=1e-5)


def test_the_encoder_of_features_is_named() -> None:
    state = feature_encoder().state_dict()
    assert GLOBAL_FAMILY.detect(state)
    with pytest.raises(CheckpointError, match=r"encoder of features .*\(netE\)"):
        GLOBAL_FAMILY.rebuild(state, {})


def test_each_picture_is_normalised_alone_as_pix2pix_tests_its_batch_norm() -> None:
    module = resnet(norm=nn.BatchNorm2d, bias=False, dropout=True)
    content = torch.rand(3, 3, 16, 20)
    state = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    evaluated = drawn(module, content)
    module.train()
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    alone = torch.cat([drawn(module, content[i : i + 1]) for i in range(3)])
    assert torch.allclose(FAMILY.rebuild(state, {}).module(content), alone, atol=1e-5)
    given = {GIVEN: {"bn_mode": "eval"}}
    assert torch.allclose(FAMILY.rebuild(state, given).module(content), evaluated, atol=1e-5)
    assert (alone - evaluated).abs().max() > 0.01
    facts = {fact.name: fact for fact in FAMILY.rebuild(state, given).inferred}
    assert (facts["batch norm"].value, facts["batch norm"].origin) == ("eval", "option")


def test_statistics_of_old_instance_norms_are_left_out() -> None:
    module = resnet()
    state = dict(module.state_dict())
    for place, width in ((2, 4), (5, 8), (8, 16)):
        state |= {f"model.{place}.running_mean": torch.rand(width), f"model.{place}.running_var": torch.rand(width)}
        state[f"model.{place}.num_batches_tracked"] = torch.tensor(7)
    content = torch.rand(1, 3, 16, 12)
    assert FAMILY.detect(state)
    assert torch.allclose(FAMILY.rebuild(state, {}).module(content), drawn(module, content), atol=1e-5)


def test_networks_of_grey_photos_get_the_luma() -> None:
    module = resnet(channels=(1, 3))
    content = torch.rand(1, 3, 16, 12)
    network = FAMILY.rebuild(module.state_dict(), {})
    assert torch.allclose(network.module(content), drawn(module, grey(content)), atol=1e-5)


def _without(key: str) -> dict[str, torch.Tensor]:
    state = dict(resnet().state_dict())
    del state[key]
    return state


@pytest.mark.parametrize("key", ["model.1.weight", "model.7.weight", "model.15.weight", "model.19.weight"])
def test_near_misses_are_not_taken(key: str) -> None:
    state = _without(key)
    assert not any(family.detect(state) for family in FAMILIES)
    with pytest.raises(CheckpointError, match="no ResNet generator"):
        FAMILY.rebuild(state, {})


def test_what_is_missing_left_over_or_of_other_channels_is_refused() -> None:
    with pytest.raises(CheckpointError, match="almost a ResNet generator"):
        FAMILY.rebuild(_without("model.19.bias") | {"model.19.extra": torch.zeros(1)}, {})
    with pytest.raises(CheckpointError, match=r"another layout at model\.10"):
        FAMILY.rebuild(_without("model.10.conv_block.5.weight"), {})
    with pytest.raises(CheckpointError, match="takes 36 channels"):
        GLOBAL_FAMILY.rebuild(resnet(channels=(36, 3), halvings=3).state_dict(), {})
    with pytest.raises(CheckpointError, match="pictures of 2 channels"):
        FAMILY.rebuild(resnet(channels=(3, 2)).state_dict(), {})


@pytest.mark.parametrize("blurred", [False, True])
def test_the_file_equals_the_network(tmp_path: Path, blurred: bool) -> None:
    path = tmp_path / "latest_net_G.pth"
    torch.save(resnet(blocks=1, width=3, blurred=blurred).state_dict(), path)
    done = export_checkpoint(path)
    assert done.manifest.family == ("cut-resnet" if blurred else "cyclegan-resnet")
    assert done.manifest.kind == "style"
    assert done.manifest.verification is not None
    assert done.manifest.verification.max_error < 1e-4
