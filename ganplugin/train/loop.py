"""The loop that every training runs in: steps until the time is up, with progress, log, samples and safe stops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from ganplugin.errors import Cancelled, TrainingError
from ganplugin.files import make_folder
from ganplugin.train.record import Record, Warned
from ganplugin.train.state import State, load_state, save_state
from ganplugin.train.stopping import progress_bar, stop_request
from ganplugin.train.workers import ALONE, Workers

__all__ = ["BEST", "CHECKPOINT", "STATE", "Measure", "Schedule", "Trainer", "run"]

CHECKPOINT, BEST, STATE = "checkpoint.safetensors", "best.safetensors", "state.pt"
_TRIES: Final = 3
_GOOD_STEPS: Final = 500


class Trainer(Protocol):
    """What is trained. The loop owns time, files and signals; the trainer owns networks and numbers."""

    @property
    def step(self) -> int:
        """Steps done."""
        ...

    @property
    def seen(self) -> int:
        """Pictures shown."""
        ...

    def advance(self, part: float) -> Mapping[str, float]:
        """Do one step when ``part`` (0..1) of the run is done, and return its losses."""
        ...

    def state(self) -> State:
        """Return all that `restore` needs to go on bit by bit as if never stopped."""
        ...

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        ...

    def slow_down(self) -> None:
        """Halve the rates from now on."""
        ...

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        """Write the file that ``ganplugin export`` takes."""
        ...

    def write_samples(self, path: Path) -> None:
        """Write a PNG that shows the present quality."""
        ...


Measure = Callable[[], Mapping[str, float]]
"""Returns metrics of the present generator, the one that decides which is best first; lower is better."""


@dataclass(frozen=True)
class Schedule:
    """When to stop and when to save. ``steps`` alone makes a run exactly repeatable; ``minutes`` does not.

    A checkpoint stays for good every ``keep_steps`` (0: only the last and the best).
    """

    minutes: float | None = None
    steps: int | None = None
    save_minutes: float = 5.0
    log_steps: int = 50
    keep_steps: int = 0

    def done(self, step: int, seconds: float) -> float:
        """Return the part that is done, 0..1; the limit that is reached first counts."""
        parts = [step / self.steps if self.steps else 0.0, seconds / 60 / self.minutes if self.minutes else 0.0]
        return min(1.0, max(parts))


def run(
    trainer: Trainer,
    folder: Path,
    schedule: Schedule,
    *,
    resume: bool,
    measure: Measure | None = None,
    workers: Workers = ALONE,
) -> Path:
    """Train until the schedule is fulfilled and return the path of the checkpoint.

    The folder gets ``checkpoint.safetensors``, ``best.safetensors`` where something measures, ``state.pt``,
    ``log.jsonl`` and ``grids/NNNNNN.png``. Where a loss is no number any more, the last good state comes back and the
    rates are halved. Ctrl-C or a termination request finishes the step, saves everything and raises `Cancelled`. Raises
    `TrainingError` if the folder holds a run and ``resume`` is not set, or if halving the rates does not help.

    Of several ``workers`` the first alone writes, and says when to save and when to stop.
    """
    start = _begin(trainer, folder, resume=resume)
    with Record(folder, trainer.step, silent=workers.rank > 0) as record:
        return _Run(trainer, folder, schedule, record, measure, workers, start).to_the_end()


@dataclass(frozen=True)
class _Start:
    """What a run has behind it: its seconds, its best measure so far."""

    seconds: float = 0.0
    best: float = math.inf


def _begin(trainer: Trainer, folder: Path, *, resume: bool) -> _Start:
    if resume:
        state = load_state(folder / STATE)
        trainer.restore(cast(State, state["trainer"]))
        return _Start(float(cast(float, state["seconds"])), float(cast(float, state.get("best", math.inf))))
    if (folder / STATE).exists():
        raise TrainingError("holds a run already", where=folder, fix="add --resume or choose another --out")
    make_folder(folder)
    return _Start()


class _Run:
    """One call of `run`."""

    def __init__(
        self,
        trainer: Trainer,
        folder: Path,
        schedule: Schedule,
        record: Record,
        measure: Measure | None,
        workers: Workers,
        start: _Start,
    ) -> None:
        self.workers = workers
        self.trainer, self.folder, self.schedule = trainer, folder, schedule
        self.record, self.measure, self.best = record, measure, start.best
        self.seconds, self.clock = start.seconds, time.monotonic() - start.seconds
        self.good, self.tries = trainer.state(), 0
        self.kept = trainer.step

    def to_the_end(self) -> Path:
        self.saved, trainer = self.seconds, self.trainer
        with stop_request() as stop, progress_bar() as progress:
            while (part := self._part(stopped=stop.is_set())) < 1:
                losses = trainer.advance(part)
                self.seconds = time.monotonic() - self.clock
                if not all(math.isfinite(value) for value in losses.values()):
                    self._roll_back(losses)
                    continue
                self._follow(losses)
                if trainer.step % self.schedule.log_steps == 0:
                    progress(part, trainer.step, _brief(losses))
        self._save()
        if stop.is_set():
            raise Cancelled("stopped; the run is saved", where=self.folder, fix="go on with --resume")
        return self.folder / CHECKPOINT

    def _part(self, *, stopped: bool) -> float:
        """Return the part that is done, and save if it is time; the first process decides for all."""
        part = 1.0 if stopped else self.schedule.done(self.trainer.step, self.seconds)
        due = part < 1 and self.seconds - self.saved > 60 * self.schedule.save_minutes
        part, save = self.workers.agreed((part, due))
        if save:
            self.saved = self.seconds
            self._save()
        return part

    def _follow(self, losses: Mapping[str, float]) -> None:
        if self.trainer.step % self.schedule.log_steps == 0:
            self.record.losses(self.trainer.step, self.trainer.seen, self.seconds, losses)
        if self.trainer.step % _GOOD_STEPS == 0:
            self._is_good()

    def _is_good(self) -> None:
        self.good, self.tries = self.trainer.state(), 0

    def _roll_back(self, losses: Mapping[str, float]) -> None:
        """Return to the last good state with halved rates; after some tries, give up."""
        step = self.trainer.step
        self.tries += 1
        if self.tries > _TRIES:
            raise TrainingError(
                f"a loss is no number any more at step {step} ({_brief(losses)}), nor with {_TRIES} times halved rates",
                fix="start anew with a lower --learning-rate, or with --precision fp32",
            )
        self.trainer.restore(self.good)
        for _ in range(self.tries):
            self.trainer.slow_down()
        words = f"a loss was no number at step {step}: back to step {self.trainer.step}, with rates halved"
        self.record.warn(step, Warned("not-a-number", words, "if it comes again, use a lower --learning-rate"))

    def _save(self) -> None:
        self._is_good()
        if self.workers.rank:
            return
        trainer, minutes = self.trainer, self.seconds / 60
        trainer.write_checkpoint(self.folder / CHECKPOINT, minutes=minutes)
        trainer.write_samples(self.record.grid(trainer.step))
        if self.measure is not None:
            self._compare(self.measure(), minutes)
        if self.schedule.keep_steps and trainer.step - self.kept >= self.schedule.keep_steps:
            self.kept = trainer.step
            trainer.write_checkpoint(self.folder / f"checkpoint-{trainer.step:06d}.safetensors", minutes=minutes)
        save_state(self.folder / STATE, {"trainer": self.good, "seconds": self.seconds, "best": self.best})

    def _compare(self, metrics: Mapping[str, float], minutes: float) -> None:
        self.record.metrics(self.trainer.step, self.trainer.seen, metrics)
        first = next(iter(metrics.values()))
        if first < self.best:
            self.best = first
            self.trainer.write_checkpoint(self.folder / BEST, minutes=minutes)


def _brief(losses: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in losses.items())
