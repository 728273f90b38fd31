from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ganplugin.errors import InputError
from ganplugin.export.convert import convert
from ganplugin.export.profiles import plain, sized
from ganplugin.export.verify import verify
from ganplugin.modelfile import check_contract, write_model
from ganplugin.runtime import RuntimeOptions, open_model
from tests.export.networks import everything, manifest_of, painter
from tests.export.networks import plain as no_options


def test_the_plain_profile_has_required_inputs_and_a_picture_alone(tmp_path: Path) -> None:
    network = plain(everything())
    proto = convert(network)
    assert [value.name for value in proto.graph.input] == ["z", "label"]
    assert [value.name for value in proto.graph.output] == ["image"]
    manifest = manifest_of(network)
    assert (manifest.num_ws, manifest.w_dim, manifest.classes) == (None, None, ("cat", "dog"))
    path = write_model(proto, manifest, tmp_path / "m.onnx")
    verify(path, network)
    z, label = torch.randn(3, 4), torch.eye(2)[[0, 1, 1]]
    whole = everything()
    with torch.no_grad():
        wanted = whole.module(z, label, *(given.default for given in whole.inputs[2:]))[0]
    found = open_model(path, RuntimeOptions(device="cpu")).run({"z": z.numpy(), "label": label.numpy()})["image"]
    assert np.abs(found - wanted.numpy()).max() < 1e-5


def test_a_plain_style_network_keeps_its_default_style(tmp_path: Path) -> None:
    network = plain(painter())
    path = write_model(convert(network), manifest_of(network), tmp_path / "m.onnx")
    model = open_model(path, RuntimeOptions(device="cpu"))
    assert model.input_names == ("content",)
    assert model.manifest.styles == ()
    assert model.stylize(np.random.RandomState(0).rand(21, 30, 3).astype(np.float32)).shape == (1, 21, 30, 3)


def test_a_size_is_fixed_in_the_file_and_pictures_of_other_sizes_are_fitted(tmp_path: Path) -> None:
    network = sized(plain(painter()), 40, 24)
    proto = convert(network)
    check_contract(proto, manifest_of(network))
    shape = [axis.dim_value or axis.dim_param for axis in proto.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["batch", 3, 24, 40]
    path = write_model(proto, manifest_of(network), tmp_path / "m.onnx")
    assert verify(path, network).cases >= 6
    model = open_model(path, RuntimeOptions(device="cpu"))
    assert model.stylize(np.random.RandomState(0).rand(50, 50, 3).astype(np.float32)).shape == (1, 50, 50, 3)


def test_both_are_told_in_the_manifest() -> None:
    told = {fact.name: (fact.value, fact.origin) for fact in sized(plain(painter()), 32, 16).inferred}
    assert told == {"profile": ("plain", "option"), "fixed size": ("32 x 16", "option")}


@pytest.mark.parametrize(("width", "height"), [(7, 64), (64, 0), (20000, 64)])
def test_an_impossible_size_is_refused_with_the_rule(width: int, height: int) -> None:
    with pytest.raises(InputError, match="choose multiples of 1, 8 to 16384"):
        sized(painter(), width, height)


def test_a_generator_has_its_own_size() -> None:
    with pytest.raises(InputError, match="a generator has one size, 8x8"):
        sized(no_options(), 16, 16)
