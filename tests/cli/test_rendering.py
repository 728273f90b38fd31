"""The commands that render: what they write, that it is the same every time, and what they print."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.files import file_digest
from ganplugin.latent_files import Latents, save_latents
from ganplugin.seeds import seed_latents
from tests.nodes.kit import as_levels


def digests(folder: str) -> dict[str, str]:
    return {path.name: file_digest(path) for path in sorted(Path(folder).iterdir())}


def test_the_same_seeds_give_the_same_files(run, here, tmp_path):
    assert run("sample", "full.onnx", "--seeds", "0-63", "--out", "a").code == 0
    whole = digests("a")
    assert len(whole) == 64
    for number, options in enumerate((["--seeds", "0-63"], ["--seeds", "0-63", "--batch", "7"], ["--batch", "1"])):
        seeds = options if "--seeds" in options else [*options, "--seeds", "63,5,0-2,40-50"]
        assert run("sample", "full.onnx", *seeds, "--out", f"b{number}").code == 0
        again = digests(f"b{number}")
        assert again == {name: whole[name] for name in again}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy("full.onnx", elsewhere)
    command = [sys.executable, "-m", "ganplugin", "sample", "full.onnx", "--seeds", "9,3-5", "--out", "c"]
    environment = {**os.environ, "PYTHONHASHSEED": "77", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    subprocess.run(command, cwd=elsewhere, env=environment, check=True, capture_output=True, timeout=120)
    again = digests(str(elsewhere / "c"))
    assert len(again) == 4
    assert again == {name: whole[name] for name in again}


def test_sampling_says_what_it_wrote(run, here):
    done = run("sample", "full.onnx", "--seeds", "3,1", "--out", "out")
    assert done.out == "2 pictures, out/seed-0003.png to out/seed-0001.png (full.onnx on CPU)\n"
    assert done.err == ""
    one = run("sample", "full.onnx", "--seeds", "7", "--out", "out", "--format", "webp")
    assert one.out == "out/seed-0007.webp (full.onnx on CPU)\n"


def test_sampling_in_json(run, here):
    result = json.loads(run("sample", "full.onnx", "--seeds", "3", "--json").out)
    assert result == {
        "files": ["samples/seed-0003.png"],
        "model": "full.onnx",
        "sha256": file_digest(here / "full.onnx"),
        "provider": "CPUExecutionProvider",
        "threads": 2,
    }


def test_a_sample_through_standard_output(run, here):
    done = run("sample", "full.onnx", "--seeds", "3", "--out", "-")
    assert run("sample", "full.onnx", "--seeds", "3").code == 0
    assert done.stdout == (here / "samples" / "seed-0003.png").read_bytes()


def test_a_sheet_beside_the_samples(run, here):
    assert run("sample", "full.onnx", "--seeds", "0-3", "--sheet", "--out", "out").code == 0
    assert sorted(digests("out")) == [f"seed-000{seed}.png" for seed in range(4)]
    assert (here / "out-sheet.png").is_file()
    assert not (here / "two").exists()


def test_options_reach_the_picture(run, here):
    pictures = {}
    for number, options in enumerate(
        (
            [],
            ["--truncation", "0.5"],
            ["--truncation", "0.5", "--truncation-cutoff", "1"],
            ["--noise", "none"],
            ["--noise", "seeded"],
            ["--mix", "9"],
            ["--mix", "9", "--layers", "coarse"],
            ["--mix", "9", "--truncation", "0.5"],
        )
    ):
        done = run("sample", "full.onnx", "--seeds", "3", "--out", f"o{number}", *options)
        assert done.code == 0, done.err
        (path,) = Path(f"o{number}").iterdir()
        pictures[as_levels(path).tobytes()] = options
    assert len(pictures) == 8
    assert run("sample", "classes.onnx", "--seeds", "3", "--out", "cat").err.startswith("no label given: using 'cat'")
    assert run("sample", "classes.onnx", "--seeds", "3", "--out", "dog", "--label", "dog").err == ""
    assert digests("cat") != digests("dog")


def test_latents_from_a_file(run, here):
    save_latents(Latents("z", seed_latents((3, 4), 4)), Path("z.npz"))
    assert run("sample", "full.onnx", "--latents", "z.npz", "--out", "a").code == 0
    assert run("sample", "full.onnx", "--seeds", "3-4", "--out", "b").code == 0
    assert np.array_equal(as_levels(Path("a/sample-00001.png")), as_levels(Path("b/seed-0004.png")))
    assert run("sample", "full.onnx", "--latents", "z.npz", "--mix", "4", "--layers", "all", "--out", "c").code == 0
    assert np.abs(as_levels(Path("c/sample-00000.png")).astype(int) - as_levels(Path("b/seed-0004.png"))).max() <= 1
    assert run("interpolate", "full.onnx", "--latents", "z.npz", "--frames", "4", "--out", "d").code == 0
    assert np.abs(as_levels(Path("d/frame-00002.png")).astype(int) - as_levels(Path("b/seed-0004.png"))).max() <= 1


@pytest.mark.parametrize("out", ["walk.webp", "walk.gif", "walk.png", "walk.mp4", "sub/walk.WEBP"])
def test_walks_as_films(run, here, out):
    options = ("--frames", "6", "--fps", "12.5", "--scale", "16", "--seeds", "1,2", "--curve", "spline")
    done = run("interpolate", "full.onnx", *options, "--out", out, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["files"] == [out]
    if not out.endswith("mp4"):
        with Image.open(out) as film:
            assert (film.n_frames, film.size) == (6, (128, 128))
    first = file_digest(here / out)
    assert run("interpolate", "full.onnx", *options, "--out", out, "--overwrite", "--batch", "1").code == 0
    assert file_digest(here / out) == first


def test_walks_as_frames_and_under_the_default_name(run, here, monkeypatch):
    done = run("interpolate", "full.onnx", "--frames", "3", "--out", "v1.2/", "--no-loop", "--easing", "smooth")
    assert done.code == 0, done.err
    assert sorted(digests("v1.2")) == [f"frame-0000{index}.png" for index in range(3)]
    from ganplugin import video

    monkeypatch.setattr(video, "best_suffix", lambda: ".webp")
    assert run("interpolate", "full.onnx", "--frames", "3").out == "walk.webp (full.onnx on CPU)\n"


def test_styling_folders_and_one_picture_through_pipes(run, here):
    done = run("style", "styles.onnx#night", "photos", "--out", "out")
    assert done.out == "2 pictures, out/cat-night.png to out/dog-night.png (styles.onnx#night on CPU)\n"
    assert as_levels(here / "out" / "dog-night.png").shape == (5, 6, 4)
    photo = (here / "photos" / "cat.jpg").read_bytes()
    piped = run("style", "styles.onnx#night", "-", "--out", "-", stdin=photo)
    assert piped.code == 0, piped.err
    with Image.open(io.BytesIO(piped.stdout)) as image:
        assert np.array_equal(np.asarray(image), as_levels(here / "out" / "cat-night.png"))
    assert run("style", "styles.onnx", "-", "--out", "named", stdin=photo).out.startswith("named/stdin-styles.png")


def test_style_options(run, here):
    plain = as_levels(here / "photos" / "cat.jpg")
    assert run("style", "styles.onnx", "photos/cat.jpg", "--strength", "0", "--out", "zero").code == 0
    assert np.abs(as_levels(here / "zero" / "cat-styles.png").astype(int) - plain).max() <= 1
    assert run("style", "styles.onnx", "photos/cat.jpg", "--max-side", "5", "--out", "small").code == 0
    assert as_levels(here / "small" / "cat-styles.png").shape == (5, 3, 3)
    assert run("style", "styles.onnx", "photos/cat.jpg", "--styles", "wave=2,night", "--out", "blend").code == 0
    assert list(digests("blend")) == ["cat-wave-night.png"]
    done = run("style", "painting.onnx", "photos/cat.jpg", "--style-image", "photos/dog.png", "--out", "art")
    assert list(digests("art")) == ["cat-painting.png"], done.err
    for way in ("luminance", "statistics", "histogram"):
        assert run("style", "styles.onnx", "photos/cat.jpg", "--preserve-color", way, "--out", way).code == 0


def test_two_photos_of_one_stem(run, here):
    (here / "more").mkdir()
    shutil.copy("photos/cat.jpg", "more/cat.jpg")
    assert run("style", "styles.onnx", "photos/cat.jpg", "more/cat.jpg", "--out", "out").code == 0
    assert sorted(digests("out")) == ["cat-styles-2.png", "cat-styles.png"]


def test_an_upscaler_enlarges_and_its_pictures_can_be_rendered_again(run, here):
    assert run("style", "upscaler.onnx", "photos/dog.png", "--out", "large").code == 0
    large = here / "large" / "dog-upscaler.png"
    assert as_levels(large).shape == (15, 18, 4)
    assert "identical, byte for byte" in run("again", large, "--inputs", ".").out


def test_the_scale_of_an_upscaler_is_shown(run, here):
    listed = {entry["model"]: entry for entry in json.loads(run("models", "--json").out)["models"]}
    assert (listed["upscaler.onnx"]["scale"], listed["styles.onnx"]["scale"]) == (3, 1)
    assert "any, enlarged x3" in run("models").out
    assert "enlarges" in run("inspect", "upscaler.onnx").out
    assert json.loads(run("inspect", "upscaler.onnx", "--json").out)["manifest"]["scale"] == 3
    assert "enlarges" not in run("inspect", "styles.onnx").out


def test_one_picture_in_every_style(run, here, monkeypatch):
    options = ("--model", "styles.onnx#wave", "--model", "styles.onnx#night", "--captions", "--cell", "32")
    done = run("sheet", "photos/cat.jpg", *options, "--json")
    assert json.loads(done.out)["files"] == ["sheets/cat-sheet.png"]
    from ganplugin import library

    monkeypatch.setattr(library, "builtin_styles", lambda: ("styles.onnx#wave", "styles.onnx#night"))
    assert run("sheet", "photos/cat.jpg", "--captions", "--cell", "32", "--out", "again").code == 0
    assert digests("again") == digests("sheets")
    assert run("sheet", "photos/cat.jpg", "--cell", "32", "--captions", "--out", "-").stdout[:4] == b"\x89PNG"


def test_ranking(run, here):
    assert run("sample", "full.onnx", "--seeds", "0-4", "--out", "samples").code == 0
    rows = json.loads(run("score", "scorer.onnx", "samples", "--json").out)["ranking"]
    assert len(rows) == 5
    assert [row["score"] for row in rows] == sorted((row["score"] for row in rows), reverse=True)
    done = run("score", "scorer.onnx", "samples", "--keep", "2", "--sheet", "best", "--columns", "2")
    assert [line.split()[0] for line in done.out.splitlines()] == ["1", "2"]
    assert [line.split()[2] for line in done.out.splitlines()] == [row["picture"] for row in rows[:2]]
    assert list(digests("best")) == ["ranking.png"]
    assert run("score", "scorer.onnx", "samples", "--sheet", "page.webp").code == 0
    with Image.open("page.webp") as page:
        assert page.format == "WEBP"
    assert "cannot be written as .gif" in run("score", "scorer.onnx", "samples", "--sheet", "page.gif").err
    found = json.loads(run("score", "scorer.onnx", here / "samples", "--json").out)["ranking"]
    assert {row["picture"] for row in found} == {str(here / row["picture"]) for row in rows}
    assert run("score", "scorer-classes.onnx", "samples", "--label", "dog").code == 0


def test_a_ranking_against_training_pictures_says_each_ones_place_among_them(run, here):
    run("sample", "full.onnx", "--seeds", "0-3", "--out", "samples")
    run("sample", "full.onnx", "--seeds", "10-13", "--out", "training")
    judged = json.loads(run("score", "scorer.onnx", "training", "--json").out)["ranking"]
    done = json.loads(run("score", "scorer.onnx", "samples", "--against", "training", "--keep", "2", "--json").out)
    for row in done["ranking"]:
        assert row["percentile"] == 25 * sum(other["score"] < row["score"] for other in judged)
    assert len(done["ranking"]) == 2
    shown = run("score", "scorer.onnx", "samples", "--against", "training").out
    assert shown.count(" %  ") == 4


def test_listing_models(run, here):
    found = {entry["model"]: entry for entry in json.loads(run("models", "--json").out)["models"]}
    assert found["full.onnx"]["kind"] == "generator"
    assert found["full.onnx"]["size"] == [8, 8]
    assert found["styles.onnx"]["styles"] == ["wave", "night"]
    (here / "junk.onnx").write_bytes(b"junk")
    table = run("models").out
    assert "full.onnx" in table
    assert "8x8" in table
    assert "any" in table
    assert " - " in next(line for line in table.splitlines() if line.startswith("junk.onnx"))
