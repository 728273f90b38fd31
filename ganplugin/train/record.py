"""What a run tells of itself while it lasts: log, sheets of samples, its page, TensorBoard where it is installed."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ganplugin.errors import Cancelled, FileError
from ganplugin.files import atomic_write, make_folder, os_errors
from ganplugin.train.page.folder import GRIDS, LOG, STRIPS
from ganplugin.train.page.standing import Standing
from ganplugin.train.page.writing import write_run_page
from ganplugin.train.watch.verdict import Verdict

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

__all__ = ["Record", "Warned", "brief", "told"]

BOARD = "tensorboard"


@dataclass(frozen=True)
class Warned:
    """What went wrong, by a short name, in plain words, and what to do."""

    name: str
    words: str
    fix: str


class Record:
    """The open log of a run. Every line is one JSON object with its ``kind``: losses, metrics, verdicts or warning.

    A ``silent`` one writes nothing. What a killed run told of steps after ``step``, where it goes on, is taken out.
    """

    def __init__(self, folder: Path, step: int = 0, *, silent: bool = False) -> None:
        self.folder = folder
        if not silent:
            _cut(folder / LOG, step)
        self._stream = None if silent else (folder / LOG).open("a", encoding="utf-8")
        self._board = None if silent else _board(folder / BOARD)
        self._standing: Standing | None = None

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            # What a full disk did not take of the last line is tried again here, and has been told.
            with contextlib.suppress(*[OSError] if error is not None else []), os_errors(self.folder / LOG):
                self._stream.close()
        if self._board is not None:
            self._board.close()
        if self._standing is not None:
            # A page that cannot be written must not hide why the run ended.
            with contextlib.suppress(*[FileError] if error is not None else []):
                self.tell(_ended(self._standing, error))

    def losses(self, step: int, seen: int, seconds: float, losses: Mapping[str, float]) -> None:
        """Note the losses of a step after ``seen`` pictures and ``seconds``."""
        self._write("losses", step, {"kimg": seen / 1000, "seconds": round(seconds, 1), **_rounded(losses)})
        self._show("loss", step, losses)

    def metrics(self, step: int, seen: int, seconds: float, metrics: Mapping[str, float | str]) -> None:
        """Note what was measured after ``seconds``, and by what."""
        numbers = {name: value for name, value in metrics.items() if not isinstance(value, str)}
        words = {name: value for name, value in metrics.items() if isinstance(value, str)}
        rest = {"kimg": seen / 1000, "seconds": round(seconds, 1), **words, **_rounded(numbers)}
        self._write("metrics", step, rest)
        self._show("metric", step, numbers)

    def verdicts(self, step: int, seen: int, verdicts: Sequence[Verdict]) -> None:
        """Note what a watch says."""
        self._write("verdicts", step, {"kimg": seen / 1000, "verdicts": [one.facts() for one in verdicts]})

    def warn(self, step: int, warned: Warned) -> None:
        """Note a warning."""
        self._write("warning", step, {"name": warned.name, "words": warned.words, "fix": warned.fix})

    def grid(self, step: int) -> Path:
        """Return where the sheet of a step belongs."""
        return make_folder(self.folder / GRIDS) / f"{step:06d}.png"

    def strip(self, step: int) -> Path:
        """Return where the walk of a step belongs."""
        return make_folder(self.folder / STRIPS) / f"{step:06d}.png"

    def show(self, name: str, step: int, picture: Path) -> None:
        """Put a PNG into TensorBoard, where it is installed."""
        if self._board is not None:
            with Image.open(picture) as opened:
                self._board.add_image(name, np.asarray(opened.convert("RGB")), step, dataformats="HWC")

    def tell(self, standing: Standing) -> None:
        """Bring the page up to date."""
        if self._stream is not None:
            self._standing = standing
            write_run_page(self.folder, standing)

    def _write(self, kind: str, step: int, rest: Mapping[str, object]) -> None:
        if self._stream is not None:
            with os_errors(self.folder / LOG):
                print(json.dumps({"kind": kind, "step": step, **rest}), file=self._stream, flush=True)

    def _show(self, group: str, step: int, numbers: Mapping[str, float]) -> None:
        if self._board is not None:
            for name, value in numbers.items():
                self._board.add_scalar(f"{group}/{name}", value, step)


def _ended(standing: Standing, error: BaseException | None) -> Standing:
    if error is None:
        return replace(standing, state="finished")
    if isinstance(error, (Cancelled, KeyboardInterrupt)):
        return replace(standing, state="stopped")
    return replace(standing, state="failed", words=str(error) or type(error).__name__)


def _cut(path: Path, step: int) -> None:
    """Leave the whole lines of a log up to a step."""
    if not path.exists():
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if _step_of(line) <= step]
    if kept != lines:
        with atomic_write(path, overwrite=True) as part:
            part.write_text("".join(kept), encoding="utf-8")


def _step_of(line: str) -> float:
    """Return the step that a line tells of; infinity for one that a kill has torn."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in numbers.items()}


def _board(folder: Path) -> SummaryWriter | None:
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder))


def brief(losses: Mapping[str, float]) -> str:
    """Return losses in a line."""
    return " ".join(f"{name} {value:.3f}" for name, value in losses.items())


def told(step: int, metrics: Mapping[str, float | str], verdicts: Sequence[Verdict]) -> str:
    """Return in a line what was measured: the first number and what it is seen by, and how each verdict is."""
    name, value = next(iter(metrics.items()), ("", 0.0))
    seen_by = f" ({metrics['backbone']})" if "backbone" in metrics else ""
    numbers = [f"{name} {value:.3g}{seen_by}"] if name else []
    levels = [f"{one.name} {one.level}" for one in verdicts]
    return f"step {step}: " + "; ".join([*numbers, ", ".join(levels)]).strip("; ")
