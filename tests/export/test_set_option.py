"""``--set`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ganplugin.cli import main
from tests.models.test_mlp import tutorial_state


def export(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as ended:
        main(["export", *arguments])
    return ended.value.code


def test_a_setting_reaches_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "generator.pth"
    torch.save(tutorial_state((4, 8, 8, 64)), file)
    assert export(str(file), "--set", "bn_eps=1e-5", "--set", "activation=relu", "--json") in (0, None)
    told = {fact["name"]: fact for fact in json.loads(capsys.readouterr().out)["manifest"]["inferred"]}
    assert (told["norm epsilon"]["value"], told["norm epsilon"]["origin"]) == (1e-5, "option")
    assert told["activation"]["value"] == "relu"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bn_eps", "NAME=VALUE"),
        ("=3", "NAME=VALUE"),
        ("bn_eps=", "NAME=VALUE"),
        ("bn_eps=tiny", "bn_eps=tiny is no norm epsilon"),
        ("bn_epsilon=1", "has no setting 'bn_epsilon'"),
    ],
)
def test_nonsense_is_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    file = tmp_path / "generator.pth"
    torch.save(tutorial_state((4, 8, 8, 64)), file)
    assert export(str(file), "--set", text) not in (0, None)
    printed = capsys.readouterr()
    assert told in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == [file]
