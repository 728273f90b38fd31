"""The loop that every training runs in: steps until the time is up, with progress, log, samples and safe stops."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ganplugin.errors import Cancelled, TrainingError
from ganplugin.files import make_folder
from ganplugin.train.checkpoint import State, load_state, save_state

__all__ = ["Schedule", "Trainer", "run"]

CHECKPOINT, STATE, LOG = "checkpoint.safetensors", "state.pt", "log.jsonl"


class Trainer(Protocol):
    """What is trained. The loop owns time, files and signals; the trainer owns networks and numbers."""

    step: int

    def advance(self) -> Mapping[str, float]:
        """Do one step and return its losses."""
        ...

    def state(self) -> State:
        """Return all that `restore` needs to go on bit by bit as if never stopped."""
        ...

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        ...

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        """Write the file that ``ganplugin export`` takes."""
        ...

    def write_samples(self, path: Path) -> None:
        """Write a PNG that shows the present quality."""
        ...


@dataclass(frozen=True)
class Schedule:
    """When to stop and when to save. ``steps`` alone makes a run exactly repeatable; ``minutes`` does not."""

    minutes: float | None = None
    steps: int | None = None
    save_minutes: float = 5.0
    log_steps: int = 50

    def done(self, step: int, seconds: float) -> float:
        """Return the part that is done, 0..1; the limit that is reached first counts."""
        parts = [step / self.steps if self.steps else 0.0, seconds / 60 / self.minutes if self.minutes else 0.0]
        return min(1.0, max(parts))


def run(trainer: Trainer, folder: Path, schedule: Schedule, *, resume: bool) -> Path:
    """Train until the schedule is fulfilled and return the path of the checkpoint.

    The folder gets ``checkpoint.safetensors``, ``state.pt``, ``log.jsonl`` and ``grid-NNNNNN.png``. Ctrl-C or a
    termination request finishes the step, saves everything and raises `Cancelled`. Raises `TrainingError` if the
    folder holds a run and ``resume`` is not set, or if a loss is no number any more.
    """
    seconds = _begin(trainer, folder, resume=resume)
    clock = time.monotonic() - seconds
    saved = seconds
    with _stop_request() as stop, _progress() as (progress, task), (folder / LOG).open("a", encoding="utf-8") as log:
        while (part := schedule.done(trainer.step, time.monotonic() - clock)) < 1 and not stop.is_set():
            losses = trainer.advance()
            seconds = time.monotonic() - clock
            _check(losses, trainer.step)
            if trainer.step % schedule.log_steps == 0:
                _log(log, trainer.step, seconds, losses)
                progress.update(task, completed=part, losses=_brief(losses), step=trainer.step)
            if seconds - saved > 60 * schedule.save_minutes:
                saved = seconds
                _save(trainer, folder, seconds)
    _save(trainer, folder, seconds)
    if stop.is_set():
        raise Cancelled("stopped; the run is saved", where=folder, fix="go on with --resume")
    return folder / CHECKPOINT


def _begin(trainer: Trainer, folder: Path, *, resume: bool) -> float:
    """Restore a run if asked, and return the seconds that it has behind it."""
    if resume:
        state = load_state(folder / STATE)
        trainer.restore(cast(State, state["trainer"]))
        return float(cast(float, state["seconds"]))
    if (folder / STATE).exists():
        raise TrainingError("holds a run already", where=folder, fix="add --resume or choose another --out")
    make_folder(folder)
    return 0.0


def _save(trainer: Trainer, folder: Path, seconds: float) -> None:
    save_state(folder / STATE, {"trainer": trainer.state(), "seconds": seconds})
    trainer.write_checkpoint(folder / CHECKPOINT, minutes=seconds / 60)
    trainer.write_samples(folder / f"grid-{trainer.step:06d}.png")


def _check(losses: Mapping[str, float], step: int) -> None:
    if not all(math.isfinite(value) for value in losses.values()):
        raise TrainingError(
            f"a loss is no number any more at step {step} ({_brief(losses)})",
            fix="go on from the last save with --resume and a lower --learning-rate, or --precision fp32",
        )


def _brief(losses: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in losses.items())


def _log(stream: object, step: int, seconds: float, losses: Mapping[str, float]) -> None:
    line = {"step": step, "seconds": round(seconds, 1)} | {name: round(value, 5) for name, value in losses.items()}
    print(json.dumps(line), file=stream, flush=True)  # type: ignore[call-overload]


@contextmanager
def _stop_request() -> Iterator[threading.Event]:
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
def _progress() -> Iterator[tuple[Progress, TaskID]]:
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
        yield progress, progress.add_task("train", total=1.0, losses="", step=0)
