from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError, FileError
from ganplugin.export.inspection import inspect_checkpoint
from tests.export.files import WRITERS
from tests.models.stylegan2_reference import generator_state, mapping_state
from tests.models.test_dcgan import example_discriminator, example_generator, state_of
from tests.models.test_detection import EXAMPLES


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


def test_what_is_no_generator_is_told_as_an_export_would(tmp_path: Path) -> None:
    strange = WRITERS["torch zip"](tmp_path / "x.ckpt", {"model.embed_tokens.weight": torch.ones(2, 2)})
    assert "seems to be a language model - " in str(inspect_checkpoint(strange).verdict)
    almost = {key: value for key, value in EXAMPLES["stylegan2"]().items() if key != "mapping.fc0.weight"}
    content = {"G_ema": almost, "D": state_of(example_discriminator(3, (4, 6)))}
    report = inspect_checkpoint(WRITERS["torch zip"](tmp_path / "y.pt", content))
    assert [family.id for family in report.families] == ["dcgan-scorer"]
    assert "almost a StyleGAN2 generator (NVIDIA) in G_ema" in str(report.verdict)
    scorer = WRITERS["torch zip"](tmp_path / "z.pt", state_of(example_discriminator(3, (4, 6))))
    assert inspect_checkpoint(scorer).verdict is None


PEAK = """
import re, sys
from pathlib import Path
from ganplugin.export.inspection import inspect_checkpoint

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

inspect_checkpoint(Path(sys.argv[1]))
before = peak()
report = inspect_checkpoint(Path(sys.argv[2]))
print(peak() - before, len(report.families))
"""


FREED_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "262144"}
"""Tensors go back to the system when they are freed: what glibc keeps for later varies, and is nobody's reading."""
NETWORK_AND_READING = 0.95
"""Of the file: half is the network; a copy of its weights would fill the rest, and what the kernel maps of the file
around the few numbers that are read (up to megabytes each) does not."""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_weights_are_not_read_to_be_explained(tmp_path: Path) -> None:
    """Both networks are as large as half the file; one at a time is built, of zeros, and nothing else is held."""
    wide = mapping_state(8, 512) | generator_state("skip", (512,) * 5, w_dim=512)
    content = {"G_ema": wide, "G": {key: tensor.clone() for key, tensor in wide.items()}}
    large = WRITERS["torch zip"](tmp_path / "large.pt", content)
    small = WRITERS["torch zip"](tmp_path / "small.pt", mapping_state(8, 8) | generator_state("skip", (4, 4), w_dim=8))
    command = [sys.executable, "-c", PEAK, str(small), str(large)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | FREED_AT_ONCE)
    grown, families = map(int, run.stdout.split())
    assert families == 2
    assert grown * 1024 < NETWORK_AND_READING * large.stat().st_size
