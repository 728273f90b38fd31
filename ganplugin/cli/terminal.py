"""How commands show what they do: progress on standard error, and options that all of them share."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import click

from ganplugin.nodes.context import Context

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.progress import Progress

__all__ = ["device_options", "json_option", "terminal_context"]

Command = TypeVar("Command", bound=Callable[..., object])


class TerminalReporter:
    """Draws a progress bar with the time left on standard error; pictures are not shown in a terminal."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._shown: Progress | None = None

    @contextlib.contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar while the task is open, below those of the tasks around it; it goes away when done."""
        with self._bars() as progress:
            bar = progress.add_task(label, total=total)
            yield lambda done: progress.update(bar, completed=done)
            progress.remove_task(bar)

    @contextlib.contextmanager
    def _bars(self) -> Iterator[Progress]:
        """Give the bars on the screen, of which a terminal has one set at a time."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        if self._shown is not None:
            yield self._shown
            return
        columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as self._shown:
            try:
                yield self._shown
            finally:
                self._shown = None

    def preview(self, picture: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Pictures are on disk; nothing to show."""

    def message(self, text: str) -> None:
        """Write one line to standard error, each only once."""
        if text not in self._said:
            click.echo(text, err=True)
        self._said.add(text)


def device_options(command: Command) -> Command:
    """Add ``--device``, ``--threads`` and ``--batch`` to a command."""
    for option in (
        click.option("--batch", default=0, type=click.IntRange(0, 4096), help="Pictures computed together; 0 chooses."),
        click.option(
            "--threads",
            default=2,
            show_default=True,
            type=click.IntRange(1, 256),
            help="CPU threads; recorded, since the last bits of a picture depend on it.",
        ),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, tensorrt …"),
    ):
        command = option(command)
    return command


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def terminal_context(device: str, threads: int, batch: int) -> Context:
    """Return the context in which a command runs nodes; Ctrl-C stops it before its next picture."""
    return Context(device=device, threads=threads, batch=batch, reporter=TerminalReporter(), cancelled=_interrupted())


def _interrupted() -> Callable[[], bool]:
    """Return whether Ctrl-C was pressed since, until the command ends; pressed twice it stops at once.

    An exception out of nowhere can be lost inside a library, or leave a temporary file behind.
    """
    pressed = threading.Event()
    usual = signal.getsignal(signal.SIGINT)
    if usual is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        return pressed.is_set

    def press(number: int, frame: FrameType | None) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, press)
    click.get_current_context().call_on_close(lambda: signal.signal(signal.SIGINT, usual))
    return pressed.is_set
