"""What a person at the terminal sees and does while a training runs: a bar, Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["progress_bar", "stop_request"]


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


@contextmanager
def progress_bar() -> Iterator[Callable[[float, int, str], None]]:
    """Give a function that shows the part done, the step and the losses on standard error, if that is a terminal."""
    columns = (
        TextColumn("step {task.fields[step]}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}"),
    )
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("train", total=1.0, losses="", step=0)

        def show(part: float, step: int, losses: str) -> None:
            progress.update(task, completed=part, losses=losses, step=step)

        yield show
