"""Whatever is wrong: one line that says what, where and what to do, an exit code by class, and nothing written."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from ganplugin import library
from ganplugin.builtin import Builtin

INPUT, FILE, IMAGE, MODEL, CHECKPOINT, PROVIDER = 2, 3, 4, 5, 6, 8

SAMPLE = ("sample", "full.onnx")
STYLE = ("style", "styles.onnx")


@pytest.fixture
def bad(here, monkeypatch):
    """Files that are not what they seem, and a catalogue of one builtin."""
    graph = helper.make_graph([], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1,))])
    (here / "foreign.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    (here / "junk.onnx").write_bytes(b"junk")
    (here / "cut.onnx").write_bytes((here / "full.onnx").read_bytes()[:-200])
    (here / "net.pt").write_bytes(b"x")
    (here / "text.jpg").write_text("no picture")
    photo = (here / "photos" / "cat.jpg").read_bytes()
    (here / "cut.jpg").write_bytes(photo[: len(photo) // 2])
    (here / "none.png").write_bytes(b"")
    entry = Builtin(file="gone.onnx", kind="generator", title="t", family="f", sha256="0" * 64)
    monkeypatch.setattr(library, "catalog", lambda: {"icons": entry})
    return here


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((*SAMPLE, "--seeds", "5-2"), INPUT, "the range 5-2 falls - write 2-5"),
        ((*SAMPLE, "--seeds", "a"), INPUT, "'a' is not a seed or a range - write them like 0-9,42"),
        ((*SAMPLE, "--seeds", "-1"), INPUT, "'-1' is not a seed"),
        ((*SAMPLE, "--seeds=-1"), INPUT, "'-1' is not a seed"),
        ((*SAMPLE, "--seeds", "4294967296"), INPUT, "4294967296 is too large - seeds go from 0 to 4294967295"),
        ((*SAMPLE, "--seeds", ""), INPUT, "seeds"),
        ((*SAMPLE, "--truncation", "5"), INPUT, "'--truncation': 5.0 is not in the range"),
        ((*SAMPLE, "--truncation", "nan"), INPUT, "truncation: input should be a finite number"),
        ((*SAMPLE, "--truncation", "x"), INPUT, "'x' is not a valid float"),
        ((*SAMPLE, "--noise", "loud"), INPUT, "--noise"),
        ((*SAMPLE, "--label", "cat"), INPUT, "knows no classes"),
        ((*SAMPLE, "--mix", "1,2", "--seeds", "1-3"), INPUT, "2 latents cannot pair with 3"),
        ((*SAMPLE, "--mix", "1", "--layers", "9"), INPUT, "layers 0 to 2"),
        ((*SAMPLE, "--name", "{name.__class__}"), INPUT, "is not a name template"),
        ((*SAMPLE, "--name", "../up"), INPUT, "is not a safe file name"),
        ((*SAMPLE, "--name", "{seed:>9999999999}"), INPUT, "is not a name template"),
        ((*SAMPLE, "--format", "bmp"), INPUT, "--format"),
        ((*SAMPLE, "--latents", "no.npz"), FILE, "no.npz"),
        ((*SAMPLE, "--latents", "text.jpg"), FILE, "text.jpg: is not a latent file"),
        ((*SAMPLE, "--out", "-"), INPUT, "16 pictures cannot go to standard output - name a folder"),
        ((*SAMPLE, "--seeds", "1", "--sheet", "--out", "-"), INPUT, "only one picture can go to standard output"),
        ((*SAMPLE, "--out", "net.pt"), FILE, "net.pt"),
        ((*SAMPLE, "--out", "face.png"), INPUT, "a folder is needed - use --out . --name face"),
        ((*SAMPLE, "--out", "net.pt/sub"), FILE, "net.pt/sub"),
        ((*SAMPLE, "--nonsense"), INPUT, "No such option '--nonsense'"),
        ((*SAMPLE, "--device", "gpuu"), INPUT, "gpuu"),
        ((*SAMPLE, "--threads", "0"), INPUT, "--threads"),
        (("sample", "plain.onnx", "--truncation", "0.5"), INPUT, "has no W space"),
        (("sample", "plain.onnx", "--mix", "1"), INPUT, "has no W space"),
        (("sample", "styles.onnx"), INPUT, "is a style, but a generator is needed"),
        (("sample", "no.onnx"), FILE, "no.onnx: there is no such model file"),
        (("sample", "empty"), FILE, "empty: is a folder"),
        (("sample", "net.pt"), INPUT, "is a checkpoint, not a model file - run: ganplugin export net.pt"),
        (("sample", "foreign.onnx"), MODEL, "foreign.onnx"),
        (("sample", "junk.onnx"), MODEL, "junk.onnx"),
        (("sample", "cut.onnx"), MODEL, "cut.onnx"),
        (("sample", "text.jpg"), MODEL, "text.jpg"),
        (("sample", "builtin:icnos"), INPUT, "there is no builtin model 'icnos' - did you mean 'icons'?"),
        (("sample", "builtin:icons"), MODEL, "gone.onnx: the embedded model is missing"),
        (("sample",), INPUT, "Missing argument 'MODEL' - see: ganplugin sample --help"),
        (("sampel", "x"), INPUT, "no such command 'sampel' - did you mean 'sample'?"),
        ((*STYLE, "no.jpg"), FILE, "no.jpg: no such file or folder - check the path"),
        ((*STYLE, "empty"), FILE, "empty: holds no pictures"),
        ((*STYLE, "text.jpg"), IMAGE, "text.jpg: is not a picture"),
        ((*STYLE, "cut.jpg"), IMAGE, "cut.jpg: is damaged or cut short"),
        ((*STYLE, "none.png"), IMAGE, "none.png: is empty"),
        ((*STYLE, "-"), IMAGE, "standard input: is empty"),
        ((*STYLE, "photos", "--out", "-"), INPUT, "2 pictures cannot go to standard output"),
        ((*STYLE, "photos", "--styles", "wvae"), INPUT, "did you mean 'wave'?"),
        ((*STYLE, "photos", "--styles", "wave=x"), INPUT, "'x' is not a weight"),
        ((*STYLE, "photos", "--style-image", "photos/cat.jpg"), INPUT, "has its styles built in"),
        ((*STYLE, "photos", "--strength", "1.5"), INPUT, "--strength"),
        (("style", "painting.onnx", "photos"), INPUT, "give one with --style-image"),
        (("style", "painting.onnx", "photos", "--style-image", "photos"), INPUT, "2 style pictures given"),
        (("style", "styles.onnx#wvae", "photos"), INPUT, "did you mean 'wave'?"),
        (("style", "full.onnx", "photos"), INPUT, "is a generator, but a style is needed"),
        (("style", "styles.onnx"), INPUT, "Missing argument 'PICTURES...'"),
        (("sheet", "photos/cat.jpg"), INPUT, "there are no builtin styles here: name a model with --model"),
        (("sheet", "no.jpg", "--model", "styles.onnx"), FILE, "no.jpg"),
        (("score", "full.onnx", "photos"), INPUT, "is a generator, but a scorer is needed"),
        (("score", "scorer.onnx", "empty"), FILE, "holds no pictures"),
        (("score", "scorer.onnx", "photos", "--label", "cat"), INPUT, "knows no classes"),
        (("interpolate", "full.onnx", "--seeds", "3"), INPUT, "two keys or more"),
        (("interpolate", "full.onnx", "--noise", "seeded"), INPUT, "flickers"),
        (("interpolate", "full.onnx", "--frames", "1"), INPUT, "--frames"),
        (("interpolate", "full.onnx", "--out", "walk.avi"), INPUT, "walk.avi: is no film that can be written"),
        (("interpolate", "full.onnx", "--out", "walk.jpg"), INPUT, "walk.jpg: is no film that can be written"),
        (("interpolate", "full.onnx", "--out", "-"), INPUT, "cannot go to standard output"),
        (("interpolate", "full.onnx", "--curve", "circle", "--out", "a.webp"), INPUT, "2 or 3"),
        (("again", "no.png"), FILE, "no.png"),
        (("again", "photos/cat.jpg"), IMAGE, "was not made by ganplugin"),
        (("again", "text.jpg"), IMAGE, "text.jpg"),
        (("again", "empty"), FILE, "empty"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_one_line_and_the_code_of_its_class(bad, run, files, arguments, code, message):
    before = files()
    done = run(*arguments)
    assert done.code == code, done.err
    assert message in done.err
    assert done.err.startswith("ganplugin: ")
    assert done.err.count("\n") == 1
    assert done.stdout == b""
    assert files() == before


def test_a_device_that_is_not_there_is_refused_before_the_first_picture(bad, run, files):
    before = files()
    done = run(*SAMPLE, "--device", "cuda:7")
    assert done.code == PROVIDER
    assert done.err.count("\n") == 1
    assert files() == before


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        ((*SAMPLE, "--seeds", "0-3", "--out", "out"), "out/seed-0003.png"),
        ((*SAMPLE, "--seeds", "0-3", "--sheet", "--out", "out"), "out-sheet.png"),
        (("interpolate", "full.onnx", "--frames", "4", "--out", "out/a.webp"), "out/a.webp"),
        (("interpolate", "full.onnx", "--frames", "4", "--out", "out"), "out/frame-00002.png"),
        ((*STYLE, "photos", "--out", "out"), "out/dog-styles.png"),
        (("sheet", "photos/cat.jpg", "--model", "styles.onnx", "--out", "out"), "out/cat-sheet.png"),
        (("score", "scorer.onnx", "photos", "--sheet", "out"), "out/ranking.png"),
    ],
)
def test_existing_files_are_refused_before_rendering(run, files, here, rendered, arguments, file):
    (here / "out").mkdir()
    (here / file).write_bytes(b"mine")
    before = files()
    done = run(*arguments)
    assert done.code == FILE
    assert f"{file}: exists already - add --overwrite" in done.err
    assert done.err.count("\n") == 1
    assert files() == before
    assert sum(rendered) == 0
    done = run(*arguments, "--overwrite")
    assert done.code == 0, done.err
    assert (here / file).read_bytes() != b"mine"


@pytest.mark.parametrize("out", ["out", "out/a.webp"])
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="whoever runs this may write anywhere")
def test_a_read_only_folder(run, here, out):  # pragma: no cover - not as root
    (here / "out").mkdir(mode=0o500)
    done = run("interpolate", "full.onnx", "--frames", "3", "--out", out)
    assert done.code == FILE
    assert "permission denied" in done.err


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EROFS, "the disk is read-only: choose another folder with --out"),
        (errno.ENOSPC, "no space left on device - free some space"),
        (errno.EACCES, "check the permissions or choose another folder with --out"),
    ],
)
def test_a_disk_that_does_not_take_the_picture(run, files, monkeypatch, number, message):
    before = files()

    def refuse(self, data):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    done = run(*SAMPLE, "--seeds", "0", "--out", "out")
    assert done.code == FILE
    assert message in done.err
    assert done.err.count("\n") == 1
    assert files() == before


def test_a_hostile_file_name_stays_on_one_line(run, here):
    done = run(*STYLE, "no\nsuch\tfile.jpg")
    assert done.code == FILE
    assert done.err.count("\n") == 1
