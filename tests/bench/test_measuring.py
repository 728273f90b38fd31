"""What is measured is real work; how long it took is nobody's business here."""

from __future__ import annotations

import numpy as np
import pytest

from ganplugin.bench import Plan, measure
from ganplugin.bench.pipeline import render_to_files
from ganplugin.bench.sweep import affordable, sweep
from ganplugin.bench.versus import compare
from ganplugin.bench.workload import Workload
from ganplugin.errors import Cancelled, FileError, InputError
from ganplugin.manifest import Manifest
from ganplugin.modelfile import write_model
from ganplugin.runtime import RuntimeOptions, forget_models, open_model
from tests.nodes.kit import painting_style
from tests.tiny_models import GraphBuilder, tiny_generator, tiny_scorer, tiny_style, tiny_upscaler

CPU = RuntimeOptions(device="cpu")


@pytest.fixture(autouse=True)
def _fresh_cache():
    forget_models()
    yield
    forget_models()


def quiet(*told):
    pass


def work(path, batch=1, size=(12, 20)):
    return Workload(path, CPU, size, batch)


MODELS = {
    "generator": lambda folder: tiny_generator(folder / "m.onnx"),
    "classes": lambda folder: tiny_generator(folder / "m.onnx", classes=("cat", "dog")),
    "alpha": lambda folder: tiny_generator(folder / "m.onnx", channels="RGBA"),
    "style": lambda folder: tiny_style(folder / "m.onnx", multiple=8),
    "painting": lambda folder: painting_style(folder / "m.onnx"),
    "upscaler": lambda folder: tiny_upscaler(folder / "m.onnx"),
    "scorer": lambda folder: tiny_scorer(folder / "m.onnx"),
    "scorer with classes": lambda folder: tiny_scorer(folder / "m.onnx", classes=("cat", "dog"), channels="L"),
}


@pytest.mark.parametrize("sort", MODELS)
def test_every_sort_of_model_is_measured_from_all_sides(tmp_path, sort):
    stages = []
    path = MODELS[sort](tmp_path)
    plan = Plan(path, "tiny", CPU, (1, 3), seconds=0.1, encoders=2, size=(12, 20))
    found = measure(plan, lambda model: Twin(path), quiet, stages.append)
    assert [*(speed.batch for speed in found.speeds), *found.left_out] == [1, 3]
    for speed in found.speeds:
        assert speed.rounds >= 1
        assert speed.pictures_per_second == pytest.approx(1000 * speed.batch / speed.milliseconds)
        assert 0 < speed.network <= 1
        assert 0 <= speed.conversion < 1
    assert (found.device, found.provider) == ("cpu", "CPUExecutionProvider")
    assert found.digest == open_model(path, CPU).digest
    if found.kind == "scorer":
        assert found.pipeline is None
        assert stages == ["opening", "batches", "PyTorch"]
    else:
        run = found.pipeline
        assert run is not None
        assert (run.batch, run.encoders) == (found.best.batch, 2)
        assert run.pictures >= run.batch
        assert run.bytes_per_picture > 67, "PNG files"
        assert 0 < run.network + run.conversion + run.waiting <= 1
        assert 0 < run.encoding <= 1
        assert stages == ["opening", "batches", "files", "PyTorch"]
    assert {comparison.batch for comparison in found.comparisons} == {1, found.best.batch}
    assert all(comparison.ratio > 0 and comparison.difference == 0 for comparison in found.comparisons)


class Twin:
    """The same model file, as if another program ran it."""

    program = "a twin"

    def __init__(self, path, shift=0.0):
        self.model, self.shift = open_model(path, CPU), shift

    def run(self, feeds):
        output = "score" if self.model.manifest.kind == "scorer" else "image"
        return self.model.run(feeds, [output])[output] + np.float32(self.shift)


def test_batches_differ_and_come_again_the_same(tmp_path):
    path = tiny_generator(tmp_path / "g.onnx")
    first, second = (work(path, 3).run(number) for number in (0, 1))
    assert first is not None
    assert first.shape == (3, 8, 8, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)
    assert np.array_equal(work(path, 3).run(1), second)
    painted = work(tiny_style(tmp_path / "s.onnx"), 2)
    assert painted.run(0).shape == (2, 12, 20, 3)
    assert not np.array_equal(*painted.run(0))


def test_a_model_for_single_pictures_is_measured_one_by_one(tmp_path):
    path = single_generator(tmp_path / "g.onnx")
    found = measure(Plan(path, "tiny", CPU, (1, 2, 4), seconds=0), None, quiet, quiet)
    assert [speed.batch for speed in found.speeds] == [1]
    with pytest.raises(InputError, match="one picture at a time"):
        work(path).of(2)


def single_generator(path):
    """Write a generator whose batch is fixed at 1."""
    build = GraphBuilder()
    build.op("Sigmoid", build.op("Reshape", build.input("z", (1, 12)), build.shape(1, 3, 2, 2)), output="image")
    build.output("image", (1, 3, 2, 2))
    facts = {"kind": "generator", "family": "tiny", "name": "one", "width": 2, "height": 2, "z_dim": 12}
    manifest = Manifest(**facts, single=True, licence="made by the tests", exporter="tests")
    return write_model(build.model(), manifest, path)


def test_sizes_that_would_take_too_long_are_left_out(tmp_path):
    path = tiny_generator(tmp_path / "g.onnx")
    works, left_out = affordable(work(path), (1, 2, 4), seconds=1e-9, check=quiet)
    assert ([one.batch for one in works], left_out) == ([1], [2, 4])
    works, left_out = affordable(work(path), (1, 2, 4), seconds=1e9, check=quiet)
    assert ([one.batch for one in works], left_out) == ([1, 2, 4], [])


def test_at_least_one_round_is_run(tmp_path):
    path = tiny_generator(tmp_path / "g.onnx")
    works = [work(path, batch) for batch in (1, 2)]
    assert [speed.rounds for speed in sweep(works, 0, quiet)] == [1, 1]


@pytest.mark.parametrize("calls", [0, 2, 5])
def test_whoever_asks_to_stop_stops_it(tmp_path, calls):
    left = [calls]

    def check():
        left[0] -= 1
        if left[0] < 0:
            raise Cancelled

    plan = Plan(tiny_generator(tmp_path / "g.onnx"), "tiny", CPU, (1, 2), seconds=60)
    with pytest.raises(Cancelled):
        measure(plan, None, check, quiet)


def test_files_that_cannot_be_written_end_the_render_in_words(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileError):
        render_to_files(work(tiny_generator(tmp_path / "g.onnx"), 4), 1, 0, tmp_path / "file", quiet)


def test_a_render_leaves_few_files_and_waits_for_the_last(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    found = render_to_files(work(tiny_generator(tmp_path / "g.onnx"), 50), 1, 0, folder, quiet)
    assert found.pictures == 50
    assert len(list(folder.iterdir())) == 9, "as many as can be on their way"


def test_another_network_is_no_rival(tmp_path):
    ours, other = tiny_generator(tmp_path / "a.onnx"), tiny_generator(tmp_path / "b.onnx", size=16)
    with pytest.raises(InputError, match=r"^--checkpoint: gives"):
        compare(work(ours), Twin(other), 0, quiet)
    assert compare(work(ours, 2), Twin(ours, 0.25), 0, quiet).difference == pytest.approx(0.25, abs=1e-6)


def test_encoders_take_the_cores_that_the_network_leaves(tmp_path, monkeypatch):
    from ganplugin.bench import measuring

    monkeypatch.setattr(measuring, "usable_processors", lambda: 16)
    path = tiny_generator(tmp_path / "g.onnx")
    plan = Plan(path, "tiny", RuntimeOptions(device="cpu", threads=6))
    assert plan.encoder_threads(open_model(path, plan.options)) == 10
    monkeypatch.setattr(measuring, "usable_processors", lambda: 2)
    assert plan.encoder_threads(open_model(path, plan.options)) == 1
    with pytest.raises(InputError, match="no batch size"):
        measure(Plan(path, "tiny", CPU, ()), None, quiet, quiet)
