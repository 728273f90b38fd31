from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.errors import CheckpointError, FileError, InputError, TrainingError
from ganplugin.export import export_checkpoint
from ganplugin.modelfile import read_manifest
from ganplugin.train import estimate as estimating
from ganplugin.train.checkpoint import read_checkpoint
from ganplugin.train.metrics.backbones.choice import load_backbone
from ganplugin.train.translate import measuring
from tests.models.translators import patch_discriminator, resnet
from tests.train.test_command import call, error_of

Maker = Callable[..., Path]
SMALL = ("--size", 16, "--width", 4, "--kimg", 0.003, "--precision", "fp32", "--no-metrics")
RESNET = (*SMALL, "--network", "resnet")


def translate(*arguments: object) -> str:
    done = call("translate", *arguments)
    assert done.exit_code == 0, done.exception
    return done.stderr


def training(path: Path) -> dict[str, object]:
    config = read_checkpoint(path)[1]
    return {**config["training"], "family": config["family"]}  # type: ignore[dict-item]


def test_trains_a_translation_that_exports(collection: Maker, tmp_path: Path) -> None:
    out = tmp_path / "run"
    told = translate(collection("photos"), collection("monet"), "--out", out, *SMALL, "--licence", "CC0")
    assert "9 and 9 pictures, 3 and 3 held out; 16 x 16; FastCUT" in told
    assert "s for 1,000 pictures" in told
    manifest = read_manifest(export_checkpoint(out / "checkpoint.safetensors").path)
    assert (manifest.kind, manifest.licence, manifest.training["data"]) == ("style", "CC0", "photos to monet")
    assert (out / "grids" / "000003.png").exists()
    facts = json.loads((out / "run.json").read_text())
    assert facts["recipe"] == "fastcut"
    assert (facts["options"]["width"], facts["options"]["size"]) == (4, "16")
    assert facts["command"][:2] == ["train", "translate"]
    assert (out / "run.html").exists()


def test_resumes_as_the_run_was_begun_without_being_told(collection: Maker, tmp_path: Path) -> None:
    out, places = tmp_path / "run", (collection("photos"), collection("monet"))
    options = ("--method", "cyclegan", "--both", "--identity", 2, "--seed", 4, "--augment", "cutout", "--no-flip")
    translate(*places, "--out", out, *SMALL, *options)
    assert isinstance(error_of("translate", *places, "--out", out, *SMALL), TrainingError)
    translate(*places, "--out", out, "--resume", "--kimg", 0.005, "--no-metrics")
    assert {"method": "cyclegan", "steps": 5, "seed": 4}.items() <= training(out / "checkpoint.safetensors").items()
    assert training(out / "checkpoint-back.safetensors")["direction"] == "back"
    error = error_of("translate", *places[::-1], "--out", out, "--resume", "--kimg", 0.006)
    assert "other pictures" in str(error)


def test_pairs_by_name_and_side_by_side(collection: Maker, tmp_path: Path) -> None:
    first, second = collection("edges", 9), collection("photos", 8)
    told = translate(first, second, "--paired", "--out", tmp_path / "named", *SMALL)
    assert "08 (second)" in told
    assert "6 pairs, 2 held out" in told
    double = collection("double", 8, (80, 36))
    for more in ((), ("--reverse",)):
        out = tmp_path / f"double{len(more)}"
        translate(double, "--paired", "--out", out, *SMALL, *more)
        assert training(out / "checkpoint.safetensors")["family"] == "pix2pix-unet"
        assert json.loads((out / "run.json").read_text())["options"]["reverse"] == bool(more)


def test_reversed_pairs_are_learned_from_right_to_left(tmp_path: Path) -> None:
    """Left halves are dark, and the sheet's first column is what is learned from, its last the truth."""
    place = tmp_path / "double"
    place.mkdir()
    random = np.random.default_rng(0)
    for index in range(8):
        pixels = random.integers(0, 256, (20, 40, 3), np.uint8)
        pixels[:, :20] //= 4
        Image.fromarray(pixels).save(place / f"{index}.png")
    for more, dark, bright in (((), 0, 2), (("--reverse",), 2, 0)):
        out = tmp_path / f"run{dark}"
        translate(place, "--paired", "--out", out, *SMALL, *more)
        with Image.open(next((out / "grids").iterdir())) as sheet:
            columns = [np.asarray(sheet)[:16, left : left + 16] for left in (0, 18, 36)]
        assert columns[dark].mean() < 50
        assert columns[bright].mean() > 90


@pytest.mark.parametrize("with_scorer", [True, False])
def test_goes_on_from_a_generator_of_cyclegan(collection: Maker, tmp_path: Path, with_scorer: bool) -> None:
    theirs = {"netG_A": resnet(doubling="padded").state_dict()}
    if with_scorer:
        theirs["netD_A"] = patch_discriminator().state_dict()
    torch.save(theirs, tmp_path / "theirs.pth")
    places, out = (collection("photos"), collection("monet")), tmp_path / "run"
    options = (*RESNET, "--size", 32)
    translate(*places, "--from", tmp_path / "theirs.pth", "--out", out, *options, "--learning-rate", 1e-9)
    tensors, config = read_checkpoint(out / "checkpoint.safetensors")
    wanted = theirs["netG_A"]["model.1.weight"]
    assert torch.allclose(tensors["g.model.1.weight"], wanted, atol=1e-6)
    judge = tensors["d.model.0.weight"]
    assert (judge.shape == (2, 3, 4, 4)) == with_scorer
    assert config["from"] == "theirs.pth"
    assert "those of whoever trained them" in str(config["from_rights"])
    assert config["family"] == "cyclegan-resnet"
    again = tmp_path / "again"
    translate(*places, "--from", out / "checkpoint.safetensors", "--out", again, *options, "--licence", "mine")
    translate(*places, "--out", again, "--resume", "--kimg", 0.004, "--no-metrics")
    resumed = read_checkpoint(again / "checkpoint.safetensors")[1]
    assert (resumed["from"], resumed["from_rights"]) == ("checkpoint.safetensors", config["from_rights"])


def test_what_does_not_go_together_is_refused(collection: Maker, tmp_path: Path) -> None:
    first, second, out = collection("photos"), collection("monet"), ("--out", tmp_path / "run", *SMALL)
    for arguments, words in (
        ((first,), "--paired"),
        ((first, second, "--both"), "--method cyclegan"),
        ((first, second, "--method", "cut", "--paired"), "cut learns without pairs"),
        ((first, second, "--paired", "--identity", 1), "--identity"),
        ((first, second, "--paired", "--augment", "colour"), "--augment translation"),
        ((first, second, "--augment", "colours"), "no augmentation"),
        ((first, second, "--size", 18, "--network", "resnet"), "multiples of 4"),
        ((first, second, "--size", 8), "--size 16"),
        ((first, second, "--size", 18), "cannot be halved twice"),
        ((first, second, "--blocks", 3), "--network resnet"),
        ((first, second, "--augment", "ada"), "generators alone"),
    ):
        error = error_of("translate", *arguments, *out, *(arguments[2:] if "--size" in arguments else ()))
        assert isinstance(error, InputError)
        assert words in str(error)
    assert not (tmp_path / "run").exists()


def test_a_discriminator_of_patches_larger_than_the_pictures_is_refused(collection: Maker, tmp_path: Path) -> None:
    torch.save({"G": resnet().state_dict(), "D": patch_discriminator().state_dict()}, tmp_path / "theirs.pth")
    places = (collection("photos"), collection("monet"))
    error = error_of("translate", *places, "--from", tmp_path / "theirs.pth", "--out", tmp_path / "run", *SMALL)
    assert isinstance(error, InputError)
    assert "--size" in str(error)


def test_a_file_without_a_generator_is_refused(collection: Maker, tmp_path: Path) -> None:
    torch.save({"netD": patch_discriminator().state_dict()}, tmp_path / "d.pth")
    places = (collection("photos"), collection("monet"))
    error = error_of("translate", *places, "--from", tmp_path / "d.pth", "--out", tmp_path / "run", *SMALL)
    assert isinstance(error, CheckpointError)


def test_missing_places_and_too_few_pictures(collection: Maker, tmp_path: Path) -> None:
    first, out = collection("photos"), ("--out", tmp_path / "run", *SMALL)
    assert isinstance(error_of("translate", first, tmp_path / "none", *out), FileError)
    assert isinstance(error_of("translate", first, collection("few", 3), *out), TrainingError)


def test_networks_larger_than_memory_are_refused(
    collection: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating, "_there", lambda device: 0)
    places = (collection("photos"), collection("monet"))
    assert "--width" in str(error_of("translate", *places, "--out", tmp_path / "run", *SMALL, "--width", 64))


def test_measures_and_keeps_the_best(collection: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "eye_for", lambda name, device, report: load_backbone("random", device=device))
    out, places = tmp_path / "run", (collection("photos", 64), collection("monet", 64))
    told = translate(*places, "--out", out, *SMALL, "--metrics")
    assert "measured by KID" in told
    assert (out / "best.safetensors").exists()
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    (metrics,) = (line for line in lines if line["kind"] == "metrics")
    assert (metrics["step"], metrics["backbone"]) == (3, load_backbone("random", device=torch.device("cpu")).name)


def test_help_shows_examples() -> None:
    assert "Examples:" in call("translate", "--help").output
