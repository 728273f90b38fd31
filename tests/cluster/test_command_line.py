"""``ganplugin render --engine ray`` in a process of its own, as people run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import LOOPBACK, add_node
from tests.cluster.test_ray_engine import files
from tests.series.kit import plan_of, rendered, series_text

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore::ResourceWarning")]


LOST = ("machine went away", "worker died")


def command(cluster: Any, *arguments: object) -> list[str]:
    words = ["render", "tides.yaml", "--engine", "ray", "--threads", "1", "--address", cluster.address, *arguments]
    return [sys.executable, "-m", "ganplugin", *map(str, words)]


def environment() -> dict[str, str]:
    return {**os.environ, "RAY_NODE_IP_ADDRESS": LOOPBACK}


def test_a_series_is_rendered_quietly_and_gone_on_with(cluster, home, tmp_path):
    Path("tides.yaml").write_text(series_text(edition=12, sheets=None))
    rendered(plan_of(edition=12), tmp_path / "alone", threads=1)
    for pieces, made in (("0-4", 5), ("0-11", 7)):
        line = command(cluster, "--out", "night", "--pieces", pieces, "--json")
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment())
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["made"] == made
    assert files(home / "night" / "pieces") == files(tmp_path / "alone" / "pieces")


def test_ctrl_c_stops_it_with_one_line(cluster, home):
    Path("tides.yaml").write_text(series_text(edition=100_000))
    process = subprocess.Popen(command(cluster, "--out", "night"), stderr=subprocess.PIPE, text=True, env=environment())
    wait_for(home / "night" / ".ganplugin" / "journal.jsonl", process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=300)[1]
    assert process.returncode == 130
    assert said == "ganplugin: night: stopped - go on with: ganplugin render night\n"
    assert not list((home / "night").rglob("*.part"))


def test_a_cluster_that_does_not_answer_is_told_in_one_line(home):
    Path("tides.yaml").write_text(series_text())
    line = [sys.executable, "-m", "ganplugin", "render", "tides.yaml", "--engine", "ray", "--address", "nowhere"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment())
    assert done.returncode == 3
    assert "no Ray cluster answers" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_machine_that_goes_away_is_told_in_a_line(cluster, home):
    Path("tides.yaml").write_text(series_text(edition=1000, gallery=False, sheets=None))
    doomed = add_node(cluster)
    line = command(cluster, "--out", "night", "--workers", "3", "--json")
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    wait_for(home / "night" / ".ganplugin" / "journal.jsonl", process)
    cluster.remove_node(doomed, allow_graceful=False)
    out, said = process.communicate(timeout=600)
    assert process.returncode == 0
    assert json.loads(out)["made"] == 1000
    # A worker that was just to start there may die too, before the cluster knows that the machine is gone.
    assert set(said.splitlines()) <= {f"a {who}: what it was making is given to others" for who in LOST} != set()


def wait_for(journal: Path, process: subprocess.Popen[str]) -> None:
    """Wait for the first line of a journal, or for the end."""
    while process.poll() is None and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.05)
