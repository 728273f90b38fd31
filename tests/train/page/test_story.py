from __future__ import annotations

from pathlib import Path

import pytest

from ganplugin.errors import InputError, TrainingError
from ganplugin.train.page.story import read_story
from tests.train.page.runs_made import entry, run_folder


def test_a_folder_tells_its_run(tmp_path: Path) -> None:
    story = read_story(run_folder(tmp_path / "icons", notes=40, saves=4))
    assert (story.name, story.fact("recipe"), story.step) == ("icons", "quick", 2000)
    assert (len(story.losses), len(story.metrics), story.backbones) == (40, 4, ["EfficientNet-Lite0"])
    assert story.rate == pytest.approx(1000 * 0.064 / 0.31)
    assert [grid.path for grid in story.grids] == [f"grids/{step:06d}.png" for step in (500, 1000, 1500, 2000)]
    assert [story.grids[0].kimg, story.grids[0].seconds] == pytest.approx([32, 155])
    assert [verdict.level for verdict in story.verdicts] == ["good", "watch", "unknown"]
    best = story.best()
    assert best is not None
    assert (best.step, best.value) == (2000, min(story.metrics.column("kid")))
    assert story.best("fid") is None


def test_torn_and_foreign_lines_are_passed_over(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", notes=8, saves=2)
    with (folder / "log.jsonl").open("a") as stream:
        stream.write('[1]\n"x"\n{"kind": "losses"}\nnonsense\n{"kind": "odd", "step": 9}\n')
        stream.write(entry("verdicts", 450, verdicts=[{"name": "x", "level": "purple", "words": "y"}, 3]) + "\n")
        stream.write('{"kind": "losses", "step": 5')
    story = read_story(folder)
    assert len(story.losses) == 8
    assert [(one.name, one.level, one.fix) for one in story.verdicts] == [("x", "unknown", "")]


def test_metrics_of_an_earlier_build_get_the_time_of_the_losses_before(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(
        entry("losses", 100, loss=1) + '\n{"kind": "metrics", "step": 100, "kimg": 6.4, "kid": 0.5}\n'
    )
    best = read_story(tmp_path).best()
    assert best is not None
    assert best.seconds == 31


def test_a_run_that_was_just_started_is_one(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").touch()
    story = read_story(tmp_path)
    assert (story.step, story.seconds, story.rate, story.grids, story.best()) == (0, 0, None, [], None)


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run.*log\.jsonl"):
        read_story(tmp_path)
    with pytest.raises(InputError, match="is no folder of a run"):
        read_story(tmp_path / "none")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(TrainingError, match=r"run\.json.*is damaged"):
        read_story(tmp_path)
