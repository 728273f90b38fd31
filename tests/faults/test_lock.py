"""One process at a time in a folder."""

from __future__ import annotations

import os
import signal

from ganplugin.series.folder import SeriesFolder
from tests.faults.killing import JOURNAL, done


def test_two_processes_do_not_render_into_one_folder(here, run, write, killer):
    write(edition=5)
    assert run("render", "tides.yaml", "--pieces", "0").code == 0
    with SeriesFolder(here / "tides").lock():
        ended = killer.run(here, "render", "tides.yaml")
        assert ended.code == 3
        assert f"tides: is being rendered already by process {os.getpid()} on " in ended.said
        assert ended.said.rstrip().endswith("wait for it, or choose another folder")
        assert killer.run(here, "verify", "tides").code == 0
        assert killer.run(here, "verify", "tides", "--mend").code == 0
    assert done(here / "tides") == [0]
    assert killer.run(here, "render", "tides.yaml").code == 0


def test_the_lock_of_a_killed_process_is_in_nobodys_way(here, write, killer):
    write(edition=60)
    ended = killer.run_until(here, "render", "tides.yaml", grown=f"tides/{JOURNAL}", size=2000)
    assert ended.code == -signal.SIGKILL
    assert (here / "tides" / ".ganplugin" / "holder.json").exists()
    assert (here / "tides" / ".ganplugin" / "lock").exists()
    assert killer.run(here, "render", "tides").code == 0
    assert sorted(done(here / "tides")) == list(range(60))
    assert not (here / "tides" / ".ganplugin" / "holder.json").exists()
