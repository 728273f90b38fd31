from __future__ import annotations

import json

import pytest

from ganplugin.export import export_checkpoint
from tests.export.files import WRITERS
from tests.models.test_dcgan import example_generator, state_of

QUICK = ("--seconds", "0.1", "--device", "cpu")


def test_a_measurement_reads_like_one(run, files):
    before = files()
    done = run("bench", "full.onnx", *QUICK, "--batch", "1,2")
    assert done.code == 0
    words = done.out.split()
    for word in ("full.onnx:", "generator,", "pictures/s", "batch", "versions", "onnxruntime", "files", "peak"):
        assert word in words
    assert "--batch" in done.out.splitlines()[-2], "the verdict comes last"
    assert "network thread: waiting for encoders" in done.out
    assert max(map(len, done.out.splitlines())) <= 200
    assert files() == before, "nothing is kept"


@pytest.mark.parametrize(
    ("model", "more", "unit"),
    [("styles.onnx", ("--size", "16x12"), "pictures/s"), ("scorer-classes.onnx", (), "scores/s")],
)
def test_styles_and_scorers_are_measured_too(run, model, more, unit):
    done = run("bench", model, *QUICK, *more)
    assert done.code == 0
    assert unit in done.out


def test_json_is_for_machines(run):
    done = run("bench", "styles.onnx", *QUICK, "--batch", "2", "--size", "20x10", "--encoders", "3", "--json")
    found = json.loads(done.out)
    assert found["picture"] == "20 x 10 RGB"
    assert [speed["batch"] for speed in found["speeds"]] == [2]
    assert found["pipeline"]["encoders"] == 3
    assert found["provider"] == "CPUExecutionProvider"
    assert found["machine"]["processor"]
    assert found["verdict"]


def test_a_checkpoint_is_timed_in_pytorch(run, here):
    checkpoint = WRITERS["legacy torch"](here / "net.pth", {"netG": state_of(example_generator(5, (6, 4), 3))})
    export_checkpoint(checkpoint, here / "net.onnx")
    done = run("bench", "net.onnx", *QUICK, "--checkpoint", "net.pth")
    assert done.code == 0
    assert "against PyTorch" in done.out
    assert "times as fast" in done.out
    done = run("bench", "net.onnx", *QUICK, "--checkpoint", "missing.pth", "--json")
    assert done.code != 0
    assert "missing.pth" in done.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("full.onnx", "--batch", "0"), "--batch"),
        (("full.onnx", "--batch", "two"), "--batch"),
        (("full.onnx", "--size", "0x4"), "--size"),
        (("full.onnx", "--seconds", "0"), "--seconds"),
        (("none.onnx",), "none.onnx"),
        (("full.onnx", "--device", "cpu+graphs"), "--device"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(run, arguments, word):
    done = run("bench", *arguments)
    assert done.code != 0
    assert word in done.err
    assert done.out == ""
