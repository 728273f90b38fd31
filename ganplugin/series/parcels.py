"""The files that pieces are made of, made ready for workers that cannot see the series' folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ganplugin.errors import FileError, GanPluginError, InputError
from ganplugin.library import BUILTIN_PREFIX, portable_name, resolve_model, split_style
from ganplugin.nodes.base import Node
from ganplugin.nodes.context import Context, Folders
from ganplugin.nodes.core_nodes import LoadImage, found_picture
from ganplugin.nodes.latent_files import LoadLatents, found_latents
from ganplugin.nodes.load_images import LoadImages, distinct_names, found_files
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.load_video import LoadVideo, found_film
from ganplugin.series.collection import TraitValue
from ganplugin.series.plan import Piece
from ganplugin.series.targets import grouped
from ganplugin.series.workshop import Job, Setup

__all__ = ["READERS", "Packed", "Parcel", "Parcels"]


@dataclass(frozen=True)
class Parcel:
    """A file, and its place below the folder that a worker has in place of the series' own.

    ``lasts`` says that many pieces need it: it is sent to a worker once. Others go with each piece that needs them.
    """

    place: str
    path: Path
    lasts: bool


@dataclass(frozen=True)
class Packed:
    """A job that names files as workers have them, and those files."""

    job: Job
    parcels: tuple[Parcel, ...]


_Found = tuple[str, list[tuple[str, Path]]]
_Reader = Callable[[str, Folders], _Found]


class Parcels:
    """Finds the files that a series names, as its nodes would here, and gives each a place at the workers.

    Its place is the name that recipes call it by, so that a piece has the same bytes wherever it was made.
    """

    def __init__(self, setup: Setup) -> None:
        self._folders = setup.context(Context()).folders
        self._readers = {
            f"{call.id}.{READERS[call.kind][0]}": READERS[call.kind][1]
            for call in setup.graph.calls.values()
            if call.kind in READERS
        }
        self._taken: dict[str, Path] = {}
        self.lasting: tuple[Parcel, ...] = ()
        self.setup = self._packed_setup(setup)

    def pack(self, job: Job) -> Packed:
        """Return a job as workers understand it. Raises `InputError` if two files would have one place."""
        parcels: dict[str, Parcel] = {}
        pieces = tuple(self._packed_piece(piece, parcels) for piece in job.pieces)
        return Packed(Job(job.task, pieces), tuple(parcels.values()))

    def _packed_setup(self, setup: Setup) -> Setup:
        parcels: dict[str, Parcel] = {}
        values = {
            name: setup.graph.calls[node].values[field]
            for name in self._readers
            for node, _, field in (name.rpartition("."),)
            if field in setup.graph.calls[node].values
        }
        changes = self._changed(values, parcels, lasts=True)
        series, keep = setup.series, setup.series.keep
        if keep is not None and keep.by:
            by, files = _model(keep.by, self._folders)
            self._add(files, parcels, lasts=True)
            series = series.model_copy(update={"keep": keep.model_copy(update={"by": by})})
        self.lasting = tuple(parcels.values())
        return replace(setup, series=series, graph=setup.graph.with_values(grouped(changes.items())))

    def _packed_piece(self, piece: Piece, parcels: dict[str, Parcel]) -> Piece:
        changes = self._changed(piece.changes, parcels, lasts=False)
        return replace(piece, changes={**piece.changes, **changes}) if changes else piece

    def _changed(
        self, values: Mapping[str, TraitValue], parcels: dict[str, Parcel], *, lasts: bool
    ) -> dict[str, TraitValue]:
        changes: dict[str, TraitValue] = {}
        for name, value in values.items():
            reader = self._readers.get(name)
            if reader is None or not isinstance(value, str):
                continue
            try:
                changes[name], files = reader(value, self._folders)
            except GanPluginError:
                continue  # the worker meets the same trouble, and tells it of the piece alone
            self._add(files, parcels, lasts=lasts or reader is _model)
        return changes

    def _add(self, files: Iterable[tuple[str, Path]], parcels: dict[str, Parcel], *, lasts: bool) -> None:
        for place, path in files:
            if self._taken.setdefault(place, path) != path:
                raise InputError(
                    f"and {self._taken[place]} are both called {place} in recipes",
                    where=path,
                    fix="rename one, or add --shared if workers see your folders",
                )
            parcels[place] = Parcel(place, path, lasts)


def _model(value: str, folders: Folders) -> _Found:
    if value.startswith(BUILTIN_PREFIX):
        return value, []
    found = resolve_model(value, folders.models)
    place = split_style(found.name)[0] if found.style else found.name
    return found.name, [(place, found.path.absolute())]


def _pictures(value: str, folders: Folders) -> _Found:
    found = found_files(value, folders.inputs)
    names = distinct_names(found)
    if any("\n" in name for name in names):
        raise InputError("has a line break in its name", where=value, fix="rename it")
    return "\n".join(names), [(name, file.absolute()) for name, (file, _) in zip(names, found, strict=True)]


def _one(find: Callable[[str, Folders], tuple[Path, Path | None]]) -> _Reader:
    def read(value: str, folders: Folders) -> _Found:
        path, home = find(value, folders)
        if not path.is_file():
            raise FileError("there is no such file", where=value)
        name = portable_name(path, home)
        return name, [(name, path.absolute())]

    return read


READERS: Final[dict[type[Node], tuple[str, _Reader]]] = {
    LoadModel: ("model", _model),
    LoadImages: ("path", _pictures),
    LoadVideo: ("path", _one(lambda value, folders: found_film(value, folders.inputs))),
    LoadImage: ("image", _one(found_picture)),
    LoadLatents: ("path", _one(found_latents)),
}
"""The nodes that read files, the input that names them, and how it does."""
