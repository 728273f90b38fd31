from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError, FileError
from ganplugin.export.inspection import inspect_checkpoint
from tests.export.files import WRITERS
from tests.models.test_dcgan import example_generator, state_of


def test_a_training_checkpoint_is_explained(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 3))
    content = {"g_ema": state_of(example_generator(5, (6, 4), 3)), "netE": module, "lr": 0.1}
    report = inspect_checkpoint(WRITERS["raw pickle"](tmp_path / "x.pkl", content))
    assert report.container == "raw pickle"
    (family,) = report.families
    assert (family.id, family.part, family.averaged, family.problem) == ("dcgan", "g_ema", True, None)
    facts = {fact.name: (fact.value, fact.origin) for fact in family.hyper_parameters}
    assert facts["latent size"] == (5, "tensor")
    assert facts["last activation"] == ("tanh", "default")
    assert [(part.path, part.averaged) for part in report.parts] == [("g_ema", True), ("netE", False)]
    assert report.parts[1].parameters == 9
    assert "torch.nn.modules.linear.Linear" in report.foreign_globals
    assert "torch._utils._rebuild_tensor_v2" not in report.foreign_globals
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_what_cannot_be_rebuilt_says_why(tmp_path: Path) -> None:
    state = {**state_of(example_generator(5, (6, 4), 3)), "main.9.weight": torch.ones(1)}
    (family,) = inspect_checkpoint(WRITERS["torch zip"](tmp_path / "x", state)).families
    assert family.problem is not None
    assert "main.9.weight" in family.problem


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        inspect_checkpoint(tmp_path / "none")
    (tmp_path / "x").write_text("hello")
    with pytest.raises(CheckpointError):
        inspect_checkpoint(tmp_path / "x")
