"""The page of a training in a real browser, opened from the disk while the training writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ganplugin.train.page.comparing import compare
from ganplugin.train.page.comparison_page import write_comparison_page
from ganplugin.train.page.standing import Limits, Standing
from ganplugin.train.page.writing import write_run_page
from tests.hosts.chromium import Page, opened
from tests.train.page.runs_made import entry, run_folder

pytestmark = pytest.mark.hosts

# Saves come every second here, so that the page looks for news every two.
RUNNING = Standing("running", 2000, 128_000, 620.0, 0.5, 620.0, 1.0, Limits(minutes=30))
WORDS = "document.getElementById('sheet-words').textContent"
SHEET = "document.getElementById('sheet-image')"


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with opened() as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    browser.window(1280, 860)
    browser.requests.clear()
    browser.complaints.clear()
    yield browser
    assert browser.complaints == []
    assert {address.split(":")[0] for address in browser.requests} <= {"file", "about", "data"}


def written(folder: Path) -> Path:
    return write_run_page(run_folder(folder), RUNNING)


def saved(folder: Path, step: int) -> None:
    """Do what a training does at a save."""
    Image.new("RGB", (64, 64), (0, 0, 255)).save(folder / "grids" / f"{step:06d}.png")
    with (folder / "log.jsonl").open("a") as stream:
        stream.write(entry("losses", step, scorer=9.0, generator=1.0) + "\n")
    time.sleep(0.2)  # the page tells two saves apart by tenths of seconds
    write_run_page(folder, replace(RUNNING, step=step, part=0.9))


def test_it_shows_the_latest_sheet_numbers_and_verdicts(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path / "it's #1 at 50 %"))
    page.until(f"{SHEET}.naturalWidth === 64")
    page.until("document.getElementById('strip-image').naturalWidth === 128")
    assert page.value("document.querySelector('h1').textContent") == "it's #1 at 50 %"
    assert page.value(WORDS) == "4 of 4: step 2,000 · 10 min · 128k pictures shown"
    assert page.value("document.getElementById('state').textContent") == "Training"
    script = (
        "[...document.querySelectorAll('#verdicts .level')].map(level => level.innerText.split(/\\s*\\n/).join(' '))"
    )
    levels = page.value(script)
    assert levels == ["Overfitting watch it", "Collapse good", "Memorisation not known yet"]
    titles = page.value("[...document.querySelectorAll('.chart h3')].map(title => title.textContent)")
    assert titles[:3] == ["KID", "Precision and recall", "Density and coverage"]
    assert "Losses" in titles
    command = page.value("document.querySelector('.command code').textContent")
    assert command.endswith("""/it'"'"'s #1 at 50 %' --resume --minutes 30""")


def test_news_come_by_themselves_and_leave_what_is_looked_at(page: Page, tmp_path: Path) -> None:
    path = written(tmp_path / "run")
    page.open(path)
    page.value("document.getElementById('time').focus()")
    page.press("ArrowLeft")
    assert page.value(WORDS).startswith("3 of 4: step 1,500")
    chart = "document.querySelector('#losses .legend').innerText"
    before = page.value(chart)
    page.value("(window.sameDocument = 1, scrollTo(0, 300))")
    saved(path.parent, 2500)
    page.until(f"{WORDS}.startsWith('3 of 5: step 1,500')")
    page.until(f"{chart} !== {before!r}")
    assert page.value("window.sameDocument === 1 && scrollY === 300")
    assert page.value("document.activeElement.id") == "time"
    page.value("document.getElementById('latest').click()")
    saved(path.parent, 3000)
    page.until(f"{WORDS}.startsWith('6 of 6: step 3,000')")
    page.until(f"{SHEET}.src.endsWith('grids/003000.png')")


def test_what_was_chosen_outlives_a_reload(page: Page, tmp_path: Path) -> None:
    path = written(tmp_path / "run")
    page.open(path)
    page.value("document.querySelector('[data-axis=kimg]').click()")
    page.value("document.getElementById('time').focus()")
    page.press("ArrowLeft", "ArrowLeft")
    page.value("document.querySelector('#metrics .scale').click()")
    page.open(path)
    assert page.value(WORDS).startswith("2 of 4: step 1,000")
    assert page.value("document.querySelector('[data-axis=kimg]').ariaPressed") == "true"
    assert page.value("document.querySelector('#metrics .scale').textContent") == "linear"
    assert "thousand" in page.value("document.querySelector('#metrics .plot svg').textContent")


def test_it_plays_from_the_first_sheet_to_the_last(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path / "run"))
    page.value("document.getElementById('play').click()")
    assert page.value(WORDS).startswith("1 of 4")
    page.until(f"{WORDS}.startsWith('4 of 4')")
    page.until("document.getElementById('play').ariaPressed === 'false'")


def test_a_chart_tells_values_and_chooses_moments(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path / "run"))
    page.value("document.querySelector('#metrics .plot').focus()")
    page.press(*["ArrowLeft"] * 25)
    assert page.value("[...document.querySelectorAll('svg .cursor')].length") > 3, "the pointer is in all charts"
    shown = page.value("document.querySelector('#metrics .legend').innerText")
    page.press("Enter")
    assert page.value(WORDS).startswith("2 of 4: step 1,000")
    assert page.value("document.querySelectorAll('svg .moment').length") > 3
    page.value("document.activeElement.blur()")
    assert page.value("document.querySelector('#metrics .legend').innerText") != shown


def test_a_run_that_went_silent_is_told(page: Page, tmp_path: Path) -> None:
    path = written(tmp_path / "run")
    page.open(path)
    page.value("(run.written -= 3600, showHead())")
    assert page.value("document.getElementById('state').textContent") == "No news"
    assert "killed" in page.value("document.getElementById('trouble').textContent")


@pytest.mark.parametrize("width", [360, 820, 1440])
def test_nothing_is_cut_off_at_any_width(width: int, page: Page, tmp_path: Path) -> None:
    path = written(tmp_path / "run")
    page.window(width, 800, phone=width < 500)
    page.open(path)
    page.painted()
    assert page.value("document.documentElement.scrollWidth <= innerWidth")


def test_everything_that_can_be_used_has_a_name(page: Page, tmp_path: Path) -> None:
    page.open(written(tmp_path / "run"))
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    kinds = ("button", "link", "slider", "img", "image", "progressbar", "group")
    used = [node for node in nodes if node.get("role", {}).get("value") in kinds and not node.get("ignored")]
    assert len(used) > 15
    assert [node["role"]["value"] for node in used if not node.get("name", {}).get("value")] == []


def test_a_run_without_anything_yet_says_when_there_will_be(page: Page, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").touch()
    page.open(write_run_page(tmp_path, Standing("running", 0, 0, 0.0, 0.0, None, 300.0, Limits(minutes=30))))
    assert page.value("document.getElementById('none-yet').textContent").endswith("after about 5 min.")
    assert page.value("document.getElementById('sheet').hidden")


def test_runs_lie_over_one_another(page: Page, tmp_path: Path) -> None:
    runs = [run_folder(tmp_path / "runs" / "a b"), run_folder(tmp_path / "runs" / "c", backbone="Inception")]
    path = write_comparison_page(compare(runs), tmp_path / "compare.html", overwrite=False)
    page.open(path)
    page.until("[...document.images].every(image => image.naturalWidth === 64)")
    assert page.value("document.querySelectorAll('#runs tr').length") == 2
    assert page.value("document.querySelectorAll('#groups section').length") == 2
    assert "backbones do not compare" in page.value("document.getElementById('warnings').innerText")
    page.value("document.querySelector('[data-axis=kimg]').click()")
    assert "thousand" in page.value("document.querySelector('#losses .plot svg').textContent")
    page.window(390, 800, phone=True)
    page.painted()
    assert page.value("document.documentElement.scrollWidth <= innerWidth")
