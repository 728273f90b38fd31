"""Pictures too large to paint at once, painted in tiles by the sessions of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ganplugin.batches import fits_whole
from ganplugin.cache import cache_folder
from ganplugin.errors import Cancelled, InputError, ModelError
from ganplugin.execution import Execution
from ganplugin.framing import Frame
from ganplugin.levels import lay_planes
from ganplugin.modelfile import read_model
from ganplugin.session_cache import SharedSession
from ganplugin.sessions import SessionSpec, create_session
from ganplugin.tiling import Run, TilePainter, Uncuttable

__all__ = ["Progress", "TiledStyle"]

Array = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class TiledStyle:
    """The style network that ``execution`` runs, for tiles; it says on which device, and whether somebody cancelled."""

    execution: Execution

    def suits(self, frame: Frame, inputs: Mapping[str, Array], side: int) -> bool:
        """Tell whether to paint a picture in tiles of ``side`` pixels, or, if that is 0, whether its size asks for it.

        Raises `InputError` if tiles are asked for and this network cannot be painted in them.
        """
        if not side and fits_whole(frame.whole[0] * frame.whole[1], self.execution.shared.device.kind):
            return False
        try:
            self._check(frame)
            self.painter.plan(frame.whole, inputs)
        except Uncuttable as reason:
            if not side:
                return False
            fix = "leave the size of tiles at 0, and shrink a picture that does not fit into memory with --max-side"
            message = f"this network cannot be painted in tiles: {reason}"
            raise InputError(message, where=self.execution.path, fix=fix) from reason
        return True

    def _check(self, frame: Frame) -> None:
        if frame.inside != frame.outside:
            raise Uncuttable("it takes pictures of one size, to which yours is brought")
        if self.execution.shared.altered:
            raise Uncuttable("its statistics are given to it")

    def paint(
        self,
        picture: Array,
        frame: Frame,
        inputs: Mapping[str, Array],
        target: NDArray[np.float32] | NDArray[np.uint8],
        side: int,
        progress: Progress | None,
    ) -> None:
        """Paint one picture [h, w, 3] into ``target`` [h, w, c], as levels where that is of 8 bits.

        Raises `Cancelled`, `FileError` if there is no room for what lies between the passes, `ModelError` if a run
        fails or the network returns another size than it says.
        """
        found, path = self.painter.plan(frame.whole, inputs).image_size, self.execution.path
        if found != frame.returned:
            height, width = frame.returned
            raise ModelError(f"returns pictures of {found[1]}x{found[0]}, not {width}x{height}", where=path)

        def show(rows: slice, columns: slice, painted: Array) -> None:
            place = target[rows, columns]
            with self.execution.options.timing("conversion"):
                lay_planes(painted[None, :, : place.shape[0], : place.shape[1]], place[None])

        read = frame.window(picture)
        self.painter.paint(read, frame.whole, inputs, show, side, lambda *state: self._report(progress, *state))

    def _report(self, progress: Progress | None, done: int, total: int) -> None:
        cancelled = self.execution.options.cancelled
        if cancelled is not None and cancelled():
            raise Cancelled(fix="files already written are whole")
        if progress is not None:
            progress(done, total)

    @cached_property
    def painter(self) -> TilePainter:
        """What reads the network and paints with it."""
        path = self.execution.path
        return TilePainter(lambda: read_model(path)[0], self._engine, cache_folder() / "tiles")

    def _engine(self, content: bytes) -> Run:
        execution, shared = self.execution, self.execution.shared
        spec = SessionSpec(execution.path, shared.device, execution.options.threads, content=content)
        part = SharedSession(create_session(spec), shared.manifest, shared.digest, shared.device)
        run = Execution(execution.path, part, execution.options).run
        return lambda feeds, outputs: run(feeds, list(outputs))
