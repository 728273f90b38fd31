"""A film painted as a whole by ``ganplugin style``: its frame rate, length and sound stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ganplugin.cli.node_options import Command, Values
from ganplugin.errors import InputError
from ganplugin.nodes import Context, Images, LoadedModel, LoadImages, LoadVideo, SaveVideo, SteadyFrames, StyleTransfer
from ganplugin.nodes.ports import inputs_of

__all__ = ["Film", "film_options", "is_film_wanted"]

_FILMS = (".mp4", ".mov", ".mkv", ".webm", ".m4v", ".avi", ".mts", ".m2ts", ".ts", ".3gp")
_PART_SECONDS = 4
_PICTURE_RATE = 30.0


def film_options(command: Command) -> Command:
    """Add the options that only films have."""
    help_of = {port.name: port.help for kind in (LoadVideo, SteadyFrames, SaveVideo) for port in inputs_of(kind)}
    for option in (
        click.option("--restart", is_flag=True, help=f"Film: {help_of['restart']}."),
        click.option("--silent", is_flag=True, help="Film: leave the sound out."),
        click.option("--fps", type=click.FloatRange(1, 240), help="Film: frames a second.  [default: as it has]"),
        click.option("--every", default=1, type=click.IntRange(1, 1000), help=f"Film: {help_of['every']}."),
        click.option("--last", default=-1, type=click.IntRange(-1), help=f"Film: {help_of['last']}."),
        click.option("--first", default=0, type=click.IntRange(0), help=f"Film: {help_of['first']}."),
        click.option(
            "--steady",
            default=0.8,
            show_default=True,
            type=click.FloatRange(0, 1),
            help=f"Film: {help_of['steady']}.",
        ),
    ):
        command = option(command)
    return command


def is_film_wanted(pictures: Sequence[str], out: str) -> bool:
    """Tell whether a film is to be painted: a film is given, or ``out`` names one and several pictures are given.

    Raises `InputError` if a film is given with others.
    """
    from ganplugin.animation import ANIMATIONS
    from ganplugin.video import is_film

    films = [name for name in pictures if Path(name).suffix.lower() in _FILMS]
    if films and len(pictures) > 1:
        raise InputError(f"is given with {len(pictures) - 1} others", where=films[0], fix="paint one film at a time")
    if films or not is_film(out):
        return bool(films)
    single = Path(pictures[0]) if len(pictures) == 1 else None
    if single is None or single.is_dir() or Path(out).suffix.lower() not in ANIMATIONS:
        return True
    return single.suffix.lower() in ANIMATIONS and len(LoadVideo(path=str(single)).run(Context()).images) > 1


@dataclass(frozen=True)
class Film:
    """What the command was asked to paint, and with which options."""

    pictures: tuple[str, ...]
    out: str
    values: Values
    context: Context

    def paint(self, model: LoadedModel, style_image: Images | None) -> str:
        """Paint the film, steady it, and write it with its sound. Returns the file."""
        source, fps, audio = self._source()
        painting = self.values.node(StyleTransfer, model=model, images=source, style_image=style_image)
        painted = painting.run(self.context).images
        steadied = self.values.node(SteadyFrames, images=painted, film=source).run(self.context).images
        fps = float(str(self.values.given["fps"])) if self.values.given["fps"] else fps
        given = {"path": self._path(painting), "fps": fps, **self._keeping(audio, fps)}
        return self.values.node(SaveVideo, images=steadied, **given).run(self.context).path

    def _source(self) -> tuple[Images, float, str]:
        from ganplugin.animation import ANIMATIONS

        single = Path(self.pictures[0])
        if len(self.pictures) == 1 and not single.is_dir() and single.suffix.lower() in (*_FILMS, *ANIMATIONS):
            film = self.values.node(LoadVideo, path=self.pictures[0]).run(self.context)
            return film.images, film.fps, film.audio
        return LoadImages(path="\n".join(self.pictures)).run(self.context).images, _PICTURE_RATE, ""

    def _path(self, painting: StyleTransfer) -> str:
        """Return the film that ``out`` names, or one in the folder that it names."""
        from ganplugin.video import FILM_SUFFIXES, is_film

        if is_film(self.out):
            return self.out
        source = Path(self.pictures[0])
        suffix = source.suffix.lower() if source.suffix.lower() in FILM_SUFFIXES else ".mp4"
        return str(Path(self.out) / f"{painting.title_of(source.stem)}{suffix}")

    def _keeping(self, audio: str, fps: float) -> dict[str, Any]:
        """Return the inputs of Save Video that keep the sound, and keep parts of a film that is stopped."""
        from ganplugin.video import FILM_SUFFIXES, is_film

        if is_film(self.out) and Path(self.out).suffix.lower() not in FILM_SUFFIXES:
            return {"audio": "", "part": 0}
        return {"audio": "" if self.values.given["silent"] else audio, "part": max(1, round(_PART_SECONDS * fps))}
