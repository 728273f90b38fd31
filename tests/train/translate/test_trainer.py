from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.modelfile import read_manifest
from ganplugin.train.checkpoint import read_checkpoint
from ganplugin.train.metrics.backbones.choice import load_backbone
from ganplugin.train.translate import measuring
from ganplugin.train.translate.games import BACK, FORWARD
from ganplugin.train.translate.measuring import measure_of
from ganplugin.train.translate.sides import Sides
from ganplugin.train.translate.trainer import TranslateTrainer, back_path
from tests.train.test_game import differing
from tests.train.translate.tiny import noise, trainer


@pytest.fixture(autouse=True)
def _quick_eye(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random convolutions in the place of a network that would be fetched."""
    monkeypatch.setattr(measuring, "eye_for", lambda name, device, report: load_backbone("random", device=device))


@pytest.mark.parametrize(("name", "family"), [("cut", "cut-resnet"), ("pix2pix", "pix2pix-unet")])
def test_what_a_method_trains_is_exported(name: str, family: str, tmp_path: Path) -> None:
    made = trainer(name)
    made.advance(0.0)
    path = tmp_path / "checkpoint.safetensors"
    made.write_checkpoint(path, minutes=1.25)
    exported = export_checkpoint(path)
    manifest = read_manifest(exported.path)
    assert (manifest.kind, manifest.family, manifest.licence) == ("style", family, "CC0")
    assert {"method": name, "steps": 1, "minutes": 1.2, "data": "noise"}.items() <= manifest.training.items()
    assert exported.averaged
    assert not back_path(path).exists()
    if name != "pix2pix":
        scorer = export_checkpoint(path, options=ExportOptions(part="scorer"))
        assert read_manifest(scorer.path).family == "patchgan-scorer"


def test_cyclegan_writes_the_way_back_too(tmp_path: Path) -> None:
    made = trainer("cyclegan", both=True)
    made.advance(0.0)
    path = tmp_path / "checkpoint-000001.safetensors"
    made.write_checkpoint(path, minutes=1)
    back, config = read_checkpoint(tmp_path / "checkpoint-000001-back.safetensors")
    assert config["training"]["direction"] == BACK  # type: ignore[index]
    wanted = made.duel.averages[BACK].file_state()
    assert torch.equal(back["g_ema.model.model.0.weight"], wanted["model.model.0.weight"])
    judge = made.duel.players.judges[BACK].file_state()
    assert torch.equal(back["d.model.0.weight"], judge["model.0.weight"])


@pytest.mark.parametrize(
    ("name", "both", "columns", "rows"),
    [("fastcut", False, 2, 3), ("cyclegan", False, 3, 3), ("cyclegan", True, 3, 7), ("pix2pix", False, 3, 3)],
)
def test_the_sheet_shows_held_out_photos_and_what_became_of_them(
    name: str, both: bool, columns: int, rows: int, tmp_path: Path
) -> None:
    made = trainer(name, both=both)
    made.write_samples(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape == (rows * 18 - 2, columns * 18 - 2, 3)
    photos = made.photos.pixels.transpose(0, 2, 3, 1)
    assert np.array_equal(pixels[18:34, :16], photos[1])
    shown = made.translate(torch.from_numpy(made.photos.pixels[1:2]).float() / 255)
    assert np.abs(pixels[18:34, 18:34] - (shown[0].permute(1, 2, 0) * 255).numpy()).max() <= 1
    last = made.styles.pixels.transpose(0, 2, 3, 1)
    if name == "pix2pix":
        assert np.array_equal(pixels[18:34, 36:52], last[1])
    if both:
        assert np.array_equal(pixels[3 * 18 : 3 * 18 + 16, :16], last[0])


def test_saving_changes_nothing_of_what_follows(tmp_path: Path) -> None:
    one, two = trainer("cyclegan"), trainer("cyclegan")
    two.write_checkpoint(tmp_path / "c.safetensors", minutes=1)
    two.write_samples(tmp_path / "sheet.png")
    one.advance(0.0)
    two.advance(0.0)
    assert differing(one.state(), two.state()) == []


def measured(name: str, unseen: int) -> tuple[TranslateTrainer, list[str], object]:
    made, told = trainer(name), []
    sides = made.duel.sides
    photos, styles = noise(unseen, 5), noise(unseen, 6)
    made.duel.sides = Sides(sides.photos, sides.styles, photos, styles, sides.paired)
    return made, told, measure_of(made, told.append)


def test_held_out_photos_are_measured_against_held_out_pictures() -> None:
    made, told, measure = measured("pix2pix", 20)
    assert callable(measure)
    numbers = measure()
    assert next(iter(numbers)) == "kid"
    assert {"spectrum", "checkerboard", "l1"} <= set(numbers)
    assert "20 held-out photos" in told[0]
    made.duel.averages[FORWARD].forward = lambda photos: torch.ones_like(photos)  # type: ignore[method-assign]
    assert measure()["kid"] > numbers["kid"]
    _, _, unpaired = measured("cut", 20)
    assert callable(unpaired)
    assert "l1" not in unpaired()


def test_too_few_held_out_pictures_are_told_and_not_measured() -> None:
    _, told, measure = measured("cut", 15)
    assert measure is None
    assert told == ["not measured: 15 and 15 pictures are held out, 16 of either are needed"]
