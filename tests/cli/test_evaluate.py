from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny_models import tiny_generator, tiny_scorer

pytest.importorskip("torchmetrics")

QUICK = ("--metrics", "kid,copies,spectrum")


@pytest.fixture
def pictures(here, monkeypatch, tmp_path) -> Path:
    """Forty pictures of 8 x 8 pixels in ``data``."""
    import torch

    torch.set_num_threads(1)
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    folder = here / "data"
    folder.mkdir()
    random = np.random.default_rng(0)
    for index in range(40):
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{index}.png")
    return folder


def evaluate(run, model: str, *options: object):
    return run("evaluate", model, "data", "--backbone", "random", "--samples", 20, "--device", "cpu", *options)


def test_numbers_come_with_their_backbone_and_its_limits(run, pictures):
    done = evaluate(run, "plain.onnx")
    assert done.code == 0, done.err
    words = " ".join(done.out.split())
    assert "20 samples against 40 real pictures, perhaps trained on" in words
    for line in ("KID random", "checkerboard pixels", "copies random"):
        assert line in words
    assert "does not say which pictures it never saw" in words
    assert "percentile discriminator" not in words


def test_json_says_all_that_two_evaluations_must_share(run, pictures):
    first, again = (evaluate(run, "plain.onnx", "--json", *QUICK) for _ in range(2))
    assert first.out == again.out
    found = json.loads(first.out)
    assert found["backbone"]["key"] == "random" and len(found["backbone"]["sha256"]) == 64
    assert found["real"]["count"] == 40 and found["real"]["held_out"] is False
    assert found["samples"] == 20 and len(found["nearest"]) == 12
    other = json.loads(evaluate(run, "plain.onnx", "--json", "--seed", 7, *QUICK).out)
    assert other["numbers"]["kid"] != found["numbers"]["kid"]


def test_held_out_pictures_are_the_reference_and_the_others_the_floor(run, pictures):
    found = json.loads(evaluate(run, "plain.onnx", "--json", "--held-out", 0.5, *QUICK).out)
    assert found["real"]["held_out"] is True and 16 <= found["real"]["count"] <= 24
    assert "kid" in found["training_pictures_in_their_place"]
    assert "nearest_ratio" in found["numbers"]
    assert any("taken from the options" in note for note in found["notes"])


def test_training_pictures_may_lie_elsewhere(run, pictures, here):
    found = json.loads(evaluate(run, "plain.onnx", "--json", "--training", here / "data", *QUICK).out)
    assert found["real"]["held_out"] is True and found["real"]["count"] == 40
    both = evaluate(run, "plain.onnx", "--training", here / "data", "--held-out", 0.5)
    assert both.code == 2 and "exclude each other" in both.err


def test_a_scorer_beside_the_model_gives_percentiles(run, pictures, here):
    tiny_generator(here / "made.onnx", w_space=False, noise=False)
    tiny_scorer(here / "made-scorer.onnx", size=8)
    found = json.loads(evaluate(run, "made.onnx", "--metrics", "percentile", "--json").out)
    assert len(found["percentiles"]) == 20
    assert found["numbers"]["percentile"] == pytest.approx(np.mean(found["percentiles"]), abs=0.01)


@pytest.mark.parametrize("model", ["full.onnx", "alpha.onnx", "classes.onnx"])
def test_every_sort_of_generator_is_measured(run, pictures, model):
    done = evaluate(run, model, "--metrics", "kid,spectrum", "--json")
    assert done.code == 0, done.err
    assert set(json.loads(done.out)["numbers"]) == {"kid", "kid_std", "spectrum", "sharpness", "checkerboard"}


def test_truncation_changes_the_pictures(run, pictures):
    full, mean = (
        json.loads(evaluate(run, "full.onnx", "--metrics", "diversity", "--truncation", psi, "--json").out)
        for psi in (1.0, 0.1)
    )
    assert mean["numbers"]["diversity"] < 0.5 * full["numbers"]["diversity"]


def test_a_report_is_a_page_or_a_picture_and_replaces_nothing_unasked(run, pictures, here):
    for name, start in (("report.html", b"<!DOCTYPE html>"), ("report.png", b"\x89PNG")):
        assert evaluate(run, "plain.onnx", "--report", name, *QUICK).code == 0
        assert (here / name).read_bytes().startswith(start)
        refused = evaluate(run, "plain.onnx", "--report", name, *QUICK)
        assert refused.code == 3 and "exists already" in refused.err
        assert evaluate(run, "plain.onnx", "--report", name, "--overwrite", *QUICK).code == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--metrics", "kdi"), 2, "no metric 'kdi'"),
        (("--report", "report.txt"), 2, ".html or a .png"),
        (("--scorer", "plain.onnx"), 2, "scorer is needed"),
        (("--training", "nowhere"), 3, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, pictures, options, code, words):
    done = evaluate(run, "plain.onnx", *options)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_only_generators_are_measured(run, pictures):
    done = evaluate(run, "styles.onnx")
    assert done.code == 2 and "generator is needed" in done.err


def test_a_model_that_says_what_it_held_out_is_measured_against_just_that(run, pictures, here):
    from ganplugin.cli.evaluated import sides_of
    from ganplugin.modelfile import read_manifest

    manifest = read_manifest(here / "plain.onnx")
    stated = {"held_out": 0.25, "held_out_seed": 3}
    sides = sides_of(manifest.model_copy(update={"training": stated}), (pictures,), (), None, "crop")
    whole = sides_of(manifest, (pictures,), (), None, "crop").reference
    expected = whole.split(0.25, 3)
    assert (sides.reference.digest, sides.training.digest) == (expected[1].digest, expected[0].digest)
    assert "does not say what it was trained on" in sides.note
    known = stated | {"data_sha256": whole.digest}
    assert sides_of(manifest.model_copy(update={"training": known}), (pictures,), (), None, "crop").note is None
    all_of_it = {"held_out": 0.0, "held_out_seed": 0, "data_sha256": whole.digest}
    none = sides_of(manifest.model_copy(update={"training": all_of_it}), (pictures,), (), None, "crop")
    assert none.training is None and "trained on just these pictures" in none.note
    other = stated | {"data_sha256": "0" * 64}
    assert "not quite" in sides_of(manifest.model_copy(update={"training": other}), (pictures,), (), None, "crop").note
    pieces = other | {"held_out_of": "pieces"}
    cut = sides_of(manifest.model_copy(update={"training": pieces}), (pictures,), (), None, "crop")
    assert cut.training is None and cut.reference.digest == whole.digest and "trained on pieces" in cut.note
