from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from ganplugin.cli.style import command as style_command
from ganplugin.cli.train import command
from ganplugin.errors import FileError, GanPluginError, InputError, ProviderError, TrainingError
from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.modelfile import read_manifest
from ganplugin.models.vgg import VggFeatures
from ganplugin.train import arbitrary_recipe, style_recipe
from ganplugin.train.checkpoint import read_checkpoint
from tests.train.conftest import random_features
from tests.train.page.runs_made import run_folder

GENERATOR = ("--size", "16", "--width", "4", "--batch", "4", "--kimg", "0.012", "--precision", "fp32")


def call(*arguments: object) -> Result:
    """Run ``ganplugin train`` in this process, where its errors can be seen."""
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def error_of(*arguments: object) -> GanPluginError:
    """Run a command that must fail, and return its error."""
    raised = call(*arguments).exception
    assert isinstance(raised, GanPluginError), raised
    return raised


def test_trains_a_generator_that_exports_with_its_scorer(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("generator", folder, "--out", out, *GENERATOR, "--licence", "CC0", "--data", "noise")
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out / "checkpoint.safetensors")
    assert "20 pictures of 16 x 16, 3 channels" in done.stderr
    exported = export_checkpoint(out / "checkpoint.safetensors")
    manifest = read_manifest(exported.path)
    assert (manifest.kind, manifest.family, manifest.width) == ("generator", "ganplugin-quick", 16)
    assert manifest.licence == "CC0"
    assert manifest.training["steps"] == 3
    assert exported.averaged
    scorer = read_manifest(export_checkpoint(out / "checkpoint.safetensors", options=ExportOptions(part="scorer")).path)
    assert scorer.kind == "scorer"


def test_resumes_a_run(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert call("generator", folder, "--out", out, *GENERATOR).exit_code == 0
    assert isinstance(error_of("generator", folder, "--out", out, *GENERATOR), TrainingError)
    assert call("generator", folder, "--out", out, *GENERATOR, "--kimg", "0.02", "--resume").exit_code == 0
    assert {path.name for path in (out / "grids").iterdir()} == {"000003.png", "000005.png"}


def test_resumes_as_the_run_was_begun_without_being_told(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ("--recipe", "mlp", "--size", "8", "--width", "6", "--batch", "4", "--loss", "lsgan", "--seed", "5")
    assert call("generator", folder, "--out", out, *options, "--kimg", "0.008").exit_code == 0
    again = call("generator", folder, "--out", out, "--resume", "--kimg", "0.016")
    assert again.exit_code == 0, again.exception
    manifest = read_manifest(export_checkpoint(out / "checkpoint.safetensors").path)
    assert {"recipe": "mlp", "loss": "lsgan", "steps": 4, "seed": 5}.items() <= manifest.training.items()


def test_what_cannot_change_is_refused_and_what_can_is_remembered(folder: Path, tmp_path: Path) -> None:
    """Once a resumed run counted other pictures than it had seen, and forgot what it was told and whose they were."""
    out = tmp_path / "run"
    begin = (*GENERATOR, "--data", "noise", "--licence", "CC0", "--no-metrics", "--save-minutes", "9")
    assert call("generator", folder, "--out", out, *begin).exit_code == 0
    resume = ("generator", folder, "--out", out, "--resume")
    for option, value in (
        ("--batch", "5"),
        ("--size", "32"),
        ("--seed", "1"),
        ("--held-out", "0.3"),
        ("--freeze", "1"),
    ):
        error = error_of(*resume, option, value, "--kimg", "0.02")
        assert isinstance(error, InputError)
        assert option in str(error)
    assert "begun with 4" in str(error_of(*resume, "--batch", "5"))
    assert "begun with quick" in str(error_of(*resume, "--recipe", "mlp"))
    same = ("--batch", "4", "--recipe", "quick")
    assert call(*resume, *same, "--augment", "cutout", "--kimg", "0.016").exit_code == 0
    assert call(*resume, "--kimg", "0.02").exit_code == 0
    facts = json.loads((out / "run.json").read_text())
    options = facts["options"]
    assert (options["batch"], options["augment"], options["metrics"]) == (4, "cutout", False)
    assert (options["save_minutes"], "augment" in facts["given"]) == (9.0, True)
    manifest = read_manifest(export_checkpoint(out / "checkpoint.safetensors").path)
    assert (manifest.licence, manifest.training["data"], manifest.training["steps"]) == ("CC0", "noise", 5)


def test_a_batch_that_was_left_to_the_recipe_is_no_other_later(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    begin = ("--recipe", "mlp", "--size", "8", "--width", "6", "--no-metrics", "--kimg", "0.064")
    assert call("generator", folder, "--out", out, *begin).exit_code == 0
    resume = ("generator", folder, "--out", out, "--resume", "--kimg", "0.128")
    assert "begun with 64" in str(error_of(*resume, "--batch", "16"))
    assert call(*resume, "--batch", "64").exit_code == 0


def test_a_run_goes_on_to_the_end_that_it_was_given(folder: Path, tmp_path: Path) -> None:
    """Bug: --resume alone took half an hour for the end, whatever was asked for at first."""
    out = tmp_path / "run"
    begin = ("--recipe", "mlp", "--size", "8", "--width", "6", "--batch", "4", "--no-metrics")
    assert call("generator", folder, "--out", out, *begin, "--kimg", "0.008").exit_code == 0
    facts = json.loads((out / "run.json").read_text())
    facts["options"]["kimg"] = 0.02  # as if it had been stopped before
    (out / "run.json").write_text(json.dumps(facts))
    for length, steps in (((), 5), (("--minutes", "0.0001"), 5), (("--kimg", "0.024"), 6), ((), 6)):
        assert call("generator", folder, "--out", out, "--resume", *length).exit_code == 0
        _, config = read_checkpoint(out / "checkpoint.safetensors")
        assert config["training"]["steps"] == steps  # type: ignore[index]


def test_a_dcgan_keeps_to_its_norms_and_its_options(folder: Path, tmp_path: Path) -> None:
    """Bug: it was said to have another width, and options that had just failed were those of the next --resume."""
    out = tmp_path / "run"
    begin = ("--recipe", "dcgan", "--size", "16", "--width", "4", "--batch", "4", "--no-metrics", "--kimg", "0.008")
    assert call("generator", folder, "--out", out, *begin).exit_code == 0
    resume = ("generator", folder, "--out", out, "--resume", "--kimg", "0.012")
    assert "batch norms" in str(error_of(*resume, "--penalty", "r1=1"))
    again = call(*resume)
    assert again.exit_code == 0, again.exception


def test_a_run_of_another_kind_is_not_gone_on_with(folder: Path, features: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert call("generator", folder, "--out", out, *GENERATOR).exit_code == 0
    photos = ("--photos", folder, "--features", features)
    error = error_of("style", folder / "00.png", *photos, "--out", out, "--resume", "--steps", "3")
    assert "go on with ganplugin train generator" in str(error)


def test_nothing_is_frozen_that_was_not_learned(folder: Path, tmp_path: Path) -> None:
    error = error_of("generator", folder, "--out", tmp_path / "run", *GENERATOR, "--freeze", "1")
    assert "--from" in str(error)


def test_a_file_in_the_place_of_the_run_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert isinstance(error_of("generator", folder, "--out", tmp_path / "file" / "run", *GENERATOR), FileError)


def test_a_training_that_died_before_its_first_save_leaves_no_name_behind(folder: Path, tmp_path: Path) -> None:
    """Its run.json once described the next run in the same place, which then could not go on."""
    out = tmp_path / "run"
    out.mkdir()
    (out / "run.json").write_text('{"recipe": "quick", "command": ["train", "generator"], "data_digest": "other"}')
    options = ("--recipe", "mlp", "--size", "8", "--width", "6", "--batch", "4")
    assert call("generator", folder, "--out", out, *options, "--kimg", "0.008").exit_code == 0
    assert json.loads((out / "run.json").read_text())["recipe"] == "mlp"
    assert call("generator", folder, "--out", out, "--resume", "--kimg", "0.012").exit_code == 0


def test_a_style_goes_on_with_the_sizes_that_it_was_begun_with(folder: Path, features: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    begin = ("style", folder / "00.png", "--photos", folder, "--features", features, "--out", out)
    assert call(*begin, *SMALL, "--content-weight", "3").exit_code == 0
    before = json.loads((out / "run.json").read_text())["options"]
    again = call("style", folder / "00.png", "--out", out, "--resume", "--steps", "4")
    assert again.exit_code == 0, again.exception
    after = json.loads((out / "run.json").read_text())["options"]
    assert {**before, "steps": 4} == after
    assert after["crop"] == 32 and after["content_weight"] == 3.0
    _, config = read_checkpoint(out / "checkpoint.safetensors")
    assert (config["options"]["crop"], config["options"]["weights"]["content"]) == (32, 3.0)  # type: ignore[index]
    assert "--crop" in str(error_of("style", folder / "00.png", "--out", out, "--resume", "--crop", "64"))


def test_the_page_of_a_run_says_how_to_go_on(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "my run"
    assert call("generator", folder, "--out", out, *GENERATOR, "--no-flip", "--data", "a 'b'").exit_code == 0
    (line,) = re.findall(r'"resume":"(.*?)(?<!\\)",', (out / "run.js").read_text())
    words = shlex.split(json.loads(f'"{line}"'))
    assert words[:4] == ["ganplugin", "train", "generator", str(folder)]
    assert words[-5:] == ["--out", str(out), "--resume", "--kimg", "0.024"]
    assert "--no-flip" in words
    assert call(*words[2:]).exit_code == 0
    assert sorted(path.name for path in (out / "strips").iterdir()) == ["000003.png", "000006.png"]


def test_runs_are_compared(tmp_path: Path) -> None:
    one, other = run_folder(tmp_path / "one"), run_folder(tmp_path / "other", good=2)
    done = call("compare", one, other, "--out", tmp_path / "compare.html")
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.startswith("other"))
    assert row.split()[:5] == ["other", "quick", "128.0", "10.3", "206.5"]
    assert (tmp_path / "compare.html").is_file()
    assert isinstance(error_of("compare", one, "--out", tmp_path / "compare.html"), FileError)
    found = json.loads(call("compare", one, other, "--json").stdout)
    assert [run["is_best"] for run in found["runs"]] == [False, True]
    assert isinstance(error_of("compare", tmp_path), InputError)
    assert call("compare", one, "--out", tmp_path / "compare.txt").exit_code == 2


def test_pictures_are_held_out_as_asked(tmp_path: Path) -> None:
    place = tmp_path / "many"
    place.mkdir()
    random = np.random.default_rng(0)
    for index in range(100):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(place / f"{index:03d}.png")
    done = call("generator", place, "--out", tmp_path / "half", *GENERATOR, "--held-out", "0.5")
    assert done.exit_code == 0, done.exception
    assert 30 <= json.loads((tmp_path / "half" / "run.json").read_text())["held_out_pictures"] <= 70
    assert "kid" in (tmp_path / "half" / "log.jsonl").read_text()
    done = call("generator", place, "--out", tmp_path / "none", *GENERATOR, "--held-out", "0", "--no-metrics")
    assert "no pictures are held out" in done.stderr
    assert "metrics by" not in done.stderr
    assert not (tmp_path / "none" / "copies.png").exists()


def test_crops(folder: Path, tmp_path: Path) -> None:
    done = call("generator", folder, "--out", tmp_path / "run", *GENERATOR, "--crops", "40")
    assert done.exit_code == 0
    assert "40 pictures of 16 x 16" in done.stderr


@pytest.fixture
def features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weight file in name; narrow random features come in its place."""

    def narrow(path: Path) -> VggFeatures:
        return random_features()

    for recipe in (style_recipe, arbitrary_recipe):
        monkeypatch.setattr(recipe, "load_features", narrow)
    return tmp_path / "vgg16.pth"


def test_trains_one_network_for_several_named_styles(folder: Path, features: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    paintings = (folder / "00.png", f"night={folder / '01.png'}")
    small = ("--size", 40, "--crop", 32, "--batch", 1, "--steps", 2, "--precision", "fp32")
    done = call("style", *paintings, "--photos", folder, "--features", features, "--out", out, *small)
    assert done.exit_code == 0, done.output
    manifest = read_manifest(export_checkpoint(out / "checkpoint.safetensors").path)
    assert manifest.styles == ("00", "night")
    assert manifest.kind == "style"


SMALL = ("--size", 64, "--crop", 32, "--batch", 1, "--steps", 2, "--precision", "fp32")


def painted(model: Path, photo: Path, out: Path, *options: object) -> np.ndarray:
    """Paint one picture by ``ganplugin style`` and return it."""
    done = CliRunner().invoke(style_command, [str(one) for one in (model, photo, "--out", out, *options)])
    assert done.exit_code == 0, done.output
    (path,) = out.iterdir()
    with Image.open(path) as image:
        return np.asarray(image, np.float32)


def test_a_folder_of_paintings_is_as_many_styles_to_blend(folder: Path, features: Path, tmp_path: Path) -> None:
    paintings, out = tmp_path / "paintings", tmp_path / "run"
    paintings.mkdir()
    for index, name in enumerate(("wave", "night")):
        Image.open(folder / f"0{index}.png").convert("RGB").point(lambda level, i=index: level // (1 + 4 * i)).save(
            paintings / f"{name}.png"
        )
    (paintings / "torn.png").write_bytes(b"torn")
    done = call("style", paintings, "--photos", folder, "--features", features, "--out", out, *SMALL)
    told = json.loads((out / "run.json").read_text())
    assert (told["recipe"], told["paintings"], told["command"][:2]) == ("style", ["night", "wave"], ["train", "style"])
    assert "ganplugin train style" in (out / "run.js").read_text()
    assert done.exit_code == 0, done.output
    assert "torn.png" in done.stderr
    model = export_checkpoint(out / "checkpoint.safetensors").path
    assert read_manifest(model).styles == ("night", "wave")
    photo = folder / "00.png"
    night, wave, blend = (
        painted(model, photo, tmp_path / name, "--styles", styles)
        for name, styles in (("a", "night"), ("b", "wave"), ("c", "night=1,wave=1"))
    )
    assert night.mean() + 20 < blend.mean() < wave.mean() - 20


def test_a_network_for_any_painting_is_shown_one(folder: Path, features: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = call("arbitrary", folder, "--photos", folder, "--features", features, "--out", out, *SMALL)
    assert done.exit_code == 0, done.output
    assert "18 paintings; kept to try: 05, 15; 20 photos" in done.stderr
    assert "few paintings" in done.stderr
    again = call("arbitrary", folder, "--photos", folder, "--features", features, "--out", out, *SMALL, "--resume")
    assert again.exit_code == 0, again.exception
    model = export_checkpoint(out / "checkpoint.safetensors").path
    blue = np.zeros((40, 60, 3), np.uint8)
    blue[..., 2] = 200
    Image.fromarray(blue).save(tmp_path / "blue.png")
    Image.fromarray(blue[..., ::-1].copy()).save(tmp_path / "red.png")
    made = [
        painted(model, folder / "00.png", tmp_path / f"as-{name}", "--style-image", tmp_path / f"{name}.png")
        for name in ("blue", "red")
    ]
    assert (made[0] - made[1])[..., 2].mean() > 80


def test_one_painting_is_not_enough_for_any(folder: Path, features: Path, tmp_path: Path) -> None:
    photos = ("--photos", folder, "--features", features, "--out", tmp_path / "run")
    assert "ganplugin train style" in str(error_of("arbitrary", folder / "00.png", *photos, *SMALL))


def test_photos_come_from_the_cache_where_none_are_named(
    folder: Path, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path / "cache"))
    alone = ("style", folder / "00.png", "--features", features, "--out", tmp_path / "run", *SMALL)
    assert "fetch_assets.py --only photos" in str(error_of(*alone))
    photos = tmp_path / "cache" / "assets" / "photos"
    photos.parent.mkdir(parents=True)
    folder.rename(photos)
    painting = photos / "00.png"
    done = call("style", painting, *alone[2:])
    assert done.exit_code == 0, done.output
    assert "20 photos" in done.stderr


def test_errors_are_told_by_class(folder: Path, features: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "run")
    assert isinstance(error_of("generator", tmp_path / "none", *out), FileError)
    assert isinstance(error_of("generator", folder, *out, "--size", "50"), InputError)
    assert isinstance(error_of("generator", folder, *out, "--device", "abacus"), ProviderError)
    twice = ("style", folder / "00.png", folder / "00.png", "--photos", folder, "--features", features, *out)
    assert "two paintings" in str(error_of(*twice))
    assert not (tmp_path / "run").exists()


def test_help_shows_examples() -> None:
    for arguments in (("--help",), ("generator", "--help"), ("style", "--help"), ("arbitrary", "--help")):
        assert "Examples:" in call(*arguments).output


def test_a_diverging_run_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    raised = error_of("generator", folder, "--out", tmp_path / "run", *GENERATOR, "--learning-rate", "1e30")
    assert isinstance(raised, TrainingError)
    assert "--learning-rate" in str(raised)


def test_the_pictures_may_be_16_bit_or_tiny(tmp_path: Path) -> None:
    place = tmp_path / "odd"
    place.mkdir()
    for index in range(16):
        Image.fromarray(np.full((1 + index, 3), 4000 * index, np.uint16)).save(place / f"{index}.png")
    assert call("generator", place, "--out", tmp_path / "run", *GENERATOR).exit_code == 0


def test_threads_are_set_as_asked(folder: Path, tmp_path: Path) -> None:
    assert call("generator", folder, "--out", tmp_path / "run", *GENERATOR, "--threads", "1").exit_code == 0
    assert torch.get_num_threads() == 1
