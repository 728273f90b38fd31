"""Trainers and their checkpoints are evaluated as they are."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ganplugin.cli import main
from ganplugin.train.metrics.backbones.choice import load_backbone
from ganplugin.train.metrics.evaluation import Evaluation
from ganplugin.train.pictures.packed import PackedSet
from tests.train.metrics.conftest import CPU, shapes
from tests.train.tiny import trainer


def test_a_checkpoint_brings_its_own_discriminator(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    trainer("quick").write_checkpoint(tmp_path / "checkpoint.safetensors", minutes=0)
    (tmp_path / "data").mkdir()
    for index in range(20):
        pixels = np.random.default_rng(index).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{index}.png")
    arguments = ["evaluate", str(tmp_path / "checkpoint.safetensors"), str(tmp_path / "data"), "--backbone", "random"]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--samples", "16", "--device", "cpu", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert not end.value.code
    assert found["model"] == "checkpoint.onnx"
    assert len(found["percentiles"]) == 16


def test_a_trainer_paints_what_an_evaluation_asks_for():
    evaluation = Evaluation(PackedSet.in_memory(shapes(20, 1)), load_backbone("random", device=CPU), samples=20)
    playing = trainer("quick")
    found = evaluation.measure(playing.paint)
    # The trainer keeps the checkpoint for which the first number is lowest.
    assert next(iter(found)) == "kid"
    assert evaluation.measure(playing.paint) == found
