"""Pieces that cannot be made: noted and told, while the others are made; made once what was wrong is mended."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from onnx import TensorProto, helper

from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from ganplugin.series.entries import Failed
from tests.faults.killing import assert_undisturbed, done, entries
from tests.faults.test_changes import PHOTOS
from tests.nodes.kit import save
from tests.tiny_models import GraphBuilder

EACH_PHOTO = {"Photo": {"set": "photo.path", "pictures": "photos"}}


def failed(folder) -> dict[int, str]:
    """Return the pieces whose last line says that they could not be made, and why."""
    last = {entry.piece: entry for entry in entries(folder)}
    return {piece: entry.error for piece, entry in last.items() if isinstance(entry, Failed)}


@pytest.mark.parametrize("workers", [(), ("--workers", "2")])
def test_a_bad_picture_costs_its_own_pieces_alone(here, run, write, workers):
    write(edition=9, graph=PHOTOS, traits=EACH_PHOTO)
    good = (here / "photos" / "bee.png").read_bytes()
    (here / "photos" / "bee.png").write_bytes(good[: len(good) // 2])
    ended = run("render", "tides.yaml", "--json", *workers)
    assert ended.code == 11
    assert set(failed(here / "tides")) == {1, 4, 7}
    told = json.loads(ended.out)
    assert (told["made"], told["wanted"], set(told["failed"])) == (6, 9, {"1", "4", "7"})
    assert "3 pieces could not be made, such as 1: node photo (GanPluginLoadImages)" in ended.err
    assert "mend that, then add --retry-failed" in ended.err
    again = run("render", "tides")  # nothing has changed: not even tried
    assert again.code == 11
    assert len(entries(here / "tides")) == 9

    (here / "photos" / "bee.png").write_bytes(good)
    ended = run("render", "tides", "--retry-failed", "--json")
    assert ended.code == 0
    assert (json.loads(ended.out)["made"], json.loads(ended.out)["there"]) == (3, 6)
    assert Counter(done(here / "tides")) == Counter(range(9))
    assert run("render", "tides.yaml", "--out", "whole").code == 0
    assert_undisturbed(here / "tides", here / "whole")


def test_a_missing_picture_is_a_failure_like_others(here, run, write):
    write(
        edition=3, graph=PHOTOS, traits={"Photo": {"set": "photo.path", "sweep": ["photos/ant.png", "photos/no.png"]}}
    )
    assert run("render", "tides.yaml").code == 11
    assert done(here / "tides") == [0, 2]
    save(here / "photos" / "no.png", 6, 6)
    assert run("render", "tides", "--retry-failed").code == 0


def test_a_value_that_the_network_refuses_is_a_failure_of_its_piece(here, run, write):
    """Two sizes of pictures in one film: only a run can tell."""
    save(here / "films" / "even" / "0.png", 6, 6)
    save(here / "films" / "even" / "1.png", 6, 6)
    save(here / "films" / "odd" / "0.png", 6, 6)
    save(here / "films" / "odd" / "1.png", 8, 8)
    write(
        edition=4,
        graph={"photo": PHOTOS["photo"]},
        traits={"Film": {"set": "photo.path", "sweep": ["films/even", "films/odd"]}},
        outputs=[{"write": "film", "formats": ["gif"]}],
    )
    assert run("render", "tides.yaml").code == 11
    assert sorted(done(here / "tides")) == [0, 2]
    assert all("differ in size" in error for error in failed(here / "tides").values())
    assert sorted(path.name for path in (here / "tides" / "pieces").iterdir()) == ["00000.gif", "00002.gif"]


def brittle_generator(path):
    """Write a generator whose pictures are NaN where its first number is below 0: the square root of that."""
    build = GraphBuilder()
    z = build.input("z", ("batch", 4))
    root = build.op("Sqrt", build.op("Slice", z, build.shape(0), build.shape(1), build.shape(1)))
    ones = build.constant(np.full((1, 3 * 8 * 8), 0.3, np.float32))
    build.op("Reshape", build.op("Mul", root, ones), build.shape(-1, 3, 8, 8), output="image")
    build.outputs.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, ("batch", 3, 8, 8)))
    manifest = Manifest(
        kind="generator", family="tiny", name="brittle", channels="RGB", width=8, height=8, z_dim=4,
        licence="made by the tests", exporter="tests",
    )  # fmt: skip
    return write_model(build.model(), manifest, path)


@pytest.mark.parametrize("keep", [None, {"of": 12}])
def test_pictures_that_are_no_numbers_are_failures(here, run, write, keep):
    brittle_generator(here / "brittle.onnx")
    nodes = {
        "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": "brittle.onnx"}},
        "make": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0]}},
    }
    seeds = {"Seed": {"set": "make.seeds", "seeds": "0-11", "in_order": True}}
    write(edition=3 if keep else 12, graph=nodes, traits=seeds, keep=keep)
    bad = {seed for seed in range(12) if np.random.RandomState(seed).randn(1, 4)[0, 0] < 0}
    assert 0 < len(bad) < 9
    ended = run("render", "tides.yaml", "--batch", "4")
    assert ended.code == 11
    assert set(failed(here / "tides")) == bad
    assert f"{len(bad)} pieces could not be made" in ended.err
    assert "the picture holds NaN values" in ended.err
    assert len(done(here / "tides")) == (3 if keep else 12 - len(bad))


def test_scores_that_are_no_numbers_are_failures(here, run, write):
    build = GraphBuilder()
    image = build.input("image", ("batch", 3, 8, 8))
    build.op("Sqrt", build.op("ReduceMin", build.op("Neg", image), build.shape(1, 2, 3), keepdims=0), output="score")
    build.outputs.append(helper.make_tensor_value_info("score", TensorProto.FLOAT, ("batch",)))
    manifest = Manifest(
        kind="scorer", family="tiny", name="odd", channels="RGB", width=8, height=8, licence="-", exporter="tests"
    )
    write_model(build.model(), manifest, here / "odd.onnx")
    write(edition=1, keep={"of": 3, "by": "odd.onnx"})
    ended = run("render", "tides.yaml")
    assert ended.code == 11
    assert "odd.onnx: gives scores that are no numbers - use another scorer" in ended.err


def test_a_series_whose_first_twenty_pieces_all_fail_stops(here, run, write):
    write(edition=60, graph=PHOTOS, traits=EACH_PHOTO)
    for path in (here / "photos").iterdir():
        path.write_bytes(b"no picture")
    ended = run("render", "tides.yaml")
    assert ended.code == 11
    assert "the first 20 pieces all failed, the last with: " in ended.err
    assert ended.err.rstrip().endswith("mend that, then add --retry-failed")
    assert len(entries(here / "tides")) == 20


def test_failures_of_an_earlier_run_do_not_end_the_next(here, run, write):
    """They were counted among its first twenty, of which one failed."""
    for number in range(25):
        (here / "photos" / f"{number:02}.png").write_bytes(b"no picture")
    good = sorted(path for path in (here / "photos").iterdir() if not path.name[0].isdigit())
    write(edition=60, graph=PHOTOS, traits=EACH_PHOTO)
    assert run("render", "tides.yaml", "--pieces", "0-18").code == 11
    assert run("render", "tides.yaml", "--pieces", "25-47").code == 11  # the first three are good
    assert run("render", "tides.yaml", "--pieces", "48-59").code == 11
    assert len(good) == 3
    assert len(entries(here / "tides")) == 19 + 23 + 12
    assert len(done(here / "tides")) == 6
