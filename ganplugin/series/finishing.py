"""What lies beside the pieces when a series is rendered: the gallery, sheets for print, metadata, a table of traits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ganplugin.files import os_errors
from ganplugin.nodes.context import Context
from ganplugin.series.collection import Collection, Work
from ganplugin.series.entries import Done, Entry, Failed, Judged
from ganplugin.series.file import SeriesFile
from ganplugin.series.folder import SeriesFolder
from ganplugin.series.gallery import write_gallery
from ganplugin.series.metadata import write_metadata, write_traits_table
from ganplugin.series.plan import Plan
from ganplugin.series.sheets import write_sheets
from ganplugin.series.storage import Storage

__all__ = ["collection_of", "publish", "write_pages"]


def write_pages(plan: Plan, folder: SeriesFolder, kept: Sequence[int], context: Context) -> tuple[Path, ...]:
    """Write, or write again, all that the series asks for beside its pieces; return what people may want to open.

    Of the pieces those are shown that are on disk and among ``kept``. Nothing is written while there are none.
    """
    collection = collection_of(plan, folder, kept)
    if not collection.works:
        return ()
    series, pages = plan.series, [write_traits_table(collection, folder.path)]
    if series.metadata is not None:
        base = series.metadata.image_base
        with context.reporter.task("Metadata", len(collection.works)) as done:
            pages.append(write_metadata(collection, folder.path, base=base, report=lambda n, of: done(n)))
    if series.sheets is not None and folder.store:
        context.reporter.message("no contact sheets: they are made of files in the folder, and these are in a store")
    elif series.sheets is not None:
        pages += _sheets(series, collection, folder.path, context)
    if series.gallery:
        pages.append(write_gallery(collection, folder.path))
    return tuple(reversed(pages))


def publish(pages: Sequence[Path], folder: SeriesFolder, storage: Storage) -> None:
    """Copy pages to where the pieces are, if that is not the folder: they name them by relative paths."""
    if not folder.store:
        return
    for page in pages:
        for file in page.rglob("*") if page.is_dir() else (page,):
            with os_errors(file):
                if file.is_file():
                    storage.write(file.relative_to(folder.path).as_posix(), file.read_bytes())


def _sheets(series: SeriesFile, collection: Collection, folder: Path, context: Context) -> tuple[Path, ...]:
    if series.sheets is None:
        return ()
    with context.reporter.task("Sheets", len(collection.works)) as done:
        return write_sheets(
            collection,
            folder,
            formats=series.sheets.formats,
            paper=series.sheets.paper,
            columns=series.sheets.columns,
            report=lambda page, of: done(page * len(collection.works) // of),
        )


def collection_of(plan: Plan, folder: SeriesFolder, kept: Sequence[int]) -> Collection:
    """Return the pieces of a series that are on disk and kept, with their traits, as people look at them."""
    done, scores = _latest(folder, frozenset(kept))
    models: dict[str, str] = {}
    for entry in done.values():
        models.update(entry.models)
    series = plan.series
    return Collection(
        title=series.title,
        description=series.description,
        author=series.author,
        license=series.license,
        link=series.link,
        works=tuple(_work(plan, done[index], scores.get(index)) for index in sorted(done)),
        models=models,
    )


def _latest(folder: SeriesFolder, kept: frozenset[int]) -> tuple[dict[int, Done], dict[int, float]]:
    done: dict[int, Done] = {}
    scores: dict[int, float] = {}
    for entry in folder.entries():
        if entry.piece in kept:
            _note(entry, done, scores)
    return done, scores


def _note(entry: Entry, done: dict[int, Done], scores: dict[int, float]) -> None:
    if isinstance(entry, Done):
        done[entry.piece] = entry
    elif isinstance(entry, Judged):
        scores[entry.piece] = entry.score
    elif isinstance(entry, Failed):
        done.pop(entry.piece, None)


def _work(plan: Plan, entry: Done, score: float | None) -> Work:
    piece = plan[entry.piece]
    first = entry.files[0]
    files = tuple(next(file.paths) for file in entry.files)
    return Work(
        number=piece.index,
        title=f"{plan.series.title} #{piece.index}",
        files=files,
        thumbnail=files[0] if entry.thumbnail is None else entry.thumbnail.path,
        digest=first.sha256,
        traits=_sorted_like(plan, piece.traits),
        changes=piece.changes,
        score=score if plan.series.keep and plan.series.keep.by else None,
        width=first.width,
        height=first.height,
    )


def _sorted_like(plan: Plan, traits: Mapping[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
    return {name: traits[name] for name in plan.series.traits if name in traits}
