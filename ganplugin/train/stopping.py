"""What a person at the terminal sees and does while a training runs: a bar, the last sheet, Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ganplugin.train.preview import preview

__all__ = ["Terminal", "clock", "stop_request", "terminal"]


@contextmanager
def stop_request() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C and SIGTERM set, so that a step is never torn; a second Ctrl-C interrupts at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def request(number: int, frame: FrameType | None) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    former = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class Terminal:
    """The bar and the lines above it, all on standard error."""

    progress: Progress
    task: TaskID

    def step(self, part: float, step: int, clock: str, losses: str) -> None:
        """Show the part done (0..1), the step, the time and the losses, if this is a terminal."""
        self.progress.update(self.task, completed=part, losses=losses, step=step, clock=clock)

    def saved(self, grid: Path, *, drawn: bool) -> None:
        """Say where the last sheet lies, and draw it above if that is wanted and the terminal has colours."""
        console = self.progress.console
        if drawn and (picture := preview(grid, console)) is not None:
            console.print(picture)
        console.print(f"grid: {grid}", highlight=False, markup=False, soft_wrap=True)


def clock(seconds: float) -> str:
    """Return a time as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Give the terminal that a run is shown in."""
    columns = (
        TextColumn("step {task.fields[step]}"),
        BarColumn(),
        TextColumn("{task.fields[clock]}"),
        TextColumn("{task.fields[losses]}"),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Terminal(progress, progress.add_task("train", total=1.0, losses="", step=0, clock=""))
