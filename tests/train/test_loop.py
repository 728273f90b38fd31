from __future__ import annotations

import json
import math
import os
import re
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from ganplugin.errors import Cancelled, FileError, TrainingError
from ganplugin.train import loop
from ganplugin.train.loop import Schedule, run
from ganplugin.train.record import Record
from ganplugin.train.state import State
from ganplugin.train.stopping import clock
from ganplugin.train.watch.verdict import Verdict, graded
from ganplugin.train.workers import Alone


class Counter:
    """A trainer that counts."""

    def __init__(self) -> None:
        self.step = 0
        self.loss = 1.0
        self.rate = 1.0
        self.parts: list[float] = []

    @property
    def seen(self) -> int:
        return 4 * self.step

    def advance(self, part: float) -> Mapping[str, float]:
        self.step += 1
        self.parts.append(part)
        return {"loss": self.loss}

    def slow_down(self) -> None:
        self.rate /= 2

    def state(self) -> State:
        return {"step": self.step, "rate": self.rate}

    def restore(self, state: State) -> None:
        self.step, self.rate = int(str(state["step"])), float(str(state["rate"]))

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        path.write_text(str(self.step))

    def write_samples(self, path: Path) -> None:
        Image.new("RGB", (8, 8)).save(path)


def test_a_run_leaves_checkpoint_state_log_and_samples(tmp_path: Path) -> None:
    path = run(Counter(), tmp_path / "run", Schedule(steps=7, log_steps=3), resume=False)
    assert path.read_text() == "7"
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.name != "tensorboard")
    assert names == ["checkpoint.safetensors", "grids", "log.jsonl", "run.html", "run.js", "state.pt"]
    assert [entry.name for entry in (path.parent / "grids").iterdir()] == ["000007.png"]
    lines = [json.loads(line) for line in (path.parent / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6, 7]
    assert lines[0] | {"seconds": 0} == {"kind": "losses", "step": 3, "kimg": 0.012, "seconds": 0, "loss": 1.0}


def test_resume_goes_on_from_the_saved_step(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=3), resume=False)
    again = Counter()
    run(again, tmp_path, Schedule(steps=5), resume=True)
    assert again.step == 5
    assert (tmp_path / "grids" / "000003.png").exists()


def test_what_a_killed_run_told_of_lost_steps_is_taken_out(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=2, log_steps=1), resume=False)
    with (tmp_path / "log.jsonl").open("a") as stream:
        stream.write('{"kind": "losses", "step": 3, "loss": 9}\n{"kind": "los')
    run(Counter(), tmp_path, Schedule(steps=4, log_steps=1), resume=True)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 1), (2, 1), (3, 1), (4, 1)]


def test_a_run_is_never_overwritten_unasked(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=1), resume=False)
    with pytest.raises(TrainingError, match=r"holds a run already.*--resume"):
        run(Counter(), tmp_path, Schedule(steps=1), resume=False)


def test_a_run_that_is_as_long_as_asked_for_says_so(tmp_path: Path) -> None:
    told: list[str] = []
    run(Counter(), tmp_path, Schedule(steps=3), resume=False, say=told.append)
    assert not any("already" in words for words in told)
    run(Counter(), tmp_path, Schedule(steps=3), resume=True, say=told.append)
    assert any("already" in words for words in told)


def test_resume_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no state to resume"):
        run(Counter(), tmp_path, Schedule(steps=1), resume=True)


def test_a_finished_run_is_not_measured_again(tmp_path: Path) -> None:
    """Bug: --resume of a complete run wrote its lines twice."""
    run(Counter(), tmp_path, Schedule(steps=2), resume=False, measure=lambda: {"kid": 1.0})
    before = (tmp_path / "log.jsonl").read_text()
    run(Counter(), tmp_path, Schedule(steps=2), resume=True, measure=lambda: {"kid": 2.0})
    assert (tmp_path / "log.jsonl").read_text() == before
    assert '"finished"' in (tmp_path / "run.js").read_text()


def test_who_stops_the_last_measurement_has_not_stopped_the_run(tmp_path: Path) -> None:
    """Bug: a complete run was called stopped, with 130 for its exit."""

    def interrupted() -> Mapping[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return {"kid": 1.0}

    path = run(Counter(), tmp_path, Schedule(steps=2), resume=False, measure=interrupted)
    assert path.read_text() == "2"
    assert '"finished"' in (tmp_path / "run.js").read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_log_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    """Bug: a full disk ended in a traceback, and again where the log was closed."""
    record = Record(tmp_path)
    record._stream.close()
    record._stream = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - the record closes it
    with pytest.raises(FileError, match="space"), record:
        record.losses(1, 4, 0.1, {"loss": 1.0})


def test_the_best_is_kept_beside_the_last(tmp_path: Path) -> None:
    measured = iter([0.5, 0.2, 0.9])
    trainer = Counter()
    schedule = Schedule(steps=3, save_minutes=0.0)
    run(trainer, tmp_path, schedule, resume=False, measure=lambda: {"kid": next(measured), "fid": 1.0})
    assert (tmp_path / "best.safetensors").read_text() == "2"
    assert (tmp_path / "checkpoint.safetensors").read_text() == "3"
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["kid"] for line in lines if line["kind"] == "metrics"] == [0.5, 0.2, 0.9]
    # What was best before counts after a stop, too.
    run(trainer, tmp_path, Schedule(steps=4), resume=True, measure=lambda: {"kid": 0.3})
    assert (tmp_path / "best.safetensors").read_text() == "2"


def test_what_another_backbone_sees_is_not_compared_with_what_was_best_before(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=1), resume=False, measure=lambda: {"kid": 0.1, "backbone": "one"})
    run(Counter(), tmp_path, Schedule(steps=2), resume=True, measure=lambda: {"kid": 0.3, "backbone": "one"})
    assert (tmp_path / "best.safetensors").read_text() == "1"
    run(Counter(), tmp_path, Schedule(steps=3), resume=True, measure=lambda: {"kid": 0.7, "backbone": "two"})
    assert (tmp_path / "best.safetensors").read_text() == "3"


def test_measuring_takes_a_twentieth_of_the_time_at_most_but_for_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: now[0]))
    trainer, said, measured = Counter(), [], []
    advance = trainer.advance

    def step(part: float) -> Mapping[str, float]:
        now[0] += 10
        return advance(part)

    def measure() -> Mapping[str, float]:
        measured.append(trainer.step)
        now[0] += 2
        return {"kid": 1.0}

    monkeypatch.setattr(trainer, "advance", step)
    run(trainer, tmp_path, Schedule(steps=12, save_minutes=0.1), resume=False, measure=measure, say=said.append)
    assert measured == [1, 5, 9, 12]  # 2 s are a twentieth of 40
    assert len(list((tmp_path / "grids").iterdir())) == 12
    assert [words for words in said if "measuring takes 2 s" in words] == [said[1]]


class Watching:
    """A watch that finds the levels it is given, one after the other."""

    def __init__(self, *levels: str) -> None:
        self.levels, self.told = list(levels), 0

    def follow(self, losses: Mapping[str, float]) -> list[Verdict]:
        return [self._next()]

    def verdicts(self) -> list[Verdict]:
        return [self._next()]

    def _next(self) -> Verdict:
        self.told += 1
        level = self.levels.pop(0) if self.levels else "good"
        return graded("collapse", ("good", "watch", "bad").index(level), "all the same", "use --penalty r1=1")

    def state(self) -> State:
        return {"told": self.told}

    def restore(self, state: State) -> None:
        self.told = int(str(state["told"]))


def _lines(folder: Path, kind: str) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def test_what_turns_bad_is_warned_of_once_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    watch = Watching("good", "bad", "bad", "watch", "bad", "good", "bad")
    run(Counter(), tmp_path, Schedule(steps=7, log_steps=1), resume=False, watch=watch, say=said.append)
    warnings = _lines(tmp_path, "warning")
    assert [line["step"] for line in warnings] == [2, 7]
    assert warnings[0] | {"step": 0} == {
        "kind": "warning", "step": 0, "name": "collapse", "words": "all the same", "fix": "use --penalty r1=1",
    }  # fmt: skip
    assert said[0] == "warning, step 2: collapse: all the same; use --penalty r1=1"
    (line,) = _lines(tmp_path, "verdicts")
    assert line == {
        "kind": "verdicts", "step": 7, "kimg": 0.028,
        "verdicts": [{"name": "collapse", "level": "good", "words": "all the same", "fix": ""}],
    }  # fmt: skip
    assert said[-1] == "step 7: collapse good"


def test_a_resumed_watch_remembers_and_does_not_warn_again(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=2, log_steps=1), resume=False, watch=Watching("good", "bad", "bad"))
    again = Watching("bad", "bad")
    run(Counter(), tmp_path, Schedule(steps=3, log_steps=1), resume=True, watch=again)
    assert again.told == 5
    assert [line["step"] for line in _lines(tmp_path, "warning")] == [2]


def test_a_stopped_run_saves_and_does_not_measure(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(Interrupted(signal.SIGINT), tmp_path, Schedule(steps=9), resume=False, measure=lambda: {"kid": 1.0})
    assert _lines(tmp_path, "metrics") == []
    assert (tmp_path / "state.pt").exists()


def test_of_several_processes_only_the_first_says_that_the_run_is_stopped(tmp_path: Path) -> None:
    run(Interrupted(signal.SIGINT), tmp_path, Schedule(steps=9), resume=False, workers=Alone(rank=1, count=2))
    with pytest.raises(Cancelled):
        run(Interrupted(signal.SIGINT), tmp_path, Schedule(steps=9), resume=False, workers=Alone(rank=0, count=2))


def test_some_checkpoints_stay_for_good(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=6, save_minutes=0.0, keep_steps=2), resume=False)
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {
        f"checkpoint-00000{step}.safetensors" for step in (2, 4, 6)
    }


def test_a_step_is_told_what_part_of_the_run_is_done(tmp_path: Path) -> None:
    trainer = Counter()
    run(trainer, tmp_path, Schedule(steps=4), resume=False)
    assert trainer.parts == [0, 0.25, 0.5, 0.75]


class Interrupted(Counter):
    """Gets a signal in its third step."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number = number

    def advance(self, part: float) -> Mapping[str, float]:
        if self.step == 2:
            os.kill(os.getpid(), self.number)
        return super().advance(part)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process on os.kill")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_request_finishes_the_step_and_saves(tmp_path: Path, number: signal.Signals) -> None:
    former = signal.getsignal(number)
    with pytest.raises(Cancelled, match="--resume") as caught:
        run(Interrupted(number), tmp_path, Schedule(steps=100), resume=False)
    assert caught.value.exit_code == 130
    assert (tmp_path / "checkpoint.safetensors").read_text() == "3"
    assert signal.getsignal(number) == former


def test_runs_outside_the_main_thread(tmp_path: Path) -> None:
    done: list[Path] = []
    worker = threading.Thread(target=lambda: done.append(run(Counter(), tmp_path, Schedule(steps=2), resume=False)))
    worker.start()
    worker.join()
    assert done == [tmp_path / "checkpoint.safetensors"]


def test_saves_in_between(tmp_path: Path) -> None:
    run(Counter(), tmp_path, Schedule(steps=3, save_minutes=0.0), resume=False)
    assert {path.name for path in (tmp_path / "grids").iterdir()} == {f"00000{step}.png" for step in (1, 2, 3)}


class Walking(Counter):
    """A counter that can be walked through."""

    def write_strip(self, path: Path) -> None:
        Image.new("RGB", (16, 2)).save(path)


def told(folder: Path) -> dict:
    """What the page of a run says."""
    found = re.fullmatch(r"ganpluginRun\((.*)\);\n", (folder / "run.js").read_text())
    assert found is not None
    return dict(json.loads(found[1]))


def test_a_trainer_that_can_walk_leaves_strips(tmp_path: Path) -> None:
    run(Walking(), tmp_path, Schedule(steps=2, save_minutes=0.0), resume=False)
    assert sorted(path.name for path in (tmp_path / "strips").iterdir()) == ["000001.png", "000002.png"]
    assert [path for path, *_ in told(tmp_path)["strips"]] == ["strips/000001.png", "strips/000002.png"]


class Looking(Counter):
    """Looks at its page at every step."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.states = folder, []

    def advance(self, part: float) -> Mapping[str, float]:
        self.states.append(told(self.folder)["state"])
        return super().advance(part)


def test_the_page_is_there_from_the_start_and_says_how_far_the_run_is(tmp_path: Path) -> None:
    trainer = Looking(tmp_path)
    run(trainer, tmp_path, Schedule(steps=3), resume=False)
    assert trainer.states == ["running"] * 3
    data = told(tmp_path)
    assert (data["state"], data["step"], data["part"], data["left"]) == ("finished", 3, 1, 0)


def test_the_page_says_why_a_run_failed(tmp_path: Path) -> None:
    trainer = Counter()
    trainer.loss = math.nan
    with pytest.raises(TrainingError):
        run(trainer, tmp_path, Schedule(steps=5), resume=False)
    data = told(tmp_path)
    assert data["state"] == "failed"
    assert "--learning-rate" in data["trouble"]


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process on os.kill")
def test_the_page_says_that_a_run_was_stopped(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(Interrupted(signal.SIGINT), tmp_path, Schedule(steps=100), resume=False)
    assert (told(tmp_path)["state"], told(tmp_path)["step"]) == ("stopped", 3)


def test_each_save_says_where_its_sheet_lies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(Counter(), tmp_path, Schedule(steps=2, save_minutes=0.0, preview=True), resume=False)
    assert capsys.readouterr().err.splitlines() == [f"grid: {tmp_path}/grids/00000{step}.png" for step in (1, 2)]


def test_the_time_left_is_that_of_the_mean_speed() -> None:
    assert Schedule(steps=10).left(4, 60) == 90
    assert Schedule(minutes=2).left(1, 30) == pytest.approx(90)
    assert Schedule(minutes=2).left(0, 0) is None


def test_a_clock_has_hours_where_there_are_some() -> None:
    assert [clock(seconds) for seconds in (0, 61.4, 3600, 90061)] == ["0:00", "1:01", "1:00:00", "25:01:01"]


def test_events_are_read_by_tensorboard(tmp_path: Path) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    measured = iter([0.5, 0.25])
    schedule = Schedule(steps=2, save_minutes=0.0, log_steps=1)
    run(Counter(), tmp_path, schedule, resume=False, measure=lambda: {"kid": next(measured)})
    events = reading.EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    scalars = {name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert scalars["loss/loss"] == [(1, 1), (2, 1)]
    assert scalars["metric/kid"] == [(1, 0.5), (2, 0.25)]
    assert [(one.step, one.width, one.height) for one in events.Images("grid")] == [(1, 8, 8), (2, 8, 8)]


def test_the_limit_that_is_reached_first_counts() -> None:
    assert Schedule(steps=10, minutes=1).done(5, 0) == 0.5
    assert Schedule(steps=10, minutes=1).done(5, 45) == 0.75
    assert Schedule(minutes=1).done(10**9, 6) == pytest.approx(0.1)
    assert Schedule(steps=10).done(20, 0) == 1
