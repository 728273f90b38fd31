from __future__ import annotations

from pathlib import Path

import pytest

from ganplugin.errors import FileError, InputError
from ganplugin.train.page.comparing import compare
from ganplugin.train.page.comparison_page import comparison_data, write_comparison_page
from tests.series.test_gallery import ATTACK, Outline, data_of
from tests.train.page.runs_made import run_folder


def test_the_lowest_of_alike_runs_is_told(tmp_path: Path) -> None:
    folders = [run_folder(tmp_path / "a"), run_folder(tmp_path / "b", good=2), run_folder(tmp_path / "c", good=0.5)]
    found = compare([*folders, tmp_path / "a" / ".." / "a"])
    assert [(run.name, run.is_best) for run in found.runs] == [("a", False), ("b", True), ("c", False)]
    assert {run.group for run in found.runs} == {0}
    assert found.warnings == ()
    assert found.runs[0].verdict == "overfitting watch"
    facts = found.runs[1].facts()
    assert (facts["recipe"], facts["kimg"], facts["minutes"]) == ("quick", 128, 10.33)
    assert facts["best_kid_minutes"] == 10.33


def test_what_another_backbone_saw_is_told_and_not_ranked(tmp_path: Path) -> None:
    plain, other = run_folder(tmp_path / "a"), run_folder(tmp_path / "b", backbone="Inception", good=9)
    found = compare([plain, other])
    assert [run.is_best for run in found.runs] == [False, False]
    assert [run.group for run in found.runs] == [0, 1]
    assert any("EfficientNet-Lite0 and by Inception" in words for words in found.warnings)
    data = comparison_data(found, tmp_path)
    assert [[line["label"] for line in group["charts"][0]["lines"]] for group in data["groups"]] == [["a"], ["b"]]


def test_other_pictures_are_told_and_not_mixed(tmp_path: Path) -> None:
    found = compare([run_folder(tmp_path / "a"), run_folder(tmp_path / "b", data_digest="b" * 64)])
    assert any("different pictures" in words for words in found.warnings)
    assert [run.group for run in found.runs] == [0, 1]


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    found = compare([run_folder(tmp_path / "x" / "run"), run_folder(tmp_path / "y" / "run")])
    assert [run.name for run in found.runs] == ["x/run", "y/run"]


def test_runs_that_were_not_measured_are_told(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "log.jsonl").touch()
    found = compare([run_folder(tmp_path / "a"), bare])
    assert "not measured: bare" in found.warnings
    assert (found.runs[1].best, found.runs[1].verdict) == (None, "")


def test_what_is_no_run_and_too_many_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        compare([tmp_path])
    with pytest.raises(InputError, match="at most 24"):
        compare([tmp_path / str(number) for number in range(25)])


def test_the_page_lays_curves_over_one_another(tmp_path: Path) -> None:
    found = compare([run_folder(tmp_path / "runs" / "a"), run_folder(tmp_path / "runs" / "b", notes=2000, saves=5)])
    path = write_comparison_page(found, tmp_path / "pages" / "compare.html", overwrite=False)
    data = data_of(path.read_text())
    assert data["runs"][0]["grid"] == "../runs/a/grids/002000.png"
    (group,) = data["groups"]
    assert [chart["name"] for chart in group["charts"]][:3] == ["kid", "precision", "recall"]
    kid = group["charts"][0]["lines"]
    assert [(line["label"], line["colour"], len(line["mean"])) for line in kid] == [("a", 0, 4), ("b", 1, 5)]
    assert kid[0]["minutes"][0] == pytest.approx(2.583)
    assert len(data["losses"][0]["lines"][1]["mean"]) <= 240
    with pytest.raises(FileError, match="exists"):
        write_comparison_page(found, path, overwrite=False)


def test_nothing_that_people_write_becomes_markup(tmp_path: Path) -> None:
    calm = write_comparison_page(compare([run_folder(tmp_path / "calm")]), tmp_path / "calm.html", overwrite=False)
    hostile = run_folder(tmp_path / "<script>alert(1)<", recipe=ATTACK, data=ATTACK, backbone=ATTACK)
    page = write_comparison_page(compare([hostile]), tmp_path / "hostile.html", overwrite=False).read_text()
    assert [tag for tag, _ in Outline(page).elements] == [tag for tag, _ in Outline(calm.read_text()).elements]
    assert data_of(page)["runs"][0]["recipe"] == ATTACK
