"""A style network at work on one picture after another, tile by tile."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ganplugin.tiling.graph import CONTENT, IMAGE, PictureGraph, read_graph
from ganplugin.tiling.maps import Map
from ganplugin.tiling.scratch import MapFile, check_room
from ganplugin.tiling.segments import Segment, build_segment, constants_model
from ganplugin.tiling.stages import Stage, plan_stages
from ganplugin.tiling.statistics import GATHERERS, Gatherer
from ganplugin.tiling.windows import Window, tiles

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = ["Plan", "Run", "TilePainter"]

Array = NDArray[Any]
Run = Callable[[Mapping[str, Array], Sequence[str]], list[Array]]
Progress = Callable[[int, int], None]
Show = Callable[[slice, slice, Array], None]

_TILE_BYTES: Final = 128 * 2**20
_ROWS_A_MARGIN: Final = 8
_PLANS: Final = 2
_FLOAT_BYTES: Final = 4


class Engine(Protocol):
    """Opens models given as bytes."""

    def __call__(self, content: bytes) -> Run:
        """Return what runs the model."""


@dataclass(frozen=True)
class Plan:
    """A network read for one picture size, and the models of its stages as far as they were needed."""

    graph: PictureGraph
    stages: tuple[Stage, ...]
    segments: dict[int, Segment] = field(default_factory=dict)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the painting."""
        image = self.graph.maps[IMAGE]
        return image.height, image.width

    @cached_property
    def last_use(self) -> Mapping[str, int]:
        """The number of the last stage that reads each kept map."""
        return {name: index for index, stage in enumerate(self.stages) for name in stage.sources}

    @cached_property
    def room(self) -> int:
        """The most bytes on disk that the maps between the stages take at one time."""
        maps, last = self.graph.maps, self.last_use
        sizes = {name: _FLOAT_BYTES * math.prod(maps[name].shape) for stage in self.stages for name in stage.kept}
        first = {name: index for index, stage in enumerate(self.stages) for name in stage.kept}
        alive = ([n for n in sizes if first[n] <= index <= last.get(n, index)] for index in range(len(self.stages)))
        return max(sum(sizes[name] for name in names) for names in alive)

    @cached_property
    def constants(self) -> tuple[str, ...]:
        """The numbers that depend on the optional inputs alone."""
        known, gathered = self.graph.known, {name for r in self.graph.reductions for name in r.names}
        return tuple({n: None for s in self.stages for n in s.numbers if n not in known and n not in gathered})


class TilePainter:
    """Paints pictures with the style network of one model file. Safe to use from many threads, which take turns."""

    def __init__(self, load: Callable[[], ModelProto], engine: Engine, folder: Path) -> None:
        self._load = load
        self._engine = engine
        self._folder = folder
        self._plans: OrderedDict[object, Plan] = OrderedDict()
        self._lock = threading.RLock()

    @cached_property
    def _proto(self) -> ModelProto:
        return self._load()

    def plan(self, size: tuple[int, int], inputs: Mapping[str, Array]) -> Plan:
        """Read the network for pictures of a size (height, width). Raises `Uncuttable` if tiles cannot follow it."""
        key = size, tuple((name, value.shape) for name, value in sorted(inputs.items()))
        with self._lock:
            if key not in self._plans:
                graph = read_graph(self._proto, size, self._inputs(inputs), self._evaluate)
                self._plans[key] = Plan(graph, plan_stages(graph))
                while len(self._plans) > _PLANS:
                    self._plans.popitem(last=False)
            return self._plans[key]

    def paint(
        self,
        read: Callable[[slice, slice], Array],
        size: tuple[int, int],
        inputs: Mapping[str, Array],
        show: Show,
        side: int,
        progress: Progress,
    ) -> None:
        """Paint a picture.

        ``read`` gives rows and columns of the picture, of ``size`` (height, width), as [1, 3, h, w]; ``inputs`` are the
        network's optional ones; ``show`` gets rows and columns of the painting, and what is there, [c, h, w];
        ``side`` is that of the tiles in pixels, 0 to choose; ``progress`` is told how many tiles of how many are done,
        and may raise to end the work.
        """
        with self._lock, ExitStack() as closing:
            plan = self.plan(size, inputs)
            check_room(self._folder, plan.room)
            work = _Work(self, plan, read, show, side, progress, closing, self._folder)
            work.numbers.update(self._constants(plan, inputs))
            work.run()

    def _inputs(self, given: Mapping[str, Array]) -> dict[str, Array]:
        from onnx import numpy_helper

        optional = {value.name for value in self._proto.graph.input} - {CONTENT}
        defaults = (tensor for tensor in self._proto.graph.initializer if tensor.name in optional)
        return {**{tensor.name: numpy_helper.to_array(tensor) for tensor in defaults}, **given}

    def _constants(self, plan: Plan, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the numbers that depend on the optional inputs alone, a style picture's statistics for example."""
        given = self._inputs(inputs)
        wanted = [name for name in plan.constants if name not in given]
        nodes = plan.graph.constant_nodes(wanted)
        return {**given, **dict(zip(wanted, self._evaluate(nodes, {**plan.graph.known, **given}, wanted), strict=True))}

    def _evaluate(self, nodes: Sequence[NodeProto], known: Mapping[str, Array], wanted: Sequence[str]) -> list[Array]:
        if not wanted:
            return []
        return self._engine(constants_model(self._proto, nodes, known, wanted))({}, wanted)

    def open_stage(self, plan: Plan, index: int, types: Mapping[str, Any]) -> tuple[Segment, Run]:
        """Return a stage's model, opened anew: an open one holds on to the memory of its last run."""
        if index not in plan.segments:
            plan.segments[index] = build_segment(self._proto, plan.graph, plan.stages[index], types)
        return plan.segments[index], self._engine(plan.segments[index].content)


def _sides(stage: Stage, width: int) -> tuple[int, int]:
    """Return the height and width of tiles that need little memory, and little work for their margins.

    As wide as that allows: rows that lie together in a file are faster to read and write than many short ones.
    """
    area = _TILE_BYTES / (4 * stage.weight)
    least = max(stage.align, _ROWS_A_MARGIN * (stage.before + stage.after))
    wide = min(width, max(stage.align, int(area / least)))
    return max(least, int(area / wide)), wide


@dataclass
class _Work:
    """One picture being painted."""

    painter: TilePainter
    plan: Plan
    read: Callable[[slice, slice], Array]
    show: Show
    side: int
    progress: Progress
    closing: ExitStack
    folder: Path
    numbers: dict[str, Array] = field(default_factory=dict)
    files: dict[str, MapFile] = field(default_factory=dict)
    done: int = 0

    def run(self) -> None:
        total = sum(len(self._tiles(stage)) for stage in self.plan.stages)
        self.progress(0, total)
        for index, stage in enumerate(self.plan.stages):
            gathered = [GATHERERS[reduction.kind]() for reduction in stage.reductions]
            segment, run = self.painter.open_stage(self.plan, index, self._types(stage))
            for tile in self._tiles(stage):
                self._paint_tile(stage, segment, run, tile, gathered)
                self.done += 1
                self.progress(self.done, total)
            del run
            self._conclude(stage, gathered)
            self._release(index)

    def _tiles(self, stage: Stage) -> list[Window]:
        graph = self.plan.graph
        sides = (self.side, self.side) if self.side else _sides(stage, graph.width)
        return list(tiles((graph.height, graph.width), sides, stage.align))

    def _types(self, stage: Stage) -> dict[str, Any]:
        numbers = {name: self.numbers[name].dtype for name in stage.numbers if name in self.numbers}
        sources = {name: self.files[name].dtype for name in stage.sources if name in self.files}
        return {CONTENT: np.dtype(np.float32), **numbers, **sources}

    def _paint_tile(self, stage: Stage, segment: Segment, run: Run, tile: Window, gathered: list[Gatherer]) -> None:
        window = tile.grown(stage.before, stage.after, stage.align)
        feeds = {name: self._window(name, window) for name in stage.sources}
        feeds |= {name: self.numbers[name] for name in segment.numbers}
        feeds |= {name: make(window) for name, make in segment.fittings.items()}
        names = list(dict.fromkeys(segment.outputs.values()))
        made = dict(zip(names, run(feeds, names), strict=True))
        del feeds
        cores = {name: self._core(name, made[output], tile, window) for name, output in segment.outputs.items()}
        for reduction, gatherer in zip(stage.reductions, gathered, strict=True):
            gatherer.add(cores[reduction.source])
        for name in stage.kept:
            self._keep(name, cores[name], tile)
        if stage.paints:
            self.show(*tile.under(self._map(IMAGE)), cores[IMAGE])

    def _map(self, name: str) -> Map:
        return self.plan.graph.maps[name]

    def _window(self, name: str, window: Window) -> Array:
        rows, columns = window.under(self._map(name))
        if name == CONTENT:
            return self.read(rows, columns)
        return self.files[name].read(rows, columns)

    def _core(self, name: str, made: Array, tile: Window, window: Window) -> Array:
        """Return the part of a result that the tile is responsible for, as [channels, h, w]."""
        rows, columns = tile.inside(window, self._map(name))
        part: Array = made[0, :, rows, columns]
        return part

    def _keep(self, name: str, core: Array, tile: Window) -> None:
        if name not in self.files:
            self.files[name] = MapFile(self._map(name), core.dtype, self.folder)
            self.closing.callback(self.files[name].close)
        rows, columns = tile.under(self._map(name))
        self.files[name].write(rows, columns, core)

    def _conclude(self, stage: Stage, gathered: list[Gatherer]) -> None:
        for reduction, gatherer in zip(stage.reductions, gathered, strict=True):
            groups = reduction.rows or self._map(reduction.source).channels
            for name, values in zip(reduction.names, gatherer.found(groups), strict=True):
                self.numbers[name] = values.astype(np.float32).reshape(reduction.shape)

    def _release(self, index: int) -> None:
        for name in [name for name in self.files if self.plan.last_use.get(name, -1) <= index]:
            self.files.pop(name).close()
