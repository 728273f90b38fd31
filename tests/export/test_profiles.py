from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import ValueInfoProto

from ganplugin.errors import InputError, ModelError
from ganplugin.export.convert import convert
from ganplugin.export.profiles import plain, profiled, sized, static
from ganplugin.export.verify import verify
from ganplugin.modelfile import check_contract, write_model
from ganplugin.runtime import RuntimeOptions, open_model
from tests.export.networks import everything, manifest_of, painter
from tests.export.networks import plain as no_options


def axes(value: ValueInfoProto) -> list[int | str]:
    return [axis.dim_value or axis.dim_param for axis in value.type.tensor_type.shape.dim]


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
    assert axes(proto.graph.input[0]) == ["batch", 3, 24, 40]
    path = write_model(proto, manifest_of(network), tmp_path / "m.onnx")
    assert verify(path, network).cases >= 6
    model = open_model(path, RuntimeOptions(device="cpu"))
    assert model.stylize(np.random.RandomState(0).rand(50, 50, 3).astype(np.float32)).shape == (1, 50, 50, 3)


def test_both_are_told_in_the_manifest() -> None:
    told = {fact.name: (fact.value, fact.origin) for fact in sized(plain(painter()), 32, 16).inferred}
    assert told == {"profile": ("plain", "option"), "fixed size": ("32 x 16", "option")}


def test_a_static_generator_gives_any_number_of_the_plain_ones_pictures(tmp_path: Path) -> None:
    network = static(everything())
    proto = convert(network)
    ports = {value.name: axes(value) for value in (*proto.graph.input, *proto.graph.output)}
    assert ports == {"z": [1, 4], "label": [1, 2], "image": [1, 3, 8, 8]}
    path = write_model(proto, manifest_of(network), tmp_path / "static.onnx")
    assert verify(path, network).cases == 2
    bare = plain(everything())
    other = open_model(write_model(convert(bare), manifest_of(bare), tmp_path / "plain.onnx"), RuntimeOptions("cpu"))
    model = open_model(path, RuntimeOptions("cpu", batch=4))
    assert model.batch_size == 1
    z = np.random.RandomState(0).randn(5, 4).astype(np.float32)
    for label in ([1, 0], np.eye(2)[[0, 1, 1, 0, 1]]):
        assert np.abs(model.generate(z, label=label) - other.generate(z, label=label)).max() < 1e-6


def test_a_static_style_network_paints_any_number_of_pictures_of_any_size(tmp_path: Path) -> None:
    network = static(sized(painter(), 40, 24))
    proto = convert(network)
    assert [axes(value) for value in (*proto.graph.input, *proto.graph.output)] == [[1, 3, 24, 40], [1, 3, 24, 40]]
    path = write_model(proto, manifest_of(network), tmp_path / "m.onnx")
    assert verify(path, network).cases == 2
    model = open_model(path, RuntimeOptions("cpu"))
    pictures = np.random.RandomState(0).rand(3, 50, 30, 3).astype(np.float32)
    painted = model.stylize(pictures)
    assert painted.shape == (3, 50, 30, 3)
    assert painted[2].tobytes() == model.stylize(pictures[2]).tobytes()


def test_a_static_style_network_needs_a_size() -> None:
    with pytest.raises(InputError, match="--profile static: needs the size of the pictures - add --size"):
        static(painter())


def test_a_file_that_is_less_free_than_its_manifest_says_is_refused() -> None:
    free, fixed = plain(no_options()), static(no_options())
    for network, other in ((free, fixed), (fixed, free)):
        with pytest.raises(ModelError, match="the input 'z' has the shape"):
            check_contract(convert(network), manifest_of(other))


def test_a_profile_is_named() -> None:
    told = {
        name: [fact.value for fact in profiled(no_options(), name).inferred] for name in ("full", "plain", "static")
    }
    assert told == {"full": [], "plain": ["plain"], "static": ["static"]}


@pytest.mark.parametrize(("width", "height"), [(7, 64), (64, 0), (20000, 64)])
def test_an_impossible_size_is_refused_with_the_rule(width: int, height: int) -> None:
    with pytest.raises(InputError, match="choose multiples of 1, 8 to 16384"):
        sized(painter(), width, height)


def test_a_generator_has_its_own_size() -> None:
    with pytest.raises(InputError, match="a generator has one size, 8x8"):
        sized(no_options(), 16, 16)
