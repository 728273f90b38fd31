from __future__ import annotations

import dataclasses
from html import escape

import numpy as np
import pytest
import torch

from ganplugin.errors import InputError
from ganplugin.train.metrics import evaluation as module
from ganplugin.train.metrics.catalogue import METRICS, numbers_of
from ganplugin.train.metrics.evaluation import Evaluation
from ganplugin.train.metrics.findings import examine
from ganplugin.train.metrics.page import page, picture
from ganplugin.train.pictures.packed import PackedSet
from tests.train.metrics.conftest import rendered, shapes


def darkness(images: torch.Tensor) -> torch.Tensor:
    return -images.mean((1, 2, 3))


@pytest.fixture
def everything(real, plain) -> Evaluation:
    training, unseen = real.split(0.5, 0)
    return Evaluation(unseen, plain, tuple(METRICS), samples=50, training=training, scorer=darkness)


def test_good_pictures_are_told_from_bad_ones(real, eye):
    evaluation = Evaluation(real, eye, samples=100)
    good = evaluation.measure(rendered(shapes(100, 2)))
    noise = evaluation.measure(rendered(np.random.default_rng(0).integers(0, 256, (100, 3, 16, 16), np.uint8)))
    one = evaluation.measure(rendered(np.repeat(shapes(1, 3), 100, axis=0)))
    assert good["kid"] < 0.05 < min(noise["kid"], one["kid"])
    assert good["recall"] > 0.5 > max(noise["recall"], one["recall"])
    assert good["diversity"] == pytest.approx(1, abs=0.15)
    assert one["diversity"] == pytest.approx(0, abs=1e-6)
    assert good["duplicates"] < 0.05
    assert one["duplicates"] == 1
    assert one["support"] == pytest.approx(100 / 99)
    assert noise["sharpness"] > 5


def test_every_metric_gives_the_numbers_that_it_explains(everything):
    found = everything.measure(rendered(shapes(50, 4)))
    assert set(found) | {"support"} == set(numbers_of(tuple(METRICS.values())))
    assert all(np.isfinite(value) for value in found.values())


def test_the_same_pictures_give_the_same_numbers_whatever_the_batch(everything, monkeypatch):
    first = everything.measure(rendered(shapes(50, 4)))
    assert everything.measure(rendered(shapes(50, 4))) == first
    monkeypatch.setattr(module, "_BATCH", 10)
    for name, value in everything.measure(rendered(shapes(50, 4))).items():
        assert value == pytest.approx(first[name], rel=1e-3, abs=1e-4), name


def test_classes_are_those_of_the_backbone_and_missing_ones_are_left_out(real, plain, eye):
    made = rendered(shapes(40, 5))
    assert Evaluation(real, plain, ["is"], samples=40).measure(made)["is"] > 1
    assert Evaluation(real, eye, ["is"], samples=40).measure(made) == {}


def test_memorised_pictures_are_found_and_shown(everything):
    training = everything.training.pixels
    findings = examine(everything, rendered(training[:50]))
    assert findings.numbers["copies"] == 1
    assert findings.numbers["nearest_ratio"] < 0.7
    assert all((pair.sample == pair.nearest).all() for pair in findings.pairs)
    assert all((pair.sample == training[pair.index]).all() for pair in findings.pairs)
    fresh = examine(everything, rendered(shapes(50, 6))).numbers
    assert fresh["copies"] < 0.15
    assert fresh["nearest_ratio"] == pytest.approx(1, abs=0.2)


def test_without_training_pictures_copies_are_looked_for_in_the_reference(real, eye):
    evaluation = Evaluation(real, eye, ["copies"], samples=50)
    assert evaluation.measure(rendered(real.pixels[:50])) == {"copies": 1}
    assert evaluation.floor() == {}


def test_a_percentile_is_the_part_of_training_pictures_that_are_liked_less(everything):
    comparison = everything.compare(rendered(shapes(50, 4)))
    opinions = darkness(torch.from_numpy(everything.training.pixels).float() / 255).numpy()
    scores = darkness(torch.from_numpy(shapes(50, 4)).float() / 255).numpy()
    expected = [100 * np.mean(opinions < score) for score in scores]
    assert np.allclose(comparison.percentiles, expected)
    assert everything.numbers(comparison)["percentile"] == pytest.approx(np.mean(expected))


def test_training_pictures_in_the_samples_place_are_the_floor(everything):
    floor = everything.floor()
    noise = np.random.default_rng(0).integers(0, 256, (50, 3, 16, 16), np.uint8)
    assert floor["kid"] < 0.05 < everything.measure(rendered(noise))["kid"]
    assert {"copies", "percentile"}.isdisjoint(floor)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grey_and_transparent_pictures_are_measured(channels, eye):
    pictures = PackedSet.in_memory(shapes(40, 1, channels=channels))
    found = Evaluation(pictures, eye, samples=40).measure(rendered(shapes(40, 2, channels=channels)))
    assert found["coverage"] > 0.5


def test_memory_is_bounded_by_what_is_kept(real, plain, monkeypatch):
    from ganplugin.train.metrics import statistics

    monkeypatch.setattr(statistics, "SCORES_KEPT", 70)
    batches = (torch.from_numpy(shapes(32, seed)) for seed in range(4))
    found = statistics.gather(batches, plain, frozenset({"moments", "features", "scores"}), kept=50)
    assert (found.count, len(found.features), len(found.scores)) == (128, 50, 70)
    assert found.total.shape == (12,)
    assert found.variety is None
    assert found.power is None


def test_wishes_that_cannot_be_met_are_refused(real, eye):
    with pytest.raises(InputError, match=r"no metric 'kdi'.*kid"):
        Evaluation(real, eye, ["kdi"])
    with pytest.raises(InputError, match="too few"):
        Evaluation(real, eye, samples=3)
    with pytest.raises(InputError, match=r"samples are \[16, 3, 8, 8\], not \[16, 3, 16, 16\]"):
        Evaluation(real, eye, samples=16).measure(rendered(shapes(16, 1, side=8)))


def test_the_page_and_the_picture_say_who_saw_what(everything):
    findings = examine(everything, rendered(shapes(50, 4)), ("<b>note</b>",))
    text = page(findings, "a & b")
    assert "a &amp; b" in text and "&lt;b&gt;note" in text
    assert text.count("data:image/png;base64,") == 3
    for number in findings.numbers:
        assert escape(findings.meanings[number].words) in text
    assert text.count("plain</span>") == sum(findings.meanings[name].seen_by == "backbone" for name in findings.numbers)
    assert "held out" in text
    drawn = picture(findings, "a & b")
    assert drawn.shape[2] == 3 and drawn.std() > 0.1


def test_notes_say_what_the_numbers_are_not(everything):
    def notes(**facts: object) -> str:
        backbone = dataclasses.replace(everything.backbone, **facts)
        evaluation = dataclasses.replace(everything, backbone=backbone, scorer=None)
        return " ".join(examine(evaluation, rendered(shapes(50, 4))).notes)

    ours, theirs = notes(num_features=4), notes(standard=True, num_features=2048, classes=0)
    assert "not the papers' network" in ours and "50,000" in theirs
    assert "FID needs many more pictures than features (2048)" in theirs and "FID" not in ours
    assert "no Inception Score" in theirs and "no Inception Score" not in ours
    assert "no discriminator" in ours
