"""Callbacks of a TouchDesigner Script TOP that shows a model's pictures: docs/hosts/touchdesigner.md tells its use.

With a generator the TOP walks from seed to seed; with a style network it paints its first input. Pictures are rendered
in a thread: a cook only fetches the newest one that is done and says what is wanted next, and never waits.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import td  # TouchDesigner's own module: the clock

from ganplugin.errors import GanPluginError
from ganplugin.nodes import Context, Images, Interpolate, LoadModel, Sample, StyleTransfer
from ganplugin.nodes.ports import inputs_of
from ganplugin.nodes.values import Origin, Recipe

PAGE = "GAN"
STEPS = 120
"""Pictures between one seed and the next: the finest that a walk is cut."""

WORKERS: dict[str, Worker] = {}
"""One worker an operator, by its path."""


def onSetupParameters(scriptOp: Any) -> None:
    """Make the parameters, with the ranges and defaults of the nodes. The button Setup Parameters calls this."""
    page = scriptOp.appendCustomPage(PAGE)
    model = page.appendStr("Model", label="Model")[0]
    model.default = model.val = "builtin:icons"
    device = page.appendStr("Device", label="Device")[0]
    device.default = device.val = default_of(LoadModel, "device")
    number(page.appendInt("Seed", label="Seed")[0], default_of(Sample, "seed"), 0, 999)
    number(page.appendFloat("Speed", label="Seeds a Second")[0], 0.25, 0, 4)
    for kind, name in ((Sample, "truncation"), (StyleTransfer, "strength")):
        port = next(port for port in inputs_of(kind) if port.name == name)
        parameter = page.appendFloat(name.title(), label=name.title())[0]
        number(parameter, port.default, port.least, port.most)
        parameter.min, parameter.max, parameter.clampMin, parameter.clampMax = port.least, port.most, True, True
    top_first = page.appendToggle("Topfirst", label="Rows from the Top")[0]
    top_first.default = top_first.val = False


def onPulse(par: Any) -> None:
    """Do nothing: there are no pulse parameters."""


def onCook(scriptOp: Any) -> None:
    """Show the newest picture that is done, and ask for the next one."""
    worker = WORKERS.setdefault(scriptOp.path, Worker())
    request = wanted(scriptOp, td.absTime.seconds)  # reading the clock makes the TOP cook in every frame
    if request is not None:
        worker.ask(request)
    picture, error = worker.shown
    scriptOp.clearScriptErrors()
    if error:
        scriptOp.addScriptError(error)
    if picture is not None:
        scriptOp.copyNumpyArray(turned(picture, scriptOp.par.Topfirst.eval()))


@dataclass(frozen=True)
class Wanted:
    """One picture, in plain values: nothing of TouchDesigner may be touched outside of its own thread."""

    model: str
    device: str
    seed: int
    step: int
    truncation: float
    strength: float
    content: np.ndarray | None = field(default=None, compare=False)  # float32 [h, w, 4], 0..1, top row first


def wanted(scriptOp: Any, seconds: float) -> Wanted | None:
    """Read the parameters and, where there is one, the input; None while its first pixels are on their way."""
    par = scriptOp.par
    pixels = scriptOp.inputs[0].numpyArray(delayed=True) if scriptOp.inputs else None
    if scriptOp.inputs and pixels is None:
        return None
    distance = par.Speed.eval() * seconds
    step = math.floor((distance - math.floor(distance)) * STEPS)
    return Wanted(
        model=par.Model.eval(),
        device=par.Device.eval(),
        seed=par.Seed.eval() + math.floor(distance),
        step=step,
        truncation=par.Truncation.eval(),
        strength=par.Strength.eval(),
        content=None if pixels is None else turned(pixels, par.Topfirst.eval()).clip(0, 1),
    )


class Worker:
    """Renders in a thread that lives as long as there is work: of all that was asked meanwhile, the newest alone."""

    def __init__(self) -> None:
        self.shown: tuple[np.ndarray | None, str] = (None, "")
        self.thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._waiting: Wanted | None = None
        self._last: Wanted | None = None

    def ask(self, request: Wanted) -> None:
        """Put a request in the place of the one that waits. Asking for the picture that is shown costs nothing."""
        with self._lock:
            if request == self._last and request.content is None:
                return
            self._waiting = self._last = request
            if self.thread is None or not self.thread.is_alive():
                self.thread = threading.Thread(target=self._work, name="ganplugin", daemon=True)
                self.thread.start()

    def _work(self) -> None:
        while (request := self._next()) is not None:
            try:
                self.shown = (rendered(request), "")
            except GanPluginError as error:
                self.shown = (self.shown[0], str(error))

    def _next(self) -> Wanted | None:
        with self._lock:
            request, self._waiting = self._waiting, None
            if request is None:
                self.thread = None
            return request


def rendered(request: Wanted) -> np.ndarray:
    """Return the picture as float32 [h, w, 3|4], 0..1, top row first. Raises `GanPluginError` in words."""
    here = Context(device=request.device)
    model = LoadModel(model=request.model).run(here).model
    if request.content is not None:
        images = in_memory(request.content)
        made = StyleTransfer(model=model, images=images, strength=request.strength).run(here).images[0]
    elif request.step == 0:
        made = Sample(model=model, seeds=str(request.seed), truncation=request.truncation).run(here).images[0]
    else:
        seeds = f"{request.seed},{request.seed + 1}"
        walk = Interpolate(
            model=model, seeds=seeds, frames=STEPS + 1, loop=False, curve="straight", truncation=request.truncation
        )
        made = walk.run(here).images[request.step]
    return np.repeat(made, 3, axis=2) if made.shape[2] == 1 else made


def in_memory(picture: np.ndarray) -> Images:
    """Return one picture as the sequence that nodes take."""
    recipe = Recipe("TouchDesigner")
    return Images(1, lambda start, stop: [picture], lambda index: Origin(recipe), recipe)


def turned(pixels: np.ndarray, top_first: bool) -> np.ndarray:
    """Turn rows from TouchDesigner's order, which begins at the bottom, into ours or back."""
    return np.ascontiguousarray(pixels if top_first else pixels[::-1])


def number(parameter: Any, default: float, least: float, most: float) -> None:
    """Give a parameter its default and the range of its slider."""
    parameter.default = parameter.val = default
    parameter.normMin, parameter.normMax = least, most


def default_of(kind: type, name: str) -> Any:
    """Return the default of a node's input."""
    return next(port.default for port in inputs_of(kind) if port.name == name)
