"""A network with one tensor missing, or one of another shape, is named as what it almost is."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import torch
from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.export.near_misses import near_miss
from ganplugin.export.unwrap import Part
from ganplugin.models.families import FAMILIES
from tests.export.files import WRITERS
from tests.models.test_dcgan import example_discriminator, state_of
from tests.models.test_detection import EXAMPLES

SIGNED = [family.id for family in FAMILIES if family.signature]


@pytest.mark.parametrize("family", SIGNED)
def test_a_signature_is_that_of_the_family(family: str) -> None:
    state = EXAMPLES[family]()
    miss = near_miss([Part("", state)], [FAMILIES[family]])
    assert miss is not None
    assert miss.missing == ()


@pytest.mark.parametrize("family", SIGNED)
def test_a_missing_tensor_of_the_signature_is_told(tmp_path: Path, family: str) -> None:
    pattern = FAMILIES[family].signature[-1]
    rest = {key: tensor for key, tensor in EXAMPLES[family]().items() if not fnmatchcase(key, pattern)}
    error = refusal(tmp_path, rest)
    assert any(words in error.what for words in ("is almost a", "lacks", "cut short")), error.what


def refusal(tmp_path: Path, content: object) -> CheckpointError:
    path = WRITERS["torch zip"](tmp_path / "x.pt", content)
    with pytest.raises(CheckpointError) as caught:
        export_checkpoint(path)
    assert caught.value.fix
    assert not list(tmp_path.glob("*.onnx"))
    return caught.value


def misshapen(state: dict[str, Tensor], key: str) -> dict[str, Tensor]:
    return {**state, key: torch.zeros(*(side + 1 for side in state[key].shape))}


@pytest.mark.parametrize(
    ("family", "key"),
    [
        ("stylegan2", "mapping.fc1.weight"),
        ("stylegan3", "mapping.fc1.bias"),
        ("fast-neural-style", "res1.conv1.conv2d.weight"),
        ("animegan2", "block_a.0.1.weight"),
        ("r3gan", "MainLayers.0.Layers.1.LinearLayer1.Layer.weight"),
    ],
)
def test_a_tensor_of_another_shape_is_an_answer(tmp_path: Path, family: str, key: str) -> None:
    state = EXAMPLES[family]()
    found = next(name for name in state if name.endswith(key))
    assert refusal(tmp_path, misshapen(state, found)).exit_code == 6


def test_a_broken_generator_is_not_passed_over_for_the_discriminator_beside_it(tmp_path: Path) -> None:
    make: Callable[[], dict[str, Tensor]] = EXAMPLES["stylegan2"]
    generator = {key: tensor for key, tensor in make().items() if key != "mapping.fc0.weight"}
    content = {"G_ema": generator, "D": state_of(example_discriminator(3, (4, 6)))}
    error = refusal(tmp_path, content)
    assert "almost a StyleGAN2 generator (NVIDIA) in G_ema, but no tensor mapping.fc0.weight is there" in error.what
