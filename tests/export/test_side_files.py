from __future__ import annotations

import json
from pathlib import Path

import pytest

from ganplugin.export.side_files import side_config
from ganplugin.models.setting import Setting

TRAIN_OPT = """----------------- Options ---------------
               batch_size: 1
          checkpoints_dir: ./checkpoints                 \t[default: ./elsewhere]
                     norm: instance                      \t[default: batch]
               no_dropout: True
                lambda_L1: 100.5
                   suffix:
----------------- End -------------------
"""


def test_lucidrains_words(tmp_path: Path) -> None:
    (tmp_path / ".config.json").write_text(json.dumps({"image_size": 32, "lr_mlp": 0.05, "attn": [1]}))
    assert side_config(tmp_path / "model_3.pt") == {"image_size": 32, "lr_mlp": 0.05}
    (tmp_path / ".config.json").write_text(json.dumps({"something": "else"}))
    assert side_config(tmp_path / "model_3.pt") == {}


@pytest.mark.parametrize(
    ("generator", "clamp"),
    [
        ({"synthesis_kwargs": {"conv_clamp": 128}, "mapping_kwargs": {"lr_multiplier": 0.02}}, 128),
        ({"conv_clamp": 256, "first_cutoff": 4, "mapping_kwargs": {"lr_multiplier": 0.02}}, 256),
        ({"synthesis_kwargs": {"conv_clamp": None}, "mapping_kwargs": {"lr_multiplier": 0.02}}, 0),
    ],
)
def test_nvidia_options_are_read_from_every_level(tmp_path: Path, generator: dict[str, object], clamp: float) -> None:
    (tmp_path / "training_options.json").write_text(json.dumps({"G_kwargs": generator, "batch_size": 4}))
    found = side_config(tmp_path / "g_ema.pt")
    assert "batch_size" not in found
    assert found["mapping_lr_multiplier"] == 0.02
    assert Setting("conv_clamp", "clamp", 1.0, least=0).read(found).value == clamp


def test_cyclegan_options_with_their_types(tmp_path: Path) -> None:
    (tmp_path / "train_opt.txt").write_text(TRAIN_OPT)
    found = side_config(tmp_path / "latest_net_G.pth")
    assert found["norm"] == "instance"
    assert (found["batch_size"], found["no_dropout"], found["lambda_L1"]) == (1, True, 100.5)
    assert found["checkpoints_dir"] == "./checkpoints"


@pytest.mark.parametrize("name", [".config.json", "training_options.json", "train_opt.txt", "opt.txt"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"[" * 9999, b'{"G_kwargs": 3}', b"x" * 400_000])
def test_a_side_file_that_cannot_be_read_is_no_error(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert side_config(tmp_path / "x.pt") == {}
