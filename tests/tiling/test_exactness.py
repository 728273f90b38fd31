"""Tiles make no difference: the painting is the one that the network paints of the whole picture."""

from __future__ import annotations

import numpy as np
import pytest

from ganplugin.builtin import builtin_file, catalog
from ganplugin.levels import to_uint8
from ganplugin.runtime import RuntimeOptions, open_model
from tests.tiling.networks import LAYERS, Layers, finished, network
from tests.tiny_models import tiny_style, tiny_upscaler

CPU = RuntimeOptions(device="cpu")
LEVEL = 1 / 255


def photo(height, width, seed=1):
    """A picture that differs from place to place in brightness, so that a tile's own statistics would show."""
    random = np.random.RandomState(seed)
    slope = np.linspace(0, 1, height)[:, None, None] * np.linspace(0.2, 1, width)[None, :, None]
    return np.clip(slope + 0.2 * random.randn(height, width, 3), 0, 1).astype(np.float32)


def whole(model, picture, **inputs):
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
    return model.run({"content": planes, **inputs}, ["image"])["image"][0].transpose(1, 2, 0)


def differences(model, picture, tile):
    return np.abs(model.stylize(picture, tile=tile)[0] - whole(model, picture))


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize(("size", "tile"), [((37, 50), 16), ((64, 24), 9)])
def test_every_kind_of_layer_before_and_behind_statistics(tmp_path, layer, size, tile):
    model = open_model(network(tmp_path / "net.onnx", "instance", layer, "relu", "instance"), CPU)
    assert differences(model, photo(*size), tile).max() < 2e-5


@pytest.mark.parametrize("seed", range(24))
def test_any_order_of_layers_at_any_size_in_any_tiles(tmp_path, seed):
    random = np.random.RandomState(seed)
    layers = random.choice(list(LAYERS), 6)
    model = open_model(network(tmp_path / "net.onnx", *layers, seed=seed), CPU)
    height, width, tile = random.randint(20, 70), random.randint(20, 70), random.randint(5, 40)
    assert differences(model, photo(height, width), tile).max() < 1e-4, (layers, height, width, tile)


def test_statistics_of_each_tile_alone_would_show(tmp_path):
    model, picture = open_model(network(tmp_path / "net.onnx", "instance"), CPU), photo(64, 64)
    apart = np.abs(whole(model, picture[:32, :32]) - whole(model, picture)[:32, :32])
    assert apart.mean() > 4 * LEVEL


@pytest.mark.parametrize("name", [name for name, entry in catalog().items() if entry.kind == "style"])
@pytest.mark.parametrize("size", [(150, 203), (131, 64)])
def test_builtin_styles(name, size):
    model = open_model(builtin_file(catalog()[name]), CPU)
    apart = differences(model, photo(*size), 64)
    assert apart.max() < 0.1 * LEVEL


def test_no_seam_between_tiles():
    """Where tiles meet, neighbouring pixels differ no more from the whole painting's than elsewhere."""
    model = open_model(builtin_file(catalog()["masters"]), CPU)
    picture = photo(192, 256)
    apart = differences(model, picture, 64)
    seams = apart[:, 60:68].mean(), apart[:, 124:132].mean(), apart[92:100].mean()
    assert max(seams) < max(4 * apart.mean(), 0.01 * LEVEL)


@pytest.mark.parametrize("tile", [1, 7, 64, 5000])
def test_any_side_of_tiles_paints_the_same(tmp_path, tile):
    model = open_model(network(tmp_path / "net.onnx", "instance", "linear", "instance"), CPU)
    assert differences(model, photo(21, 18), tile).max() < 2e-5


def test_a_picture_smaller_than_the_network_takes_is_padded_as_usual(tmp_path):
    model = open_model(tiny_style(tmp_path / "style.onnx", multiple=4), CPU)
    for size in ((1, 1), (3, 9), (30, 41)):
        picture = photo(*size)
        assert np.allclose(model.stylize(picture, tile=16), model.stylize(picture), atol=1e-6)


def test_optional_inputs_count_anew_in_every_picture(tmp_path):
    model, picture = open_model(tiny_style(tmp_path / "style.onnx"), CPU), photo(40, 40)
    for inputs in ({"style_weights": [0, 1]}, {"style_weights": [1, 0]}, {"strength": 0.25}, {}):
        assert np.allclose(model.stylize(picture, tile=16, **inputs), model.stylize(picture, **inputs), atol=1e-6)


def test_onnxruntime_has_nothing_to_complain_of(tmp_path, capfd):
    model = open_model(network(tmp_path / "net.onnx", "group", "flat", "linear", "aligned", "instance"), CPU)
    model.stylize(photo(40, 33), tile=16)
    assert capfd.readouterr() == ("", "")


def test_levels_are_those_of_the_picture(tmp_path):
    model, picture = open_model(network(tmp_path / "net.onnx", "instance", "conv"), CPU), photo(40, 33)
    assert np.array_equal(model.stylize_levels(picture, tile=16), to_uint8(model.stylize(picture, tile=16)))


def test_every_picture_of_several_has_its_own_statistics(tmp_path):
    model = open_model(network(tmp_path / "net.onnx", "instance", "conv", "reduced"), CPU)
    pictures = np.stack([photo(40, 30), 0.3 * photo(40, 30, seed=2)])
    assert np.allclose(model.stylize(pictures, tile=16), model.stylize(pictures), atol=1e-5)


@pytest.mark.parametrize("channels", ["L", "RGB", "RGBA"])
def test_upscalers(tmp_path, channels):
    model = open_model(tiny_upscaler(tmp_path / "up.onnx", scale=3, multiple=2, channels=channels), CPU)
    picture = photo(33, 50)
    assert np.array_equal(model.stylize(picture, tile=16), model.stylize(picture))


def test_a_style_picture_has_statistics_of_its_own(tmp_path):
    """As AdaIN: the content's statistics are taken over tiles, the style's of the style picture as it is."""
    net = Layers()
    features, style = net.conv(net.first, before=3, pads=[1, 1, 1, 1]), None
    default = np.random.RandomState(5).rand(1, 3, 9, 7).astype(np.float32)
    style = net.conv(net.input("style", (1, 3, "style_height", "style_width"), default), before=3)
    x = net.op("Add", net.sample_deviation(features), net.op("ReduceMean", style, net.shape(2, 3)))
    model = open_model(finished(net, net.conv(x, after=3, kernel=1), tmp_path / "adain.onnx"), CPU)
    picture, painting = photo(50, 41), photo(20, 31, seed=3)
    found = model.stylize(picture, style=painting, tile=16)
    assert np.allclose(found, model.stylize(picture, style=painting), atol=1e-5)
    assert np.abs(found - model.stylize(picture, tile=16)).max() > LEVEL
