"""A long film in parts that stand on their own, so that one which was stopped goes on.

The parts lie in a folder beside the film, named after it with ``.parts`` behind, each written whole or not at all; the
file ``film.json`` in it says what they are parts of. Joining copies what is encoded, so that a film which was stopped
and gone on with has the bytes of one that was not.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import InputError
from ganplugin.files import atomic_write, make_folder, os_errors, sweep_temporary
from ganplugin.film_files import open_container
from ganplugin.soundtrack import Sound, Soundtrack
from ganplugin.video import VideoWriter, film_container, film_errors

if TYPE_CHECKING:
    import av

__all__ = ["FilmParts"]

_PLAN: Final = "film.json"
_OURS: Final = re.compile(r"film\.json|part-\d{5,}\.(mp4|webm)|\.(film|part-).*\.part")


@dataclass(frozen=True)
class FilmParts:
    """The parts of the film ``path`` of ``frames`` frames, ``length`` in each, and ``recipe``: what they are made of.

    ``recipe`` is JSON; a change of it anywhere makes it another film.
    """

    path: Path
    size: tuple[int, int]
    rate: Fraction
    frames: int
    length: int
    recipe: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """Where the parts lie until the film is whole."""
        return self.path.with_name(f"{self.path.name}.parts")

    @property
    def count(self) -> int:
        """How many parts there are to be."""
        return -(-self.frames // self.length)

    def span(self, number: int) -> tuple[int, int]:
        """Return the first frame of a part and the first behind it."""
        return number * self.length, min(self.frames, (number + 1) * self.length)

    def begin(self, *, restart: bool) -> tuple[int, ...]:
        """Make the folder ready and return the numbers of the parts that are missing; ``restart`` drops what is there.

        Raises `InputError`, naming what changed, if the folder holds parts of another film.
        """
        if restart:
            self.clear()
        plan = self.folder / _PLAN
        if plan.exists():
            self._check(plan)
        else:
            self.clear()
            make_folder(self.folder)
            with atomic_write(plan) as part:
                part.write_text(self._plan(), encoding="utf-8")
        sweep_temporary(self.folder)
        return tuple(number for number in range(self.count) if not self._file(number).exists())

    def write(self, number: int, frames: Iterable[NDArray[np.uint8]]) -> None:
        """Encode one part, uint8 [h, w, 3] each frame. Raises as `VideoWriter` does."""
        height, width = self.size
        with VideoWriter(self._file(number), width, height, float(self.rate), {}, overwrite=True) as film:
            for frame in frames:
                film.add(frame)

    def join(self, text: Mapping[str, str], sound: Sound | None, *, overwrite: bool) -> None:
        """Make the film of all parts, with its text and its sound, and remove them."""
        suffix = self.path.suffix.lower()
        with contextlib.ExitStack() as stack:
            target = stack.enter_context(atomic_write(self.path, overwrite=overwrite))
            stack.enter_context(film_errors(self.size))
            film = stack.enter_context(film_container(target, suffix, text))
            streams: list[av.VideoStream] = []
            track: Soundtrack | None = None
            for number in range(self.count):
                for packet in self._packets(number, film, streams):
                    if track is None and sound is not None:
                        track = Soundtrack(sound, film, suffix, stack)
                    if track is not None:
                        track.write_until(float((packet.dts or 0) * packet.time_base))
                    film.mux(packet)
            if track is not None:
                track.write_until(float(self.frames / self.rate))
        self.clear()

    def clear(self) -> None:
        """Remove the folder with the parts. Raises `InputError` if it holds anything else."""
        if not self.folder.is_symlink() and not self.folder.exists():
            return
        with os_errors(self.folder):
            found = list(self.folder.iterdir())
        if self.folder.is_symlink() or not all(_OURS.fullmatch(path.name) for path in found):
            raise InputError("holds other files, which are left alone", where=self.folder, fix="move it away")
        with os_errors(self.folder):
            for path in sorted(found, key=lambda path: path.name != _PLAN):  # without its plan it is nobody's film
                path.unlink()
            self.folder.rmdir()

    def _packets(
        self, number: int, film: av.container.OutputContainer, streams: list[av.VideoStream]
    ) -> Iterator[av.Packet[av.VideoStream]]:
        """Yield a part's packets with the times that they have in the film."""
        path, first = self._file(number), self.span(number)[0]
        with os_errors(path), path.open("rb") as file, open_container(file, self._format) as part:
            source = part.streams.video[0]
            if not streams:
                streams.append(film.add_stream_from_template(source))
            beat = 1 / self.rate
            for packet in part.demux(source):
                if packet.pts is None or packet.dts is None or not packet.size:
                    continue
                pts, dts = (round(stamp * packet.time_base / beat) + first for stamp in (packet.pts, packet.dts))
                packet.stream, packet.time_base = streams[0], beat
                packet.pts, packet.dts, packet.duration = pts, dts, 1
                yield packet

    @property
    def _suffix(self) -> str:
        # Matroska rounds times to milliseconds, which would mix up decoding and showing.
        return ".webm" if self.path.suffix.lower() == ".webm" else ".mp4"

    @property
    def _format(self) -> str:
        return {".webm": "matroska", ".mp4": "mov"}[self._suffix]

    def _file(self, number: int) -> Path:
        return self.folder / f"part-{number:05}{self._suffix}"

    def _plan(self) -> str:
        facts = {"frames": self.frames, "length": self.length, "size": list(self.size), "rate": str(self.rate)}
        return json.dumps({**facts, "recipe": self.recipe}, indent=1, sort_keys=True)

    def _check(self, plan: Path) -> None:
        with os_errors(plan):
            text = plan.read_text(encoding="utf-8", errors="replace")
        try:
            before = json.loads(text)
        except ValueError:
            before = {}
        changed = next(_differences(before, json.loads(self._plan())), None)
        if changed is not None:
            raise InputError(
                f"holds parts of another film: {changed}",
                where=self.folder,
                fix="undo the change, choose another file, or throw those parts away with --restart",
            )


def _differences(before: object, now: object, name: str = "") -> Iterator[str]:
    """Yield where two JSON values differ, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _differences(before.get(key), now.get(key), f"{name}.{key}".removeprefix("."))
    elif before != now:
        was, becomes = (text if len(text) <= 40 else f"{text[:39]}…" for text in map(str, (before, now)))
        yield f"{name.removeprefix('recipe.')} was {was} and is {becomes}"
