from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ganplugin.errors import Cancelled, InputError, ModelError
from ganplugin.nodes import Context, LoadModel, Sample
from ganplugin.nodes.synthesis import Synthesis
from ganplugin.seeds import seed_latents
from tests.nodes.kit import latents, load


class Messages:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.said: list[str] = []

    def message(self, text):
        self.said.append(text)


def pictures(model, context, **inputs):
    return Sample(model=model, **inputs).run(context).images.batch()


def test_one_picture_and_one_latent_a_seed(models, context, rendered):
    out = Sample(model=load(models / "full.onnx"), seeds="7,3-4,7").run(context)
    assert len(out.images) == len(out.latents) == 4
    assert rendered == []
    assert out.latents.seeds == (7, 3, 4, 7)
    assert np.array_equal(out.latents.array(), seed_latents((7, 3, 4, 7), 4))
    shown = out.images.batch()
    assert shown.shape == (4, 8, 8, 3)
    assert np.array_equal(shown[0], shown[3])
    assert [out.images.origin(index).name for index in range(2)] == ["seed-0007", "seed-0003"]
    assert out.images.origin(1).seed == 3


def test_a_picture_depends_on_its_seed_alone(models, context):
    model = load(models / "full.onnx")
    whole = pictures(model, context, seeds="0-9")
    for options in (Context(device="cpu", batch=1), Context(device="cpu", batch=3)):
        again = pictures(load(models / "full.onnx", options), options, seeds="9,8,7,6,5,4,3,2,1,0")
        assert again[::-1].tobytes() == whole.tobytes()
    assert pictures(model, context, seeds="5").tobytes() == whole[5].tobytes()


def test_only_what_is_looked_at_is_rendered(models, context, rendered):
    images = Sample(model=load(models / "full.onnx"), seeds="0-999999").run(context).images
    assert len(images) == 1_000_000
    assert images[999_999].shape == (8, 8, 3)
    assert rendered == [1]
    with pytest.raises(IndexError):
        images[1_000_000]
    with pytest.raises(IndexError):
        images[-1]


def test_truncation_and_its_cutoff_change_the_layers_that_they_name(models, context):
    model = load(models / "full.onnx")
    free, tame, flat = (pictures(model, context, seeds="0-3", truncation=psi) for psi in (1.0, 0.5, 0.0))
    assert np.allclose(flat, flat[0])
    assert np.ptp(free, axis=0).mean() > np.ptp(tame, axis=0).mean() > 0
    first, every = (pictures(model, context, seeds="0", truncation=0.5, truncation_cutoff=cut) for cut in (1, 3))
    assert np.array_equal(every[0], tame[0])
    assert not np.array_equal(first[0], tame[0])
    assert not np.array_equal(first[0], free[0])


def test_noise_modes(models, context):
    model = load(models / "full.onnx")
    stored, none, drawn = (pictures(model, context, seeds="1-4", noise=mode) for mode in ("constant", "none", "seeded"))
    assert not np.allclose(stored, none)
    assert not np.allclose(stored, drawn)
    assert pictures(model, context, seeds="3", noise="seeded").tobytes() == drawn[2].tobytes()
    other = load(models / "full.onnx", Context(device="cpu", batch=1))
    assert pictures(other, context, seeds="4,3,2,1", noise="seeded")[::-1].tobytes() == drawn.tobytes()


def test_seeded_noise_of_latents_without_seeds_depends_on_the_place_alone(models, context):
    model = load(models / "full.onnx")
    given = latents(np.repeat(seed_latents((5,), 4), 4, axis=0))
    images = Sample(model=model, latents=given, noise="seeded").run(context).images
    whole = images.batch()
    assert not np.allclose(whole[0], whole[1])
    assert [images[index].tobytes() for index in range(4)] == [picture.tobytes() for picture in whole]
    seeded = replace(given, seeds=(9, 9, 8, 9))
    named = Sample(model=model, latents=seeded, noise="seeded").run(context).images.batch()
    assert named[0].tobytes() == named[1].tobytes() == named[3].tobytes() != named[2].tobytes()


def test_labels_by_name_number_and_default(models):
    reporter = Messages()
    context = Context(device="cpu", reporter=reporter)
    model = load(models / "classes.onnx")
    cat, dog, second, none = (pictures(model, context, seeds="0", label=label) for label in ("cat", "dog", "1", ""))
    assert not np.array_equal(cat, dog)
    assert np.array_equal(dog, second)
    assert np.array_equal(cat, none)
    assert reporter.said == ["no label given: using 'cat' of cat, dog"]


@pytest.mark.parametrize(
    ("model", "inputs", "message"),
    [
        ("scorer.onnx", {}, "scorer.onnx: is a scorer, but a generator is needed"),
        ("styles.onnx", {}, "styles.onnx: is a style, but a generator is needed"),
        ("plain.onnx", {"truncation": 0.5}, "truncation: this network has no W space"),
        ("plain.onnx", {"noise": "none"}, "noise: this network has no noise inputs"),
        ("plain.onnx", {"noise": "seeded"}, "noise: this network has no noise inputs"),
        ("plain.onnx", {"label": "cat"}, "label 'cat': this network knows no classes"),
        ("full.onnx", {"truncation": 0.5, "truncation_cutoff": 4}, "truncation cutoff: 4 is not in 0..3"),
        ("classes.onnx", {"label": "catt"}, "label: there is no class 'catt' - did you mean 'cat'?"),
        ("classes.onnx", {"label": "2"}, "label: there is no class '2' - known: cat, dog"),
        ("classes.onnx", {"label": "9" * 5000}, "label: there is no class '999"),
        ("classes.onnx", {"label": "²"}, "label: there is no class"),
        ("full.onnx", {"seeds": "5-2"}, "seeds '5-2': the range 5-2 falls"),
        ("full.onnx", {"seeds": "a"}, "seeds 'a': 'a' is not a seed"),
        ("full.onnx", {"seeds": "-1"}, "seeds '-1': '-1' is not a seed"),
        ("full.onnx", {"seeds": ""}, "seeds '': '' is not a seed"),
        ("full.onnx", {"seeds": "4294967296"}, "4294967296 is too large"),
        ("full.onnx", {"seeds": "0-1000000"}, "names more than 1,000,000 seeds"),
    ],
)
def test_refusals(models, context, rendered, model, inputs, message):
    node = Sample(model=load(models / model), **inputs)
    with pytest.raises(InputError) as refused:
        node.run(context)
    assert message in str(refused.value)
    assert rendered == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (latents(np.zeros((2, 5), np.float32)), r"has z of shape \(4,\), the latents \(5,\)"),
        (latents(np.zeros((2, 3, 5), np.float32), space="w"), r"has w of shape \(3, 6\), the latents \(3, 5\)"),
        (latents(np.zeros((2, 4), np.float32), digest="0" * 64), "belong to another model"),
    ],
)
def test_latents_of_another_model_are_refused(models, context, given, message):
    with pytest.raises(InputError, match=message):
        Sample(model=load(models / "full.onnx"), latents=given).run(context)


def test_w_latents_need_a_w_space_and_are_final(models, context):
    w = latents(np.zeros((2, 3, 6), np.float32), space="w")
    with pytest.raises(InputError, match="has no W space"):
        Sample(model=load(models / "plain.onnx"), latents=w).run(context)
    with pytest.raises(InputError, match="truncated already"):
        Sample(model=load(models / "full.onnx"), latents=w, truncation=0.5).run(context)
    out = Sample(model=load(models / "full.onnx"), latents=w).run(context)
    assert np.array_equal(*out.images.batch())
    assert out.images.origin(1).name == "sample-00001"
    assert out.images.origin(1).index == 1


def test_w_latents_show_the_picture_that_z_shows(models, context):
    model = load(models / "classes.onnx")
    z = seed_latents((3, 4), 4)
    label = np.array([0, 1], np.float32)
    w = latents(model.session.map_latents(z, label=np.stack([label, label])), space="w", digest=model.digest)
    shown = pictures(model, context, latents=w, label="dog")
    assert np.allclose(shown, pictures(model, context, seeds="3-4", label="dog"), atol=1e-5)


def test_cancelling_stops_before_the_next_picture(models, rendered):
    stop: list[int] = []
    context = Context(device="cpu", cancelled=lambda: bool(stop))
    images = Sample(model=load(models / "full.onnx"), seeds="0-9").run(context).images
    assert images[0].shape == (8, 8, 3)
    stop.append(1)
    with pytest.raises(Cancelled):
        images[1]
    assert rendered == [1]


def test_a_model_is_loaded_by_name_style_and_device(models, here, context):
    styled = LoadModel(model=f"{models / 'styles.onnx'}#night").run(context).model
    assert styled.style == "night"
    assert styled.name == "styles.onnx#night"
    assert styled.recipe.graph()[0] == {"1": {"class_type": "GanPluginLoadModel", "inputs": {"model": styled.name}}}
    assert load(models / "full.onnx").style is None
    assert LoadModel(model=str(models / "full.onnx"), device="cpu").run(Context()).model.threads == 2
    with pytest.raises(InputError, match="has no style 'nigth' - did you mean 'night'"):
        load(f"{models / 'styles.onnx'}#nigth")
    with pytest.raises(InputError, match="device"):
        LoadModel(model=str(models / "full.onnx"), device="gpuu").run(context)


def test_a_changed_builtin_is_refused(models, context, monkeypatch):
    from ganplugin import library

    found = library.ModelReference(models / "full.onnx", "builtin:full", sha256="0" * 64)
    monkeypatch.setattr(library, "resolve_model", lambda text, folders: found)
    with pytest.raises(ModelError, match="is not the file that was shipped"):
        LoadModel(model="builtin:full").run(context)


def test_every_layer_and_seed_has_its_own_noise(models):
    made = Synthesis(load(models / "full.onnx"), None, None, "seeded")
    maps = made._noise_maps((5, 6))
    drawn = [rows[index].tobytes() for rows in maps.values() for index in range(2)]
    assert len(set(drawn)) == len(drawn) == 4


@pytest.mark.parametrize(("seeds", "seed", "shifted"), [("3,1-2", 5, "8,6-7"), ("0", 2**32 - 1, "4294967295")])
def test_seed_is_added_to_each_of_the_seeds(models, context, seeds, seed, shifted):
    model = load(models / "full.onnx")
    found = Sample(model=model, seeds=seeds, seed=seed).run(context)
    plain = Sample(model=model, seeds=shifted).run(context)
    assert found.latents.seeds == plain.latents.seeds
    assert np.array_equal(found.latents.array(), plain.latents.array())
    assert found.images.batch().tobytes() == plain.images.batch().tobytes()
    assert list(found.images.origins()) == list(plain.images.origins())


def test_seeds_shifted_beyond_the_largest_are_refused(models, context, rendered):
    with pytest.raises(InputError) as refused:
        Sample(model=load(models / "full.onnx"), seeds="0,4294967295", seed=1).run(context)
    assert str(refused.value) == "seed 1: 4294967296 is above 4294967295 - choose a smaller seed"
    assert rendered == []


def test_drawn_noise_follows_the_shifted_seed(models, context):
    model = load(models / "full.onnx")
    shifted = pictures(model, context, seeds="3", seed=4, noise="seeded")
    assert shifted.tobytes() == pictures(model, context, seeds="7", noise="seeded").tobytes()


def test_given_latents_are_not_shifted(models, context):
    model = load(models / "full.onnx")
    given = latents(seed_latents((3,), 4))
    assert np.array_equal(
        pictures(model, context, latents=given, seed=2**32 - 1), pictures(model, context, latents=given)
    )
