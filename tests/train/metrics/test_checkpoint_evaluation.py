"""A checkpoint of a training is evaluated as it is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from ganplugin.cli import main


def test_a_checkpoint_brings_its_own_discriminator(make_generator, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    make_generator().write_checkpoint(tmp_path / "checkpoint.safetensors", minutes=0)
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
