"""The loop that every training runs in: steps until the time is up, with progress, log, samples and safe stops."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, cast, runtime_checkable

from ganplugin.errors import Cancelled, TrainingError
from ganplugin.files import make_folder
from ganplugin.train.page.folder import BEST, CHECKPOINT, STATE
from ganplugin.train.page.standing import Limits, Standing
from ganplugin.train.record import Record, Warned, brief, told
from ganplugin.train.run_file import Called, note_call
from ganplugin.train.state import State, is_finite, load_state, save_state
from ganplugin.train.stopping import Terminal, clock, stop_request, terminal
from ganplugin.train.watch.verdict import Verdict
from ganplugin.train.workers import ALONE, Workers

__all__ = ["BEST", "CHECKPOINT", "STATE", "Measure", "Say", "Schedule", "Trainer", "Walker", "Watch", "run"]

_TRIES: Final = 3
_GOOD_STEPS: Final = 500
_MEASURING: Final = 0.05


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


@runtime_checkable
class Walker(Protocol):
    """A trainer whose pictures can be walked between."""

    def write_strip(self, path: Path) -> None:
        """Write a PNG with one row of pictures on the way between latents that never change."""
        ...


Measure = Callable[[], Mapping[str, float | str]]
"""Returns metrics of the present generator, the one that decides which is best first; lower is better.

``backbone`` says what they are seen by: numbers of two do not compare. Empty where nothing can be measured.
"""

Say = Callable[[str], None]
"""Shows a line to the person at the terminal."""


class Watch(Protocol):
    """What watches a training for the ways to fail. It changes nothing of the trainer, nor of any random state."""

    def follow(self, losses: Mapping[str, float]) -> Sequence[Verdict]:
        """Take note of the step just done, one of those that are logged, and return what can be said at once."""
        ...

    def verdicts(self) -> Sequence[Verdict]:
        """Return all verdicts; this may take seconds."""
        ...

    def state(self) -> State:
        """Return what later verdicts depend on."""
        ...

    def restore(self, state: State) -> None:
        """Take over what `state` returned."""
        ...


def _unsaid(words: str) -> None:
    pass


@dataclass(frozen=True)
class Schedule:
    """When to stop and when to save. ``steps`` alone makes a run exactly repeatable; ``minutes`` does not.

    A checkpoint stays for good every ``keep_steps`` (0: only the last and the best). With ``preview`` each save draws
    its sheet in the terminal.
    """

    minutes: float | None = None
    steps: int | None = None
    save_minutes: float = 5.0
    log_steps: int = 50
    keep_steps: int = 0
    preview: bool = False

    @property
    def limits(self) -> Limits:
        """What ends a run."""
        return Limits(self.minutes, self.steps)

    def done(self, step: int, seconds: float) -> float:
        """Return the part that is done, 0..1; the limit that is reached first counts."""
        parts = [step / self.steps if self.steps else 0.0, seconds / 60 / self.minutes if self.minutes else 0.0]
        return min(1.0, max(parts))

    def left(self, step: int, seconds: float) -> float | None:
        """Return the seconds that are left at the run's mean speed, None at its start."""
        part = self.done(step, seconds)
        return seconds * (1 - part) / part if part else None


def run(
    trainer: Trainer,
    folder: Path,
    schedule: Schedule,
    *,
    resume: bool,
    measure: Measure | None = None,
    watch: Watch | None = None,
    workers: Workers = ALONE,
    say: Say = _unsaid,
    called: Called | None = None,
) -> Path:
    """Train until the schedule is fulfilled and return the path of the checkpoint.

    The folder gets ``checkpoint.safetensors``, ``best.safetensors`` where something measures, ``state.pt``,
    ``log.jsonl``, ``grids/NNNNNN.png``, ``strips/NNNNNN.png`` of a `Walker`, and a page, ``run.html``. Where a loss is
    no number any more, the last good state comes back and the rates are halved. Ctrl-C or a termination request
    finishes the step, saves everything and raises `Cancelled`. Raises `TrainingError` if the folder holds a run and
    ``resume`` is not set, or if halving the rates does not help.

    At a save ``measure`` and ``watch`` are asked, but so seldom that it takes no more than a twentieth of the time, and
    at the end of the schedule. What goes wrong is a warning in the log and is said, once.

    Of several ``workers`` the first alone writes, says when to save and to stop, and raises `Cancelled`. ``called`` is
    how a run that has been taken up is gone on with, and is written down for the next time.
    """
    start = _begin(trainer, folder, resume=resume)
    if resume and called is not None and not workers.rank:
        note_call(folder, called)
    if watch is not None and start.watch:
        watch.restore(start.watch)
    with Record(folder, trainer.step, silent=workers.rank > 0) as record:
        return _Run(trainer, folder, schedule, record, measure, watch, workers, say, start).to_the_end()


@dataclass(frozen=True)
class _Start:
    """What a run has behind it: its seconds, its best measure so far and what saw it, what its watch remembers."""

    seconds: float = 0.0
    best: float = math.inf
    seen_by: str = ""
    watch: State = field(default_factory=dict)
    alarms: tuple[str, ...] = ()


def _begin(trainer: Trainer, folder: Path, *, resume: bool) -> _Start:
    if resume:
        state = load_state(folder / STATE)
        trainer.restore(cast(State, state["trainer"]))
        return _Start(
            seconds=float(cast(float, state["seconds"])),
            best=float(cast(float, state.get("best", math.inf))),
            seen_by=str(state.get("seen_by", "")),
            watch=cast(State, state.get("watch", {})),
            alarms=tuple(cast(Sequence[str], state.get("alarms", ()))),
        )
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
        watch: Watch | None,
        workers: Workers,
        say: Say,
        start: _Start,
    ) -> None:
        self.workers, self.watch, self.say = workers, watch, say
        self.seen_by, self.alarms = start.seen_by, set(start.alarms)
        self.measured, self.cost, self.told = start.seconds, 0.0, False
        self.trainer, self.folder, self.schedule = trainer, folder, schedule
        self.record, self.measure, self.best = record, measure, start.best
        self.seconds, self.clock = start.seconds, time.monotonic() - start.seconds
        self.good, self.tries = trainer.state(), 0
        self.kept, self.logged = trainer.step, trainer.step

    terminal: Terminal
    losses: Mapping[str, float] = {}

    def to_the_end(self) -> Path:
        self.saved, trainer = self.seconds, self.trainer
        if self.schedule.done(trainer.step, self.seconds) >= 1:
            self.say("the run is as long as was asked for already: ask for more to go on")
            self.record.tell(self._standing())
            return self.folder / CHECKPOINT
        with stop_request() as stop, terminal() as self.terminal:
            self.record.tell(self._standing())
            while (part := self._part(stopped=stop.is_set())) < 1:
                losses = trainer.advance(part)
                self.seconds = time.monotonic() - self.clock
                if not all(math.isfinite(value) for value in losses.values()):
                    self._roll_back(losses)
                    continue
                self._follow(losses)
                self.terminal.step(part, trainer.step, self._clock(), brief(losses))
            # Who stops the last look at a run that is complete has not stopped the run.
            stopped = stop.is_set()
            self._save()
            if not stopped:
                self._measure()
        if stopped and not self.workers.rank:
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
            if self._affordable():
                self._measure()
        return part

    def _follow(self, losses: Mapping[str, float]) -> None:
        self.losses = losses
        if self.trainer.step % self.schedule.log_steps == 0:
            self._log()
            if self.watch is not None:
                self._alarm(self.watch.follow(losses))
        if self.trainer.step % _GOOD_STEPS == 0:
            self._keep_good(losses)

    def _log(self) -> None:
        """Note the losses of this step, unless that was done."""
        if self.logged != self.trainer.step:
            self.logged = self.trainer.step
            self.record.losses(self.trainer.step, self.trainer.seen, self.seconds, self.losses)

    def _keep_good(self, losses: Mapping[str, float]) -> None:
        """Remember this state; one that holds no numbers, though its loss still was one, gives way to the last."""
        state = self.trainer.state()
        if not is_finite(state):
            self._roll_back(losses)
            return
        self.good, self.tries = state, 0

    def _roll_back(self, losses: Mapping[str, float]) -> None:
        """Return to the last good state with halved rates; after some tries, give up."""
        step = self.trainer.step
        self.tries += 1
        if self.tries > _TRIES:
            raise TrainingError(
                f"a loss or a weight is no number any more at step {step} ({brief(losses)}), "
                f"nor with {_TRIES} times halved rates",
                fix="start anew with a lower --learning-rate, or with --precision fp32",
            )
        self.trainer.restore(self.good)
        self.logged = self.trainer.step
        for _ in range(self.tries):
            self.trainer.slow_down()
        words = f"a loss or a weight was no number at step {step}: back to step {self.trainer.step}, with rates halved"
        self._warn(step, Warned("not-a-number", words, "if it comes again, use a lower --learning-rate"))

    def _save(self) -> None:
        self._keep_good(self.losses)
        if self.workers.rank:
            return
        self._log()
        trainer, minutes = self.trainer, self.seconds / 60
        trainer.write_checkpoint(self.folder / CHECKPOINT, minutes=minutes)
        self._show()
        if self.schedule.keep_steps and trainer.step - self.kept >= self.schedule.keep_steps:
            self.kept = trainer.step
            trainer.write_checkpoint(self.folder / f"checkpoint-{trainer.step:06d}.safetensors", minutes=minutes)
        self._save_state()

    def _show(self) -> None:
        """Write the samples, and say where they are."""
        trainer, record = self.trainer, self.record
        grid = record.grid(trainer.step)
        trainer.write_samples(grid)
        record.show("grid", trainer.step, grid)
        if isinstance(trainer, Walker):
            trainer.write_strip(record.strip(trainer.step))
        self.terminal.saved(grid, drawn=self.schedule.preview)

    def _standing(self) -> Standing:
        schedule, step, seconds = self.schedule, self.trainer.step, self.seconds
        part, left = schedule.done(step, seconds), schedule.left(step, seconds)
        every = 60 * schedule.save_minutes
        return Standing("running", step, self.trainer.seen, seconds, part, left, every, schedule.limits)

    def _clock(self) -> str:
        left = self.schedule.left(self.trainer.step, self.seconds)
        return clock(self.seconds) + ("" if left is None else f", {clock(left)} left")

    def _save_state(self) -> None:
        known: State = {"best": self.best, "seen_by": self.seen_by, "alarms": sorted(self.alarms)}
        watch = {} if self.watch is None else self.watch.state()
        save_state(self.folder / STATE, {"trainer": self.good, "seconds": self.seconds, "watch": watch, **known})
        self.record.tell(self._standing())

    def _affordable(self) -> bool:
        """Return whether it is long enough ago that something was measured; say once if it is not."""
        enough = self.seconds - self.measured >= self.cost / _MEASURING
        if not enough and not self.told:
            self.told = True
            self.say(
                f"measuring takes {self.cost:.0f} s: not at every save, so that it is no more than 5 % of the time"
            )
        return enough

    def _measure(self) -> None:
        """Measure what was just saved, keep it if it is the best, and hear the watch."""
        if self.workers.rank or (self.measure is None and self.watch is None):
            return
        start = time.monotonic()
        metrics = {} if self.measure is None else self.measure()
        if metrics:
            self._compare({**metrics, "took": time.monotonic() - start})
        verdicts = () if self.watch is None else self.watch.verdicts()
        if verdicts:
            self.record.verdicts(self.trainer.step, self.trainer.seen, verdicts)
            self._alarm(verdicts)
        self.say(told(self.trainer.step, metrics, verdicts))
        now = time.monotonic()
        self.cost, self.measured = now - start, now - self.clock
        self._save_state()

    def _compare(self, metrics: Mapping[str, float | str]) -> None:
        self.record.metrics(self.trainer.step, self.trainer.seen, self.seconds, metrics)
        first, seen_by = float(next(iter(metrics.values()))), str(metrics.get("backbone", ""))
        if first < self.best or seen_by != self.seen_by:
            self.best, self.seen_by = first, seen_by
            self.trainer.write_checkpoint(self.folder / BEST, minutes=self.seconds / 60)

    def _alarm(self, verdicts: Sequence[Verdict]) -> None:
        """Warn of what has turned bad."""
        for verdict in verdicts:
            if verdict.level == "bad" and verdict.name not in self.alarms:
                self.alarms.add(verdict.name)
                self._warn(self.trainer.step, Warned(verdict.name, verdict.words, verdict.fix))
            elif verdict.level == "good":
                self.alarms.discard(verdict.name)

    def _warn(self, step: int, warned: Warned) -> None:
        self.record.warn(step, warned)
        self.say(f"warning, step {step}: {warned.name}: {warned.words}; {warned.fix}")
