from __future__ import annotations

import numpy as np
import pytest

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes import Context, LoadImages, Sample, Score
from tests.nodes.kit import load, noise, save, sequence


def test_pictures_come_back_best_first(models, context):
    pictures = [noise(8, 8, seed=seed) for seed in range(6)]
    model = load(models / "scorer.onnx")
    out = Score(model=model, images=sequence(pictures)).run(context)
    raw = model.session.score(np.stack(pictures))
    order = np.argsort(-raw, kind="stable")
    assert list(out.scores) == sorted(out.scores, reverse=True)
    assert np.allclose(out.scores, raw[order], atol=1e-6)
    assert all(np.array_equal(shown, pictures[index]) for shown, index in zip(out.images, order, strict=True))
    assert [out.images.origin(place).name for place in range(6)] == [f"picture-{index}" for index in order]


def test_keep_and_ties(models, context):
    pictures = [noise(8, 8, seed=1)] * 3
    out = Score(model=load(models / "scorer.onnx"), images=sequence(pictures), keep=2).run(context)
    assert len(out.images) == len(out.scores) == 2
    assert [out.images.origin(place).name for place in range(2)] == ["picture-0", "picture-1"]
    assert len(Score(model=load(models / "scorer.onnx"), images=sequence(pictures), keep=9).run(context).scores) == 3


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 257, 3), (16, 16, 1), (9, 5, 4), (8, 8, 4)])
def test_any_picture_is_fitted_for_judging_alone(models, context, shape):
    out = Score(model=load(models / "scorer.onnx"), images=sequence([noise(*shape)])).run(context)
    assert np.isfinite(out.scores[0])
    assert out.images[0].shape == shape


def test_classes_are_judged_by_label(models, context):
    model, one = load(models / "scorer-classes.onnx"), sequence([noise(8, 8)])
    cat, dog, none = (Score(model=model, images=one, label=label).run(context).scores for label in ("cat", "dog", ""))
    assert cat == none != dog
    with pytest.raises(InputError, match="there is no class 'cow'"):
        Score(model=model, images=one, label="cow").run(context)
    with pytest.raises(InputError, match="knows no classes"):
        Score(model=load(models / "scorer.onnx"), images=one, label="cat").run(context)


def test_the_scorer_is_an_ingredient_of_the_order(models, here, context):
    save(here / "a.png")
    scored = Score(model=load(models / "scorer.onnx"), images=LoadImages(path="a.png").run(context).images)
    origin = scored.run(context).images.origin(0)
    assert list(origin.models) == ["scorer.onnx"]
    assert (origin.provider, origin.threads) == ("CPUExecutionProvider", 2)
    sampled = Sample(model=load(models / "full.onnx"), seeds="0").run(context).images
    origin = Score(model=load(models / "scorer.onnx"), images=sampled).run(context).images.origin(0)
    assert sorted(origin.models) == ["full.onnx", "scorer.onnx"]
    assert origin.recipe.node == "GanPluginSample"


def test_refusals_and_cancelling(models, context):
    with pytest.raises(InputError, match="is a generator, but a scorer is needed"):
        Score(model=load(models / "full.onnx"), images=sequence([noise(8, 8)])).run(context)
    with pytest.raises(Cancelled):
        Score(model=load(models / "scorer.onnx"), images=sequence([noise(8, 8)])).run(Context(cancelled=lambda: True))
    assert Score(model=load(models / "scorer.onnx"), images=sequence([])).run(context).scores == ()
