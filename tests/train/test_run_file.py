from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ganplugin import __version__
from ganplugin.errors import TrainingError
from ganplugin.train.page.folder import FACTS as FILE
from ganplugin.train.run_file import facts_of_same_data, plain_config, recorded, write_facts

FACTS = {"recipe": "quick", "options": {"batch": 4}, "data_digest": "abc"}


def test_what_a_run_wrote_is_what_it_goes_on_with(tmp_path: Path) -> None:
    write_facts(tmp_path / "run", FACTS)
    assert recorded(tmp_path / "run") == {"recipe": "quick", "batch": 4}
    facts = facts_of_same_data(tmp_path / "run", "abc")
    assert facts["versions"] == {"ganplugin": __version__, "torch": torch.__version__}
    assert str(facts["started"]).endswith("+00:00")


def test_what_was_written_stays(tmp_path: Path) -> None:
    write_facts(tmp_path, FACTS)
    write_facts(tmp_path, {**FACTS, "recipe": "mlp"})
    assert json.loads((tmp_path / FILE).read_text())["recipe"] == "quick"


def test_other_pictures_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    assert recorded(tmp_path) == {}
    assert facts_of_same_data(tmp_path, "abc") == {}
    write_facts(tmp_path, FACTS)
    with pytest.raises(TrainingError, match="other pictures"):
        facts_of_same_data(tmp_path, "abd")
    (tmp_path / FILE).write_text('{"recipe": "qui')
    with pytest.raises(TrainingError, match="damaged"):
        recorded(tmp_path)


def test_what_json_cannot_hold_and_another_training_are_left_out() -> None:
    config = {"padding": "zero", "weights": torch.zeros(1), "training": {"steps": 3}, "digest": "x", "classes": []}
    assert plain_config(config) == {"padding": "zero"}
