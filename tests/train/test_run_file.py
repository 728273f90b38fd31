from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ganplugin import __version__
from ganplugin.errors import FileError, TrainingError
from ganplugin.train.page.folder import FACTS as FILE
from ganplugin.train.page.folder import STATE
from ganplugin.train.run_file import (
    Called,
    as_before,
    config_of_start,
    facts_of_same_data,
    note_call,
    run_of,
    write_facts,
)

CALLED = Called(("train", "generator", "textures"), {"batch": 4, "loss": None}, ("batch",))
FACTS = {"recipe": "quick", **CALLED.facts(), "data_digest": "abc"}


def begun(folder: Path) -> Path:
    write_facts(folder, FACTS)
    (folder / STATE).touch()
    return folder


def test_what_a_run_wrote_is_what_it_goes_on_with(tmp_path: Path) -> None:
    folder = begun(tmp_path / "run")
    found = run_of(folder, "generator", resume=True)
    assert found == facts_of_same_data(folder, "abc")
    assert found["options"] == {"batch": 4, "loss": None}
    assert found["versions"] == {"ganplugin": __version__, "torch": torch.__version__}
    assert str(found["started"]).endswith("+00:00")


def test_a_new_run_does_not_look_like_one_that_died_before_its_first_save(tmp_path: Path) -> None:
    write_facts(tmp_path, FACTS)
    assert run_of(tmp_path, "generator", resume=False) == {}
    write_facts(tmp_path, {**FACTS, "recipe": "mlp"})
    assert json.loads((tmp_path / FILE).read_text())["recipe"] == "mlp"


def test_how_a_run_goes_on_is_written_down_and_the_rest_stays(tmp_path: Path) -> None:
    before = run_of(begun(tmp_path), "generator", resume=True)
    note_call(tmp_path, Called(("train", "generator", "x"), {"batch": 4, "loss": "hinge"}, ("batch", "loss")))
    after = run_of(tmp_path, "generator", resume=True)
    assert {name for name in before if before[name] != after[name]} == {"command", "options", "given"}
    assert after["given"] == ["batch", "loss"]


def test_a_run_of_the_first_release_wrote_nothing_and_nothing_is_added(tmp_path: Path) -> None:
    (tmp_path / STATE).touch()
    assert run_of(tmp_path, "style", resume=True) == {}
    note_call(tmp_path, CALLED)
    assert not (tmp_path / FILE).exists()


def test_a_run_that_is_there_or_not_or_of_another_kind_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no state to resume"):
        run_of(tmp_path, "generator", resume=True)
    begun(tmp_path)
    with pytest.raises(TrainingError, match="holds a run already"):
        run_of(tmp_path, "generator", resume=False)
    with pytest.raises(TrainingError, match="go on with ganplugin train generator"):
        run_of(tmp_path, "style", resume=True)


def test_other_pictures_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    assert facts_of_same_data(tmp_path, "abc") == {}
    begun(tmp_path)
    with pytest.raises(TrainingError, match="other pictures"):
        facts_of_same_data(tmp_path, "abd")
    (tmp_path / FILE).write_text('{"recipe": "qui')
    with pytest.raises(TrainingError, match="damaged"):
        run_of(tmp_path, "generator", resume=True)


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(FileError):
            write_facts(place, FACTS)


def test_what_was_found_best_holds_where_nothing_is_asked_for() -> None:
    assert as_before({"precision": "bf16"}, "precision", "auto") == "bf16"
    assert as_before({"precision": "bf16"}, "precision", "fp32") == "fp32"
    assert as_before({}, "precision", "auto") == "auto"


def test_what_json_cannot_hold_and_another_training_are_left_out() -> None:
    config = {"padding": "zero", "weights": torch.zeros(1), "training": {"steps": 3}, "digest": "x", "classes": []}
    assert config_of_start(config, "a.pkl", "CC0") == {"padding": "zero", "from": "a.pkl", "from_rights": "CC0"}
