"""What a node may ask of its host: where to write, and to report and stop."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes.context import Context, Folders, SilentReporter


def test_without_an_output_folder_a_name_is_a_path():
    for name in ("a.png", "a/b.png", "/tmp/a.png", "../a.png"):
        assert Folders().output(name) == Path(name)


@pytest.mark.parametrize(
    ("name", "path"), [("a.png", "out/a.png"), ("a/b", "out/a/b"), ("./a", "out/a"), (".", "out"), ("", "out")]
)
def test_names_lie_below_the_output_folder(name, path):
    assert Folders(outputs=Path("out")).output(name) == Path(path)


@pytest.mark.parametrize("name", ["/a", "..", "../a", "a/../../b", "a/.."])
def test_names_that_lead_outside_are_refused(name):
    with pytest.raises(InputError, match="is outside the output folder - give a name below it") as refused:
        Folders(outputs=Path("out")).output(name)
    assert refused.value.where == repr(name)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_links_that_lead_outside_are_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "there").symlink_to(tmp_path)
    (tmp_path / "out" / "inside").symlink_to(tmp_path / "out" / "deeper")
    (tmp_path / "out" / "deeper").mkdir()
    folders = Folders(outputs=tmp_path / "out")
    for name in ("there", "there/a", "there/out/../../a"):
        with pytest.raises(InputError):
            folders.output(name)
    assert folders.output("inside/a.png").resolve() == tmp_path / "out" / "deeper" / "a.png"


@given(st.text() | st.lists(st.sampled_from(["..", ".", "a", "", "/", "\\", "C:", "~", "\0"])).map("/".join))
@example("C:\\x")
@example("\\\\server\\share")
@example("a\\..\\..\\b")
def test_any_name_is_below_the_folder_or_refused(name):
    folders = Folders(outputs=Path("out"))
    try:
        path = folders.output(name)
    except InputError:
        return
    assert Path(os.path.normpath(path)).parts[0] == "out"
    assert ".." not in path.parts


def test_tracking_reports_every_step_and_asks_before_each():
    steps: list[object] = []

    class Reporter(SilentReporter):
        def task(self, label, total):
            steps.append((label, total))
            return nullcontext(steps.append)

    assert list(Context(reporter=Reporter()).track("abc", "Work", 3)) == ["a", "b", "c"]
    assert steps == [("Work", 3), 1, 2, 3]
    assert list(Context().track("ab", "Work", 2)) == ["a", "b"]
    answers = iter([False, True])
    seen: list[str] = []
    with pytest.raises(Cancelled):
        seen.extend(Context(cancelled=lambda: next(answers)).track("abc", "Work", 3))
    SilentReporter().message("x")
    SilentReporter().preview(np.zeros((1, 1, 3), np.float32))
