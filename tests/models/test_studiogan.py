from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import CheckpointError
from ganplugin.export import export_checkpoint
from ganplugin.models.families import FAMILIES
from ganplugin.models.studiogan import FAMILY

RESIDUAL = {
    "linear0.weight": (64, 5),
    "linear0.bias": (64,),
    "blocks.0.0.bn1.weight": (4,),
    "blocks.0.0.conv2d0.weight": (4, 4, 1, 1),
    "blocks.0.0.conv2d1.weight": (4, 4, 3, 3),
    "conv2d5.weight": (3, 4, 3, 3),
}
JUDGE = {"blocks.0.0.conv2d1.weight_orig": (4, 3, 3, 3), "linear1.weight_orig": (1, 4)}
CHAIN = {"linear0.weight": (64, 5), "blocks.0.0.deconv0.weight": (4, 4, 4, 4), "conv4.weight": (3, 4, 3, 3)}


@pytest.mark.parametrize("shapes", [RESIDUAL, JUDGE, CHAIN])
def test_it_is_recognised_and_told_what_it_is(shapes: dict[str, tuple[int, ...]], tmp_path: Path) -> None:
    state = {key: torch.zeros(shape) for key, shape in shapes.items()}
    assert next(family for family in FAMILIES if family.detect(state)) is FAMILY
    torch.save({"state_dict": state, "step": 3}, tmp_path / "model=G-best-weights-step=3.pth")
    with pytest.raises(CheckpointError, match="PyTorch-StudioGAN") as caught:
        export_checkpoint(tmp_path / "model=G-best-weights-step=3.pth")
    assert caught.value.fix


def test_others_are_not_taken() -> None:
    assert not FAMILY.detect({"linear0.weight": torch.zeros(3, 4), "blocks.1.weight": torch.zeros(3)})
