"""Ctrl-C and a closed pipe: whole files or none, the right exit code, no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from ganplugin import video
from ganplugin.nodes import Sample

# A process started in the background inherits that Ctrl-C is ignored; one in a terminal does not.
ASKED_BY_A_TERMINAL = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from ganplugin.cli import main
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize(("out", "frames"), [("walk.webp", 20_000), ("frames", 4_000)])
def test_interrupting_a_long_walk_leaves_whole_files_only(here, out, frames):
    walk = ["interpolate", "full.onnx", "--frames", str(frames), "--out", f"x/{out}"]
    command = [sys.executable, "-c", ASKED_BY_A_TERMINAL, *walk]
    running = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(1200):
            if any(path.is_file() for path in (here / "x").rglob("*")):
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        said, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130, err
    assert err.strip() == "ganplugin: stopped - files already written are whole"
    assert said == ""
    left = [path for path in (here / "x").rglob("*") if path.is_file()]
    assert not [path for path in left if path.name.endswith(".part") or path.name.startswith(".")]
    if out == "walk.webp":
        assert left == []
    else:
        assert all(path.read_bytes().endswith(b"IEND\xaeB`\x82") for path in left)


def test_an_interrupt_between_frames_removes_the_film(run, files, monkeypatch):
    before = files()
    added: list[int] = []
    add = video.VideoWriter.add

    def interrupted(self, frame):
        added.append(1)
        if len(added) == 3:
            raise KeyboardInterrupt
        add(self, frame)

    monkeypatch.setattr(video.VideoWriter, "add", interrupted)
    done = run("interpolate", "full.onnx", "--frames", "9", "--out", "a.webp")
    assert done.code == 130
    assert done.err.strip() == "ganplugin: stopped - files already written are whole"
    assert files() == before


@pytest.mark.skipif(sys.platform == "win32", reason="pipes close differently")
def test_a_closed_pipe_is_silent(here):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "ganplugin", "models", "--json"]
    done = subprocess.run(command, cwd=here, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


def test_our_own_mistakes_are_not_hidden(run, monkeypatch):
    def broken(self, context):
        raise ZeroDivisionError

    monkeypatch.setattr(Sample, "run", broken)
    with pytest.raises(ZeroDivisionError):
        from ganplugin.cli import main

        main(["sample", "full.onnx"])
