from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ganplugin.errors import CheckpointError, ExportError, FileError, InputError
from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.files import file_digest
from ganplugin.modelfile import read_manifest
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Family
from ganplugin.registry import Registry
from ganplugin.runtime import RuntimeOptions, open_model
from tests.export.files import WRITERS
from tests.export.networks import Frozen, Plain, plain
from tests.models.test_dcgan import example_discriminator, example_generator, state_of

GENERATOR = example_generator(5, (6, 4), 3)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training checkpoint: generator, averaged generator, discriminator, optimiser."""
    averaged = {key: value * 1.25 for key, value in state_of(GENERATOR).items()}
    content = {
        "netG": {f"module.{key}": value for key, value in state_of(GENERATOR).items()},
        "netD": state_of(example_discriminator(3, (4, 6))),
        "g_ema": averaged,
        "epoch": 7,
    }
    return WRITERS["legacy torch"](tmp_path_factory.mktemp("both") / "training_7.pth.tar", content)


def test_the_averaged_generator_becomes_a_model_file_beside_the_checkpoint(both: Path) -> None:
    stages: list[str] = []
    done = export_checkpoint(both, report=lambda stage, _done, _total: stages.append(stage))
    assert done.path == both.with_name("training_7.onnx")
    assert (done.part, done.averaged) == ("g_ema", True)
    assert done.others == (("netG", "DCGAN generator"), ("netD", "DCGAN discriminator"))
    manifest = read_manifest(done.path)
    assert manifest == done.manifest
    assert (manifest.family, manifest.name, manifest.width, manifest.z_dim) == ("dcgan", "training_7", 16, 5)
    assert manifest.source is not None
    assert manifest.source.model_dump() == {"file": both.name, "sha256": file_digest(both)}
    assert manifest.verification is not None
    assert manifest.verification.max_error <= 1e-4
    assert {fact.origin for fact in manifest.inferred} == {"tensor", "default", "metadata"}
    assert list(dict.fromkeys(stages)) == ["reading", "rebuilding", "converting", "proving"]
    z = np.random.RandomState(0).randn(2, 5).astype(np.float32)
    example = example_generator(5, (6, 4), 3)
    example.load_state_dict({key: value * 1.25 for key, value in GENERATOR.state_dict().items()})
    with torch.no_grad():
        expected = (example(torch.from_numpy(z)[:, :, None, None]).numpy() + 1) / 2
    found = open_model(done.path, RuntimeOptions(device="cpu")).run({"z": z})["image"]
    assert np.abs(found - expected).max() < 1e-5
    with pytest.raises(FileError, match="exists already"):
        export_checkpoint(both)


def test_the_scorer_of_the_same_file(both: Path, tmp_path: Path) -> None:
    done = export_checkpoint(
        both, tmp_path / "deep" / "d.onnx", ExportOptions(part="scorer", name="judge", licence="mine")
    )
    assert (done.manifest.kind, done.manifest.name, done.manifest.licence) == ("scorer", "judge", "mine")
    assert done.path.is_file()
    assert done.part == "netD"


def test_a_scorer_beside_a_generator_gets_a_name_of_its_own(both: Path) -> None:
    assert (
        export_checkpoint(both, options=ExportOptions(part="scorer"), overwrite=True).path.name
        == "training_7-scorer.onnx"
    )


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    path = WRITERS["torch zip"](tmp_path / "g.pth", state_of(GENERATOR))
    here = export_checkpoint(path, tmp_path / "a.onnx").path
    program = "import sys; from pathlib import Path; from ganplugin.export import export_checkpoint as e; "
    program += "e(Path(sys.argv[1]), Path(sys.argv[2]))"
    there = tmp_path / "b.onnx"
    subprocess.run([sys.executable, "-c", program, str(path), str(there)], check=True, cwd=tmp_path)
    assert here.read_bytes() == there.read_bytes()


def test_what_is_no_known_family_is_described(tmp_path: Path) -> None:
    path = WRITERS["torch zip"](
        tmp_path / "x.pt", {"encoder.0.weight": torch.ones(2), "encoder.1.weight": torch.ones(3)}
    )
    with pytest.raises(CheckpointError, match=r"2 tensors such as encoder\.0\.weight, encoder\.1\.weight"):
        export_checkpoint(path)
    path = WRITERS["torch zip"](tmp_path / "y.pt", {"lr": 0.1})
    with pytest.raises(CheckpointError, match="no tensors"):
        export_checkpoint(path)


@pytest.mark.parametrize("name", ["dnnlib.tflib.network", "tfutil"])
def test_a_pickle_of_tensorflow_is_named_and_told_how_to_convert(tmp_path: Path, name: str) -> None:
    network = b"c" + name.encode() + b"\nNetwork\n)\x81}X\x07\x00\x00\x00versionK\x04sb"
    path = tmp_path / "network-snapshot-ffhq.pkl"
    path.write_bytes(b"\x80\x03" + network * 3 + b"\x87.")
    with pytest.raises(CheckpointError, match=r"NVIDIA's TensorFlow code .* legacy\.py"):
        export_checkpoint(path)


def test_a_part_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = WRITERS["torch zip"](tmp_path / "x.pt", state_of(GENERATOR))
    with pytest.raises(CheckpointError, match="holds a DCGAN generator, but no scorer"):
        export_checkpoint(path, options=ExportOptions(part="scorer"))


def test_impossible_names_and_targets_are_refused_before_the_work(tmp_path: Path) -> None:
    path = WRITERS["torch zip"](tmp_path / "x.onnx", state_of(GENERATOR))
    with pytest.raises(InputError, match="--name: has 101 letters"):
        export_checkpoint(path, options=ExportOptions(name="n" * 101))
    with pytest.raises(InputError, match="is the checkpoint itself"):
        export_checkpoint(path, path, overwrite=True)


class Impostor(Plain):
    """Equal to `Plain` when torch converts it, different when it is asked again."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        shift = 0 if torch.compiler.is_exporting() else 0.01
        return super().forward(z) + shift


@pytest.mark.parametrize(
    ("module", "message"), [(Impostor, "differs from PyTorch by 0.01"), (Frozen, "torch could not convert it")]
)
def test_a_failed_proof_leaves_nothing_behind(tmp_path: Path, module: type[Plain], message: str) -> None:
    network = plain(module)
    family = Family("odd", "Odd", "generator", "", lambda _: True, lambda _state, _config: network)
    path = WRITERS["torch zip"](tmp_path / "x.pt", {"a": torch.ones(1)})
    with pytest.raises(ExportError, match=message):
        export_checkpoint(path, families=Registry[Family]("family").add("odd", family))
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.pt"]


def test_every_family_is_listed_once_and_described() -> None:
    ids = [family.id for family in FAMILIES]
    assert len(ids) == len(set(ids))
    assert all(family.title and family.licence for family in FAMILIES)
    assert {"dcgan", "dcgan-scorer", "ganplugin-quick", "ganplugin-quick-scorer", "ganplugin-stylizer"} <= set(ids)
