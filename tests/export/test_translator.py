from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import CheckpointError
from ganplugin.export.translator import load_translator
from tests.models.translators import patch_discriminator, resnet, unet


def test_the_averaged_generator_comes_with_the_discriminator(tmp_path: Path) -> None:
    averaged, raw, scorer = resnet(blurred=True), resnet(blurred=True, width=2), patch_discriminator(blurred=True)
    content = {"D": scorer.state_dict(), "G": raw.state_dict(), "G_ema": averaged.state_dict()}
    torch.save(content, tmp_path / "all.pth")
    found = load_translator(tmp_path / "all.pth")
    assert found.family == "cut-resnet"
    assert torch.equal(found.generator["model.1.weight"], averaged.state_dict()["model.1.weight"])
    assert found.scorer is not None
    assert torch.equal(found.scorer["model.0.weight"], scorer.state_dict()["model.0.weight"])


def test_a_generator_may_come_alone(tmp_path: Path) -> None:
    torch.save(unet().state_dict(), tmp_path / "latest_net_G.pth")
    found = load_translator(tmp_path / "latest_net_G.pth")
    assert (found.family, found.scorer) == ("pix2pix-unet", None)


def test_without_a_generator_it_is_said_which_would_do(tmp_path: Path) -> None:
    torch.save(patch_discriminator().state_dict(), tmp_path / "d.pth")
    with pytest.raises(CheckpointError, match="CycleGAN"):
        load_translator(tmp_path / "d.pth")
