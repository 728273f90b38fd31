"""Kill -9 at any moment: nothing is lost, half written, repeated or otherwise than in an undisturbed run."""

from __future__ import annotations

import signal
from random import Random

import pytest

from tests.faults.killing import JOURNAL, assert_undisturbed, digests, done, entries, piece_of

IN_FLIGHT = 48
"""Pieces that one worker may have at hand: a batch, and what its encoders have before them."""

KILLS = 30


def check_life(folder, whole, before, ended, workers=1):
    """After a kill: whole files alone, a sound journal, and nothing made that was made before."""
    there = {path: digest for path, digest in digests(folder).items() if not path.rpartition("/")[2].startswith(".")}
    assert there.items() <= whole.items()
    made = {piece_of(path) for path in ended.written}
    assert made.isdisjoint(before)
    assert len(made - set(done(folder))) <= IN_FLIGHT * workers


def lived(killer, here, folder, random, measured):
    """Render until a drawn moment: at any time of a start, or of the next few pieces."""
    command = ("render", "tides.yaml", "--out", folder.name)
    if random.random() < 0.4:
        return killer.run(here, *command, life=measured.seconds * random.uniform(0, 0.3))
    size = (folder / JOURNAL).stat().st_size if (folder / JOURNAL).exists() else 0
    delay = random.uniform(0, measured.seconds / 100)
    return killer.run_until(
        here, *command, grown=f"{folder.name}/{JOURNAL}", size=size + random.randrange(1, 3000), delay=delay
    )


def test_thirty_kills_at_random_moments_change_nothing(here, write, killer):
    write()
    measured = killer.run(here, "render", "tides.yaml", "--out", "whole")
    assert measured.code == 0, measured.said
    whole = digests(here / "whole")
    assert len(done(here / "whole")) == 100
    random, kills, number = Random(5), 0, 0
    while kills < KILLS:  # should a series be finished before, another one is begun
        number += 1
        folder, code = here / f"killed-{number}", -signal.SIGKILL
        while code == -signal.SIGKILL:
            before = set(done(folder))
            if kills < KILLS:
                ended = lived(killer, here, folder, random, measured)
            else:
                ended = killer.run(here, "render", folder.name)
            code, kills = ended.code, kills + (ended.code == -signal.SIGKILL)
            check_life(folder, whole, before, ended)
        assert code == 0, ended.said
        assert_undisturbed(folder, here / "whole")


def test_workers_of_a_killed_run_end_and_others_go_on(here, write, killer):
    """One worker or two, killed alone or with its workers: any of them goes on where another was."""
    write(edition=300)
    assert killer.run(here, "render", "tides.yaml", "--out", "whole").code == 0
    whole, size = digests(here / "whole"), (here / "whole" / JOURNAL).stat().st_size
    for share, workers, group in ((0.1, 2, False), (0.3, 1, True), (0.5, 2, True)):
        before = set(done(here / "killed"))
        ended = killer.run_until(
            here, "render", "tides.yaml", "--out", "killed", "--workers", str(workers),
            grown=f"killed/{JOURNAL}", size=int(share * size), group=group,
        )  # fmt: skip
        assert ended.code == -signal.SIGKILL, ended.said
        assert ended.left == []
        assert len(before) < len(done(here / "killed")) < 300
        check_life(here / "killed", whole, before, ended, workers)
    ended = killer.run(here, "render", "killed", "--workers", "2")
    assert ended.code == 0, ended.said
    assert_undisturbed(here / "killed", here / "whole")


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_choice_is_the_same_after_a_kill(here, write, killer, share):
    """Killed while candidates are judged, or while the chosen are rendered."""
    write(edition=40, keep={"of": 100, "by": "scorer.onnx", "apart": 0.02})
    assert killer.run(here, "render", "tides.yaml", "--out", "whole").code == 0
    lines = (here / "whole" / JOURNAL).read_bytes().splitlines(keepends=True)
    assert len(lines) == 140
    ended = killer.run_until(
        here, "render", "tides.yaml", "--out", "killed",
        grown=f"killed/{JOURNAL}", size=sum(map(len, lines[: int(share * len(lines))])),
    )  # fmt: skip
    assert ended.code == -signal.SIGKILL, ended.said
    assert ("done" in [entry.state for entry in entries(here / "killed")]) == (share > 0.8)
    ended = killer.run(here, "render", "killed")
    assert ended.code == 0, ended.said
    assert_undisturbed(here / "killed", here / "whole")
    judged = [entry.piece for entry in entries(here / "killed") if entry.state == "judged"]
    assert sorted(judged) == list(range(100))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interrupt_says_how_to_go_on(here, write, killer, workers):
    write(edition=300)
    ended = killer.run_until(
        here, "render", "tides.yaml", "--out", "stopped", "--workers", workers,
        grown=f"stopped/{JOURNAL}", size=3000, number=signal.SIGINT,
    )  # fmt: skip
    assert ended.code == 130
    assert ended.said == "ganplugin: stopped: stopped - go on with: ganplugin render stopped\n"
    assert ended.left == []
    made = done(here / "stopped")
    assert 0 < len(made) < 300
    ended = killer.run(here, "render", "stopped")
    assert ended.code == 0
    assert sorted(done(here / "stopped")) == list(range(300))


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.4])
def test_an_interrupt_while_workers_load_is_as_quiet(here, write, killer, delay):
    write(edition=300)
    ended = killer.run_until(
        here, "render", "tides.yaml", "--out", "stopped", "--workers", "2",
        grown=f"stopped/{JOURNAL}", size=0, delay=delay, number=signal.SIGINT,
    )  # fmt: skip
    assert ended.code == 130
    assert ended.said == "ganplugin: stopped: stopped - go on with: ganplugin render stopped\n"
    assert ended.left == []


def test_a_worker_with_nothing_to_do_ends_with_its_parent(here, write, killer):
    """There is one job for two: the other one only waits."""
    write(edition=30, traits={"Seed": {"set": "make.seeds", "seeds": "any"}})
    ended = killer.run_until(
        here, "render", "tides.yaml", "--workers", "2", grown=f"tides/{JOURNAL}", size=1000, group=False
    )
    assert ended.code == -signal.SIGKILL, ended.said
    assert ended.left == []
