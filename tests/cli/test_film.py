"""Films painted by ``ganplugin style``: what stays of them, that they go on after a kill, and are made again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.film_reader import open_film
from tests.cli.test_stopping import ASKED_BY_A_TERMINAL
from tests.film_kit import halves, samples, write_film
from tests.test_fixed_statistics import normalising_style

pytest.importorskip("av")


@pytest.fixture
def clip(here) -> Path:
    normalising_style(here / "norm.onnx", "instance")
    return write_film(here / "clip.mp4", [halves(i, 96, 128) for i in range(30)], sound="aac")


def test_length_rate_and_sound_stay(run, here, clip):
    done = run("style", "norm.onnx", "clip.mp4", "--out", "painted.mp4")
    assert (done.code, done.out) == (0, "painted.mp4 (norm.onnx on CPU)\n")
    reader = open_film(here / "painted.mp4")
    assert (len(reader), float(reader.rate), reader.size) == (30, 25.0, (96, 128))
    codec, found = samples(here / "painted.mp4")
    assert codec.startswith("aac")
    assert np.array_equal(found, samples(clip)[1][: len(found)])
    assert not (here / "painted.mp4.parts").exists()
    again = run("again", "painted.mp4")
    assert again.out == "painted-again.mp4: identical, byte for byte\n"
    assert run("style", "norm.onnx", "clip.mp4", "--out", "painted.mp4").code == 3


def test_a_film_goes_into_a_folder_under_its_own_name(run, here, clip):
    done = run("style", "styles.onnx#night", "clip.mp4", "--first", "3", "--last", "20", "--every", "2", "--silent")
    assert done.out == "styled/clip-night.mp4 (styles.onnx#night on CPU)\n"
    reader = open_film(here / "styled" / "clip-night.mp4")
    assert (len(reader), float(reader.rate), reader.has_sound) == (9, 12.5, False)


def test_animations_come_out_of_films_without_their_sound(run, here, clip):
    assert run("style", "norm.onnx", "clip.mp4", "--out", "painted.gif", "--every", "5").code == 0
    with Image.open("painted.gif") as image:
        assert image.n_frames == 6
    assert run("style", "norm.onnx", "painted.gif", "--out", "twice.webm").code == 0
    assert float(open_film(here / "twice.webm").rate) == pytest.approx(5, abs=0.01)
    assert run("again", "painted.gif").out == "painted-again.gif: identical, byte for byte\n"


def test_a_folder_of_frames_becomes_a_film(run, here, clip):
    (here / "frames").mkdir()
    for index in range(6):
        Image.fromarray(halves(index, 96, 128)).save(here / "frames" / f"{index}.png")
    assert run("style", "norm.onnx", "frames", "--out", "painted.mp4", "--fps", "12").code == 0
    reader = open_film(here / "painted.mp4")
    assert (len(reader), float(reader.rate)) == (6, 12.0)
    assert run("again", "painted.mp4").out == "painted-again.mp4: identical, byte for byte\n"


def test_statistics_of_a_shot_and_steadying_calm_a_still_film(run, here, clip):
    random = np.random.RandomState(0)
    base = np.asarray(Image.fromarray(halves(9)).rotate(20), np.float64)
    frames = [np.clip(base + random.randn(48, 64, 3) * 6, 0, 255).astype(np.uint8) for _ in range(16)]
    write_film(here / "still.mkv", frames, crf="10")

    def flicker(name: str, *options: str) -> float:
        assert run("style", "norm.onnx", "still.mkv", "--out", name, *options).code == 0
        reader = open_film(here / name)
        shown = [reader.frame(index).astype(int) for index in range(3, len(reader))]
        return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(shown)]))

    plain = flicker("a.mp4", "--statistics", "picture", "--steady", "0")
    assert flicker("b.mp4", "--steady", "1") < 0.6 * plain


def test_wrong_requests_say_so(run, here, clip):
    for arguments, words in (
        (["clip.mp4", "photos/cat.jpg"], "clip.mp4: is given with 1 others - paint one film at a time"),
        (["none.mp4"], "none.mp4: there is no such file"),
        (["clip.mp4", "--first", "99"], "first: there is no frame from 99 to the end"),
        (["photos/cat.jpg", "--out", "a.gif"], "is a picture's name, but a folder is needed"),
    ):
        done = run("style", "norm.onnx", *arguments)
        assert done.code in (2, 3)
        assert words in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes in another way")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_film_that_was_ended_goes_on_to_the_same_bytes(run, here, ending):
    normalising_style(here / "norm.onnx", "instance")
    scenes = [np.random.RandomState(number).randint(0, 255, (8, 10, 3)) for number in range(4)]
    frames = [np.kron(scenes[index // 70], np.ones((12, 12, 1))).astype(np.uint8) for index in range(260)]
    write_film(here / "clip.mp4", frames, sound="aac", preset="ultrafast")
    wanted = ["style", "norm.onnx", "clip.mp4", "--steady", "0.7", "--out"]
    command = [sys.executable, "-c", ASKED_BY_A_TERMINAL, *wanted, "killed.mp4"]
    running = subprocess.Popen(command, cwd=here, stderr=subprocess.PIPE)
    try:
        for _ in range(2400):
            if (here / "killed.mp4.parts" / "part-00000.mp4").exists():
                break
            time.sleep(0.02)
        time.sleep(0.15)
        running.send_signal(ending)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == (130 if ending == signal.SIGINT else -signal.SIGKILL), err
    assert not (here / "killed.mp4").exists()
    parts = sorted(path.name for path in (here / "killed.mp4.parts").iterdir() if not path.name.startswith("."))
    assert parts[:2] == ["film.json", "part-00000.mp4"]
    changed = run("style", "norm.onnx", "clip.mp4", "--steady", "0.8", "--out", "killed.mp4")
    assert changed.code == 2
    assert "steady was 0.7 and is 0.8" in changed.err
    done = run(*wanted, "killed.mp4")
    assert done.code == 0
    assert "killed.mp4 goes on: " in done.err
    assert run(*wanted, "whole.mp4").code == 0
    assert (here / "killed.mp4").read_bytes() == (here / "whole.mp4").read_bytes()
    assert not list(here.glob("*.parts"))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's figures of memory")  # noqa: PTH110
def test_memory_does_not_grow_with_the_film(run, here):
    normalising_style(here / "norm.onnx", "instance")

    def peak(frames: int) -> int:
        """Return the most mebibytes that a process holds which paints so many frames."""
        write_film(here / f"{frames}.mp4", [halves(i, 192, 256) for i in range(frames)], preset="ultrafast")
        script = (
            "import resource, sys\nfrom ganplugin.cli import main\n"
            "try:\n    main()\nfinally:\n    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
        )
        command = [sys.executable, "-c", script, "style", "norm.onnx", f"{frames}.mp4", "--out", f"out{frames}.mp4"]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=200, check=True)
        return int(done.stdout.split()[-1])

    assert peak(300) - peak(60) < 40  # 240 frames more are 135 MiB as floats
