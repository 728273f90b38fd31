"""Networks that tiles cannot follow are told apart, in words, and painted whole where nobody asked for tiles."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from ganplugin import tiled_style
from ganplugin.errors import Cancelled, FileError, InputError, ModelError
from ganplugin.fixed_statistics import FixedStatistics, StyleCall
from ganplugin.modelfile import read_model, write_model
from ganplugin.runtime import RuntimeOptions, open_model
from tests.tiling.networks import CHANNELS, Layers, finished, network
from tests.tiling.test_exactness import photo
from tests.tiny_models import tiny_upscaler

CPU = RuntimeOptions(device="cpu")


def attention(net, x):
    flat = net.op("Reshape", x, net.shape(0, CHANNELS, -1))
    weights = net.op("Softmax", net.op("MatMul", net.op("Transpose", flat, perm=[0, 2, 1]), flat), axis=2)
    return net.op("Reshape", net.op("MatMul", flat, weights), net.op("Shape", x))


def positions(net, x):
    return net.op("Add", x, net.weights(1, CHANNELS, 24, 20))


def cropped(net, x):
    return net.op("Slice", x, net.shape(2), net.shape(12), net.shape(2))


def rows_alone(net, x):
    return net.op("Sub", x, net.op("ReduceMean", x, net.shape(3)))


def shifted_norm(net, x):
    return net.instance(net.conv(x, kernel=5))


def automatic(net, x):
    return net.conv(x, kernel=3, auto_pad="SAME_UPPER")


def wrapped(net, x):
    return net.conv(net.op("Pad", x, net.shape(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect"), kernel=3, strides=[1, 2])


REFUSED = [
    (attention, "its operator Transpose may look at the whole picture"),
    (positions, "its Add has numbers of its own for every place of a picture"),
    (cropped, "its Slice cuts a part out of the picture"),
    (rows_alone, "its ReduceMean sees rows or columns of the picture one by one"),
    (shifted_norm, "its InstanceNormalization counts padding, or leaves out a part of the picture"),
    (automatic, "its Conv chooses its padding by the picture's size"),
    (wrapped, "its Conv does not treat both directions alike"),
]


def refused_model(layer, path):
    net = Layers()
    x = layer(net, net.conv(net.first, before=3, pads=[1, 1, 1, 1]))
    return open_model(finished(net, net.conv(x, after=3, kernel=1), path), CPU)


@pytest.mark.parametrize(("layer", "reason"), REFUSED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_tiles_cannot_follow_is_refused_in_words(tmp_path, layer, reason):
    with pytest.raises(InputError) as refused:
        refused_model(layer, tmp_path / "net.onnx").stylize(photo(24, 20), tile=16)
    assert f"this network cannot be painted in tiles: {reason}" in str(refused.value)
    assert "--max-side" in str(refused.value)


@pytest.mark.parametrize(("opset", "refused"), [(10, True), (13, False)])
def test_files_of_old_operator_sets(tmp_path, opset, refused):
    net = Layers()
    x = net.op("InstanceNormalization", net.first, *(net.constant(np.ones(3, np.float32)) for _ in range(2)))
    path = finished(net, x, tmp_path / "new.onnx")
    proto, manifest = read_model(path)
    proto.opset_import[0].version = opset
    model = open_model(write_model(proto, manifest, tmp_path / "old.onnx"), CPU)
    if refused:
        with pytest.raises(InputError, match="its operators are of a set older than 11"):
            model.stylize(photo(24, 20), tile=16)
    else:
        assert np.allclose(model.stylize(photo(24, 20), tile=16), model.stylize(photo(24, 20)), atol=1e-5)


def test_without_a_size_of_tiles_it_is_painted_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(tiled_style, "fits_whole", lambda pixels, kind: False)
    model, picture = refused_model(positions, tmp_path / "net.onnx"), photo(24, 20)
    seen: list[int] = []
    painted = model.stylize(picture, progress=lambda done, total: seen.append(done))
    assert painted.shape == (1, 24, 20, 3)
    assert seen == []


def test_a_network_of_one_size_is_refused(tmp_path):
    model = open_model(tiny_upscaler(tmp_path / "fixed.onnx", sides=(8, 8)), CPU)
    with pytest.raises(InputError, match="it takes pictures of one size"):
        model.stylize(photo(24, 20), tile=16)


def test_a_network_whose_statistics_are_given_is_not_measured_anew(tmp_path, monkeypatch):
    model, picture = open_model(network(tmp_path / "net.onnx", "instance", "conv"), CPU), photo(40, 40)
    fixed = FixedStatistics(model)
    given = fixed.model(fixed.mean([photo(40, 40, seed=9) * 0.5], StyleCall()))
    monkeypatch.setattr(tiled_style, "fits_whole", lambda pixels, kind: False)
    assert np.abs(given.stylize(picture) - model.stylize(picture)).max() > 1 / 255
    with pytest.raises(InputError, match="its statistics are given to it"):
        given.stylize(picture, tile=16)


def test_a_size_other_than_promised_is_refused(tmp_path):
    model = open_model(tiny_upscaler(tmp_path / "up.onnx", scale=2, claimed=3), CPU)
    with pytest.raises(ModelError, match="returns pictures of 40x48, not 60x72"):
        model.stylize(photo(24, 20), tile=16)


@pytest.mark.parametrize(("pixels", "tiled"), [(1_000_000, False), (1_572_864, False), (1_600_000, True)])
def test_large_pictures_are_painted_in_tiles_by_themselves(tmp_path, pixels, tiled):
    model = open_model(network(tmp_path / "net.onnx", "relu"), CPU)
    picture = np.broadcast_to(np.float32(0.5), (pixels // 1000, 1000, 3))
    if pixels == 1_572_864:
        picture = np.broadcast_to(np.float32(0.5), (1024, 1536, 3))
    seen: list[int] = []
    model.stylize(picture, progress=lambda done, total: seen.append(done))
    assert bool(seen) == tiled


def test_progress_counts_the_tiles(tmp_path):
    model = open_model(network(tmp_path / "net.onnx", "instance", "conv"), CPU)
    seen: list[tuple[int, int]] = []
    model.stylize(photo(40, 40), tile=16, progress=lambda *state: seen.append(state))
    total = seen[0][1]
    assert seen == [(done, total) for done in range(total + 1)]
    assert total > 9


def test_a_request_to_stop_is_heard_between_tiles(tmp_path):
    stop: list[bool] = []
    options = RuntimeOptions(device="cpu", cancelled=lambda: bool(stop))
    model = open_model(network(tmp_path / "net.onnx", "instance", "conv"), options)
    seen: list[int] = []

    def progress(done, total):
        seen.append(done)
        if done == 3:
            stop.append(True)

    with pytest.raises(Cancelled):
        model.stylize(photo(60, 60), tile=16, progress=progress)
    assert max(seen) == 3


def test_no_room_for_what_lies_between_the_passes_is_told(tmp_path, monkeypatch):
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    monkeypatch.setenv("GANPLUGIN_CACHE", str(blocked))
    model = open_model(network(tmp_path / "net.onnx", "instance"), CPU)
    with pytest.raises(FileError):
        model.stylize(photo(40, 40), tile=16)


def test_a_disk_that_is_too_small_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=9999))
    model = open_model(network(tmp_path / "net.onnx", "instance", "conv", "instance"), CPU)
    seen: list[int] = []
    with pytest.raises(FileError, match=r"has 0\.0 GB free.*GANPLUGIN_CACHE"):
        model.stylize(photo(40, 40), tile=16, progress=lambda done, total: seen.append(done))
    assert seen == []
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2 * CHANNELS * 40 * 40 * 4))
    model.stylize(photo(40, 40), tile=16)  # two maps are there at one time


def test_nothing_is_left_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    model = open_model(network(tmp_path / "net.onnx", "instance", "conv"), CPU)
    model.stylize(photo(40, 40), tile=16)
    assert list((tmp_path / "cache" / "tiles").iterdir()) == []
