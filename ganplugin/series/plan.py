"""The plan of a series: every piece with its traits and its graph, found alone and always the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from ganplugin.errors import GanPluginError, InputError
from ganplugin.nodes.graph import Graph
from ganplugin.registry import did_you_mean
from ganplugin.series.collection import TraitValue
from ganplugin.series.drawing import Drawer, Drawn, drawers, natural_edition
from ganplugin.series.file import Output, SeriesFile
from ganplugin.series.naming import PieceFiles, check_names
from ganplugin.series.sources import Sources
from ganplugin.series.targets import Target, find_target, grouped
from ganplugin.series.traits import Choose, Column, Pictures, Range, Sweep, Trait
from ganplugin.series.views import View, find_view

__all__ = ["Piece", "Plan"]

_MOST_CHECKED: Final = 1000
"""Values of one trait that are tried in the graph before anything is rendered; others are tried with their piece."""


@dataclass(frozen=True)
class Piece:
    """One piece: its traits as people see them, and what they change in the graph, by ``NODE.FIELD``."""

    index: int
    traits: Mapping[str, TraitValue]
    changes: Mapping[str, TraitValue]
    named: Mapping[str, TraitValue] = field(repr=False, default_factory=dict)
    """Every trait, those that are not shown too, for file names."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that tells the piece from the others of its series."""
        facts = json.dumps([self.index, dict(self.traits), dict(self.changes)], sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked series: what can be refused was refused. Make one with `Plan.of`."""

    sources: Sources
    candidates: int
    """How many pieces there are: the edition, or those that it is chosen from."""
    kept: int
    """How many of them are to be kept."""
    _drawers: Mapping[str, Drawer] = field(repr=False)
    _targets: Mapping[str, tuple[Target, ...]] = field(repr=False)

    @classmethod
    def of(cls, series: SeriesFile, home: Path) -> Plan:
        """Check a series whole. Raises `InputError`, `FileError` and what graphs raise, naming field and remedy."""
        sources = Sources(series, home)
        graph = sources.graph
        targets = {
            name: tuple(find_target(graph, target, where=f"traits.{name}.set") for target in trait.set)
            for name, trait in series.traits.items()
        }
        kept, candidates = _counts(series, sources)
        plan = cls(sources, candidates, kept, drawers(sources), targets)
        plan._check_targets_once()
        plan._check_values()
        plan._check_single_pieces()
        _ = plan.judged
        check_names(series.outputs, plan.views, plan)
        return plan

    @property
    def series(self) -> SeriesFile:
        """The file that it was made of."""
        return self.sources.series

    @property
    def graph(self) -> Graph:
        """The graph before anything is changed in it."""
        return self.sources.graph

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Where in the graph the pictures of each output come from."""
        outputs = enumerate(self.series.outputs)
        return tuple(find_view(self.graph, output, f"outputs.{number}") for number, output in outputs)

    @cached_property
    def judged(self) -> View:
        """Where in the graph the pictures come from that candidates are judged by."""
        keep = self.series.keep
        if keep is None or not keep.source:
            return self.views[0]
        return find_view(self.graph, Output.model_validate({"from": keep.source}), "keep")

    @cached_property
    def files(self) -> PieceFiles:
        """The files of pieces."""
        return PieceFiles(self.series.outputs, self.views)

    def __len__(self) -> int:
        return self.candidates

    def __iter__(self) -> Iterator[Piece]:
        return (self[index] for index in range(self.candidates))

    def __getitem__(self, index: int) -> Piece:
        if not 0 <= index < self.candidates:
            raise IndexError(index)
        values = self._values(index)
        changes = {
            target.name: target.fitting(values[name].value) for name in values for target in self._targets.get(name, ())
        }
        single = self.series.pieces.get(index, {})
        changes.update((name, value) for name, value in single.items() if name not in values)
        told = {name: drawn.shown for name, drawn in values.items()}
        shown = {name: value for name, value in told.items() if self.series.traits[name].shown}
        return Piece(index, shown, changes, told)

    def graph_of(self, piece: Piece) -> Graph:
        """Return the graph that makes a piece. Raises `GraphError` for a value that does not fit."""
        return self.graph.with_values(grouped(piece.changes.items()))

    def varies(self, name: str) -> bool:
        """Tell whether pieces differ in what they set ``NODE.FIELD`` to."""
        return any(target.name == name for targets in self._targets.values() for target in targets) or any(
            name in single for single in self.series.pieces.values()
        )

    def _values(self, index: int) -> dict[str, Drawn]:
        single = self.series.pieces.get(index, {})
        values: dict[str, Drawn] = {}
        for name, draw in self._drawers.items():
            values[name] = Drawn(single[name], single[name]) if name in single else draw(index, values)
        return values

    def _check_targets_once(self) -> None:
        taken: dict[str, str] = {}
        for name, targets in self._targets.items():
            for target in targets:
                first = taken.setdefault(target.name, name)
                if first != name:
                    raise InputError(f"{target.name} is set by {first} too", where=f"traits.{name}.set")

    def _check_values(self) -> None:
        for name, targets in self._targets.items():
            for value in self._possible(self.series.traits[name], name) if targets else ():
                with _naming(f"traits.{name}"):
                    self.graph.with_values(grouped((target.name, target.fitting(value)) for target in targets))

    def _possible(self, trait: Trait, name: str) -> Iterator[TraitValue]:
        if isinstance(trait, Range):
            yield from (trait.at(0.0), trait.at(1 - 2**-53))
        elif isinstance(trait, Choose):
            yield from (option.value for option in trait.choose[:_MOST_CHECKED])
        elif isinstance(trait, Sweep):
            yield from trait.sweep[:_MOST_CHECKED]
        elif isinstance(trait, (Column, Pictures)):
            yield from (self._values(index)[name].value for index in range(min(self.candidates, _MOST_CHECKED)))
        else:
            yield from {self._values(index)[name].value for index in (0, self.candidates - 1)}

    def _check_single_pieces(self) -> None:
        for index, single in self.series.pieces.items():
            where = f"pieces.{index}"
            if not 0 <= index < self.candidates:
                raise InputError("is no piece of the series", where=where, fix=f"pieces are 0 to {self.candidates - 1}")
            for name in single:
                if name not in self._drawers:
                    self._check_single_target(name, where)
            with _naming(where):
                self.graph_of(self[index])

    def _check_single_target(self, name: str, where: str) -> None:
        if "." not in name:
            raise InputError(f"there is no trait {name!r}", where=where, fix=did_you_mean(name, list(self._drawers)))
        find_target(self.graph, name, where=where)


def _counts(series: SeriesFile, sources: Sources) -> tuple[int, int]:
    """Return how many pieces are kept, and out of how many."""
    if series.keep is None:
        edition = series.edition or natural_edition(sources)
        return edition, edition
    if series.edition is None:
        raise InputError("keep needs an edition: how many are kept", where="edition", fix="add edition: NUMBER")
    if series.keep.of < series.edition:
        raise InputError(f"{series.edition} cannot be kept of {series.keep.of}", where="keep.of")
    return series.edition, series.keep.of


class _naming:  # noqa: N801 - reads like a function
    """Put a place of the series file in front of the place of an error."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, GanPluginError):
            where = ", ".join(part for part in (self._where, error.where) if part)
            raise InputError(error.what, where=where, fix=error.fix) from error
