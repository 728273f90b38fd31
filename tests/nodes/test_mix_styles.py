from __future__ import annotations

import numpy as np
import pytest

from ganplugin.errors import FileError, InputError
from ganplugin.nodes import LoadLatents, MixStyles, Sample, SaveLatents
from ganplugin.seeds import seed_latents
from tests.nodes.kit import latents, load


def z(*seeds):
    return latents(seed_latents(seeds, 4), seeds=seeds)


@pytest.mark.parametrize(
    ("layers", "from_b"), [("coarse", [0]), ("middle", [1]), ("fine", [2]), ("0-1", [0, 1]), ("all", [0, 1, 2])]
)
def test_named_layers_come_from_b_and_the_rest_from_a(models, context, layers, from_b):
    model = load(models / "full.onnx")
    mixed = MixStyles(model=model, a=z(1, 2), b=z(3, 4), layers=layers).run(context).latents
    a, b = (model.session.map_latents(seed_latents(seeds, 4)) for seeds in ((1, 2), (3, 4)))
    values = mixed.array()
    for layer in range(3):
        assert np.array_equal(values[:, layer], (b if layer in from_b else a)[:, layer])
    assert (mixed.space, mixed.model_digest, mixed.seeds, len(mixed)) == ("w", model.digest, (1, 2), 2)


def test_one_b_serves_every_a(models, context):
    model = load(models / "full.onnx")
    mixed = MixStyles(model=model, a=z(1, 2, 3), b=z(9)).run(context).latents
    fine = model.session.map_latents(seed_latents((9,), 4))[0, 2]
    assert np.array_equal(mixed.rows(1, 3)[:, 2], np.stack([fine, fine]))
    assert np.array_equal(mixed.rows(1, 3), mixed.array()[1:])


def test_the_mixed_picture_takes_no_layer_from_a_where_all_are_named(models, context):
    model = load(models / "full.onnx")
    mixed = MixStyles(model=model, a=z(1), b=z(2), layers="all").run(context).latents
    shown = Sample(model=model, latents=mixed).run(context).images[0]
    assert np.allclose(shown, Sample(model=model, seeds="2").run(context).images[0], atol=1e-5)


def test_truncation_and_label_apply_to_z(models, context):
    model = load(models / "classes.onnx")
    label = np.array([[0, 1]], np.float32)
    mixed = MixStyles(model=model, a=z(1), b=z(2), truncation=0.5, truncation_cutoff=2, label="dog").run(context)
    tamed = model.session.map_latents(seed_latents((1,), 4), label=label, truncation=[0.5, 0.5, 1])
    assert np.array_equal(mixed.latents.array()[:, :2], tamed[:, :2])


def test_w_latents_are_mixed_as_they_are(models, context):
    model = load(models / "full.onnx")
    ones, twos = (latents(np.full((2, 3, 6), value, np.float32), space="w") for value in (1, 2))
    mixed = MixStyles(model=model, a=ones, b=twos, layers="1").run(context).latents.array()
    assert mixed[0, :, 0].tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        ("plain.onnx", {}, "has no W space to mix in"),
        ("scorer.onnx", {}, "a generator is needed"),
        ("full.onnx", {"b": z(1, 2)}, "b: 2 latents cannot pair with 3"),
        ("full.onnx", {"layers": "finee"}, "layers 'finee': 'finee' is no layer"),
        ("full.onnx", {"layers": "0-3"}, "this model has layers 0 to 2"),
        ("full.onnx", {"a": latents(np.zeros((1, 4), np.float32), digest="0" * 64)}, "another model"),
        ("full.onnx", {"b": latents(np.zeros((1, 5), np.float32))}, "the latents (5,)"),
        ("full.onnx", {"label": "cat"}, "knows no classes"),
    ],
)
def test_refusals(models, context, model, inputs, message):
    node = MixStyles(**{"model": load(models / model), "a": z(1, 2, 3), "b": z(1), **inputs})
    with pytest.raises(InputError) as refused:
        node.run(context)
    assert message in str(refused.value)


def test_latents_come_back_from_a_file_with_their_model_and_seeds(models, here, context):
    model = load(models / "full.onnx")
    made = Sample(model=model, seeds="4,7").run(context).latents
    assert SaveLatents(latents=made, path="a.npz").run(context).path == "a.npz"
    found = LoadLatents(path="a.npz").run(context).latents
    assert np.array_equal(found.array(), made.array())
    assert (found.seeds, found.space, found.model_digest) == ((4, 7), "z", model.digest)
    assert list(found.inputs) == ["a.npz"]
    with pytest.raises(FileError, match="exists already"):
        SaveLatents(latents=made, path="a.npz").run(context)
    SaveLatents(latents=found, path="a.npz", overwrite=True).run(context)
    with pytest.raises(FileError, match=r"b\.npz"):
        LoadLatents(path="b.npz").run(context)
    with pytest.raises(InputError, match="end the name in"):
        SaveLatents(latents=made, path="a.txt").run(context)


def test_mixed_latents_are_saved_as_w(models, here, context):
    model = load(models / "full.onnx")
    mixed = MixStyles(model=model, a=z(1, 2), b=z(3)).run(context).latents
    SaveLatents(latents=mixed, path="w.npz").run(context)
    found = LoadLatents(path="w.npz").run(context).latents
    assert found.space == "w"
    again = Sample(model=model, latents=found).run(context).images
    assert again.batch().tobytes() == Sample(model=model, latents=mixed).run(context).images.batch().tobytes()
    assert list(again.origin(0).inputs) == ["w.npz"]
