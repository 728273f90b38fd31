from __future__ import annotations

import random
from pathlib import Path

import onnx
import pytest

from ganplugin.errors import ModelError
from ganplugin.modelfile import read_model
from ganplugin.seal import SEAL_KEY, check_seal, sealed
from tests.tiny_models import tiny_generator

FLIPS = 500


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return tiny_generator(tmp_path_factory.mktemp("seal") / "g.onnx").read_bytes()


def test_every_changed_byte_is_noticed(content: bytes, tmp_path: Path) -> None:
    """Weights, names, the manifest and the seal itself: no flip of a bit passes."""
    dice, path = random.Random(7), tmp_path / "m.onnx"
    places = [*dice.sample(range(len(content)), FLIPS - 100), *range(len(content) - 100, len(content))]
    for place in places:
        copy = bytearray(content)
        copy[place] ^= 1 << dice.randrange(8)
        path.write_bytes(copy)
        with pytest.raises(ModelError):
            read_model(path)


@pytest.mark.parametrize("cut", [1, 40, 85, 86, 87, 300])
def test_a_file_that_is_cut_off_is_noticed(content: bytes, tmp_path: Path, cut: int) -> None:
    (tmp_path / "m.onnx").write_bytes(content[:-cut])
    with pytest.raises(ModelError, match=r"another program|damaged"):
        read_model(tmp_path / "m.onnx")


def test_a_program_that_saves_the_file_again_breaks_the_seal(content: bytes, tmp_path: Path) -> None:
    proto = onnx.ModelProto.FromString(content)
    proto.producer_name = "an optimiser"
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError, match="another program changed it"):
        read_model(tmp_path / "m.onnx")


def test_other_programs_see_an_ordinary_property(content: bytes) -> None:
    proto = onnx.ModelProto.FromString(content)
    assert [entry.key for entry in proto.metadata_props] == ["ganplugin", SEAL_KEY]
    assert len(proto.metadata_props[1].value) == 64
    onnx.checker.check_model(proto)


def test_what_is_sealed_passes() -> None:
    check_seal(sealed(b""), where="x")
    check_seal(sealed(sealed(b"abc")), where="x")
    with pytest.raises(ModelError, match="x: its bytes"):
        check_seal(b"", where="x")
