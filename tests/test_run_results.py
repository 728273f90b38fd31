"""What the comparisons of losses read from runs, and how they show it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.source import load_script

run_results = load_script("run_results")
make_digits, make_losses = load_script("make_digits"), load_script("make_losses")
make_hours = load_script("make_hours")

Made = Callable[[Sequence[tuple[float, str]]], Path]


@pytest.fixture
def make_run(tmp_path: Path) -> Made:
    """Of (thousand pictures, level of collapse): a run's folder with a sheet of 8 x 8 samples, each of its shade."""
    sheet = np.full((8 * 30 - 2, 8 * 30 - 2, 3), 255, np.uint8)
    for index in range(64):
        top, left = index // 8 * 30, index % 8 * 30
        sheet[top : top + 28, left : left + 28] = index
    (tmp_path / "grids").mkdir()
    Image.fromarray(sheet).save(tmp_path / "grids" / "000002.png")

    def make(levels: Sequence[tuple[float, str]]) -> Path:
        lines: list[dict[str, object]] = [{"kind": "losses", "step": 2, "seconds": 90.0, "kimg": 8.0}]
        for kimg, level in levels:
            verdicts = [{"name": "collapse", "level": level}, {"name": "x", "level": "good"}]
            lines.append({"kind": "verdicts", "step": 1, "kimg": kimg, "verdicts": verdicts})
        (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)))
        return tmp_path

    return make


def test_a_strip_shows_the_first_samples_of_a_sheet_in_order(make_run: Made) -> None:
    strip = np.asarray(run_results.strip_of(make_run([]), 28))
    assert [strip[0, 60 * column, 0] for column in range(10)] == list(range(10))
    assert strip[60, 0, 0] == 10


def test_a_sheet_has_a_column_a_network_and_a_row_a_loss(make_run: Made) -> None:
    run = make_run([])
    one = run_results.sheet_of({("mlp", "hinge"): run}, 28)
    four = run_results.sheet_of({(name, loss): run for name in ("mlp", "dcgan") for loss in ("hinge", "wgan")}, 28)
    assert four.width - one.width == 600 + 16
    assert four.height - one.height == 120 + 8
    for left in (120, 120 + 616):
        for top in (24, 24 + 128):
            assert four.getpixel((left + 60, top)) == (1, 1, 1)


def test_a_row_on_digits_says_what_the_run_says(make_run: Made) -> None:
    row = make_digits.row_of("mlp", "hinge", make_run([(8, "bad")]), {"fid": 12.345, "kid": 0.5, "percentile": 3.0})
    assert dict(zip(make_digits.HEADS, row, strict=True)) == {
        "network": "mlp", "loss": "hinge", "FID": "12.3", "KID": "0.5", "IS": "–", "precision": "–",
        "recall": "–", "discriminator": "3", "verdict": "collapse",
    }  # fmt: skip


def test_a_row_on_losses_remembers_a_collapse_that_passed(make_run: Made) -> None:
    row = make_losses.row_of("wgan", make_run([(1, "bad"), (5, "watch"), (8, "good")]), {"kid": 0.5})
    assert dict(zip(make_losses.HEADS, row, strict=True)) == {
        "loss": "wgan", "thousand pictures made": "8", "KID": "0.5", "precision": "–", "recall": "–",
        "collapse on the way": "watch", "verdict at the end": "good",
    }  # fmt: skip


def test_a_run_that_was_never_looked_at_has_no_verdict_on_collapse(make_run: Made) -> None:
    assert make_losses.collapse_of(make_run([])) == "unknown"


def test_moments_of_hours_are_evenly_apart_and_end_with_the_last() -> None:
    moments = [{"step": step} for step in range(1, 15)]
    assert [moment["step"] for moment in make_hours.chosen(moments, 4)] == [4, 7, 10, 14]
    assert make_hours.chosen(moments[:4], 4) == moments[:4]


def test_sheets_of_hours_stand_side_by_side_under_their_times(make_run: Made) -> None:
    run, moment = make_run([]), {"step": 2, "seconds": 5400.0, "kimg": 131.4, "kid": 0.25, "spectrum": 12.34}
    page = make_hours.sheets_of(run, [moment, moment])
    assert page.size == (2 * 238 + 16, 238 + 28)
    assert [page.getpixel((left + 30, 28)) for left in (0, 254)] == [(1, 1, 1)] * 2
    row = dict(zip(make_hours.HEADS, make_hours.row_of(moment), strict=True))
    assert (row["minutes"], row["thousand pictures"], row["KID"]) == ("90", "131", "0.25")
    assert (row["spectrum"], row["recall"]) == ("12.3", "–")


def test_the_table_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    first, last = run_results.MARKS
    page.write_text(f"before\n{first}old\n{last}after\n")
    run_results.write_table(page, ("loss", "KID"), [("a", "1")])
    assert page.read_text() == f"before\n{first}| loss | KID |\n| --- | --- |\n| a | 1 |\n{last}after\n"
