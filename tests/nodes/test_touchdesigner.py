"""The callbacks of docs/hosts/touchdesigner_callbacks.py in a stand-in that keeps TouchDesigner's documented rules."""

from __future__ import annotations

import importlib.util
import re
import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from ganplugin.nodes import Context, Interpolate, Sample, StyleTransfer
from tests.nodes.kit import load, noise, sequence
from tests.source import ROOT
from tests.tiny_models import tiny_generator

CALLBACKS = ROOT / "docs" / "hosts" / "touchdesigner_callbacks.py"
HERE = Context(device="cpu")


class Par:
    def __init__(self):
        self.val = self.default = self.min = self.max = self.normMin = self.normMax = None
        self.clampMin = self.clampMax = False

    def eval(self):
        return self.val


class Page:
    """A page of custom parameters: names begin with a capital, and every method returns a group."""

    def __init__(self, pars: SimpleNamespace):
        self.pars = pars

    def append(self, name: str, *, label: str) -> tuple[Par]:
        assert re.fullmatch(r"[A-Z][a-z0-9]*", name)
        made = Par()
        setattr(self.pars, name, made)
        return (made,)

    appendStr = appendInt = appendFloat = appendToggle = append


class ScriptTop:
    """A Script TOP: arrays are rows from the bottom, and everything belongs to the thread that made it."""

    def __init__(self, *inputs: np.ndarray | None):
        self.path = "/project1/script1"
        self.par = SimpleNamespace()
        self.inputs = [SimpleNamespace(numpyArray=lambda delayed, pixels=pixels: pixels) for pixels in inputs]
        self.errors: list[str] = []
        self.pixels: np.ndarray | None = None
        self._home = threading.get_ident()

    def appendCustomPage(self, name: str) -> Page:
        return Page(self.par)

    def copyNumpyArray(self, pixels: np.ndarray) -> None:
        assert threading.get_ident() == self._home
        assert pixels.dtype in (np.float32, np.uint8)
        assert pixels.ndim == 3
        assert pixels.shape[2] in (3, 4)
        assert pixels.flags.c_contiguous
        self.pixels = pixels.copy()

    def clearScriptErrors(self) -> None:
        self.errors.clear()

    def addScriptError(self, text: str) -> None:
        self.errors.append(text)

    @property
    def picture(self) -> np.ndarray | None:
        """What is seen: rows from the top."""
        return None if self.pixels is None else self.pixels[::-1]


@pytest.fixture
def td(monkeypatch) -> ModuleType:
    """TouchDesigner's module, whose clock stands still."""
    module = ModuleType("td")
    module.absTime = SimpleNamespace(seconds=0.0)
    monkeypatch.setitem(sys.modules, "td", module)
    return module


@pytest.fixture
def callbacks(td, monkeypatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("touchdesigner_callbacks", CALLBACKS)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def top(callbacks: ModuleType, model: Path, *inputs: np.ndarray | None, **values: object) -> ScriptTop:
    made = ScriptTop(*inputs)
    callbacks.onSetupParameters(made)
    for name, value in {"Model": str(model), "Device": "cpu", "Speed": 0.0, **values}.items():
        getattr(made.par, name).val = value
    return made


def cooked(callbacks: ModuleType, made: ScriptTop) -> ScriptTop:
    """Cook, let the worker come to an end, and cook again, as the next frame does."""
    callbacks.onCook(made)
    settle(callbacks, made)
    callbacks.onCook(made)
    settle(callbacks, made)
    return made


def settle(callbacks: ModuleType, made: ScriptTop) -> None:
    thread = callbacks.WORKERS[made.path].thread
    if thread is not None:
        thread.join(30)
        assert not thread.is_alive()


def test_the_parameters_have_the_ranges_of_the_nodes(callbacks):
    made = ScriptTop()
    callbacks.onSetupParameters(made)
    par = made.par
    assert list(vars(par)) == ["Model", "Device", "Seed", "Speed", "Truncation", "Strength", "Topfirst"]
    assert (par.Truncation.default, par.Truncation.min, par.Truncation.max) == (1.0, -2.0, 2.0)
    assert (par.Strength.default, par.Strength.min, par.Strength.max) == (1.0, 0.0, 1.0)
    assert par.Truncation.clampMin and par.Strength.clampMax
    assert (par.Device.eval(), par.Seed.eval(), par.Topfirst.eval()) == ("auto", 0, False)
    assert all(each.val == each.default for each in vars(par).values())


def test_the_picture_of_a_seed_is_the_headless_one_the_right_way_up(callbacks, models):
    made = cooked(callbacks, top(callbacks, models / "full.onnx", Seed=7, Truncation=0.5))
    wanted = Sample(model=load(models / "full.onnx"), seeds="7", truncation=0.5).run(HERE).images[0]
    assert made.errors == []
    assert np.array_equal(made.picture, wanted)
    made.par.Topfirst.val = True
    assert np.array_equal(cooked(callbacks, made).pixels, wanted)


def test_time_walks_from_seed_to_seed(callbacks, td, models):
    made = top(callbacks, models / "full.onnx", Seed=3, Speed=0.5)
    walk = Interpolate(model=load(models / "full.onnx"), seeds="4,5", frames=121, loop=False, curve="straight")
    frames = walk.run(HERE).images
    for seconds, frame in ((2.0, 0), (2.5, 30), (3.0, 60), (3.99, 119)):
        td.absTime.seconds = seconds
        assert np.allclose(cooked(callbacks, made).picture, frames[frame], atol=1e-6), seconds
    td.absTime.seconds = 4.0
    after = cooked(callbacks, made).picture
    assert np.abs(after - frames[119]).max() < np.abs(after - frames[0]).max() / 10


def test_an_input_is_painted(callbacks, models):
    rgba = np.concatenate([noise(12, 20), np.ones((12, 20, 1), np.float32)], axis=2)
    made = cooked(callbacks, top(callbacks, models / "styles.onnx", rgba[::-1], Strength=0.5))
    painted = StyleTransfer(model=load(models / "styles.onnx"), images=sequence([rgba]), strength=0.5).run(HERE)
    assert made.errors == []
    assert np.array_equal(made.picture, painted.images[0])


def test_nothing_happens_while_the_first_pixels_are_on_their_way(callbacks, models):
    made = top(callbacks, models / "styles.onnx", None)
    callbacks.onCook(made)
    assert callbacks.WORKERS[made.path].thread is None
    assert (made.errors, made.pixels) == ([], None)


def test_a_grey_network_fills_three_channels(callbacks, tmp_path):
    made = cooked(callbacks, top(callbacks, tiny_generator(tmp_path / "grey.onnx", channels="L")))
    assert made.pixels is not None
    assert made.pixels.shape == (8, 8, 3)
    assert np.array_equal(made.pixels[..., 0], made.pixels[..., 2])


def test_an_error_is_shown_in_one_line_over_the_last_picture(callbacks, models):
    made = cooked(callbacks, top(callbacks, models / "full.onnx"))
    before = made.pixels
    made.par.Model.val = "builtin:nothing"
    cooked(callbacks, made)
    assert len(made.errors) == 1
    assert "nothing" in made.errors[0]
    assert "\n" not in made.errors[0]
    assert np.array_equal(made.pixels, before)
    made.par.Model.val = str(models / "full.onnx")
    assert cooked(callbacks, made).errors == []


def test_a_cook_never_waits_and_only_the_newest_request_is_rendered(callbacks, monkeypatch, models):
    begun, may_end, asked = threading.Event(), threading.Event(), []

    def slow(request):
        asked.append(request.seed)
        begun.set()
        assert may_end.wait(30)
        return np.full((2, 2, 3), request.seed / 10, np.float32)

    monkeypatch.setattr(callbacks, "rendered", slow)
    made = top(callbacks, models / "full.onnx", Seed=1)
    callbacks.onCook(made)
    assert begun.wait(30)
    for seed in (2, 3, 4):
        made.par.Seed.val = seed
        callbacks.onCook(made)
        assert made.pixels is None
    may_end.set()
    settle(callbacks, made)
    callbacks.onCook(made)
    assert asked == [1, 4]
    assert made.pixels is not None
    assert np.allclose(made.pixels, 0.4)


def test_the_same_picture_is_rendered_once(callbacks, models, rendered):
    made = top(callbacks, models / "full.onnx", Seed=5)
    for _ in range(3):
        cooked(callbacks, made)
    assert rendered == [1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_in_the_thread_does_not_stop_the_next_picture(callbacks, monkeypatch, models):
    made = top(callbacks, models / "full.onnx", Seed=5)
    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "rendered", lambda request: 1 / 0)
        cooked(callbacks, made)
    assert made.pixels is None
    made.par.Seed.val = 6
    assert cooked(callbacks, made).pixels is not None
