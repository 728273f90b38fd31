"""The gallery in a real browser, opened from the disk as an artist would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ganplugin.series.gallery import write_gallery
from tests.hosts.chromium import Page, opened
from tests.series.collections_made import tides, with_files, work

pytestmark = pytest.mark.hosts

TITLES = "[...document.querySelectorAll('#grid li')].map(item => item.querySelector('.name').textContent)"
CLOSED = "!document.getElementById('piece').open"


class Quiet(SimpleHTTPRequestHandler):
    """A web server that tells nobody what it serves."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with opened() as page:
        yield page


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> Path:
    folder = with_files(tides(), tmp_path_factory.mktemp("tides"))
    return write_gallery(tides(), folder)


@pytest.fixture
def page(browser, gallery) -> Iterator[Page]:
    """The window on a gallery of twelve works; nothing in it may complain or leave the disk."""
    fresh(browser)
    browser.open(gallery)
    yield browser
    assert browser.complaints == []
    assert {address.split(":")[0] for address in browser.requests} <= {"file", "about", "data"}


def fresh(browser: Page) -> None:
    browser.window(1280, 860)
    browser.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
    browser.requests.clear()
    browser.complaints.clear()


def titles(page: Page) -> list[str]:
    page.painted()
    return page.value(TITLES)


def numbers(page: Page) -> list[int]:
    return [int(title.split()[-1]) for title in titles(page)]


def pick(page: Page, *values: str) -> None:
    for value in values:
        page.value(
            "[...document.querySelectorAll('.value')]"
            f".find(row => row.querySelector('.word').textContent === {value!r}).querySelector('input').click()"
        )


def sort(page: Page, label: str) -> None:
    page.value(
        "(() => { const sort = document.getElementById('sort');"
        f" sort.value = [...sort.options].find(option => option.text === {label!r}).value;"
        " sort.dispatchEvent(new Event('change')); })()"
    )


def find(page: Page, text: str) -> None:
    page.value("document.getElementById('query').focus(), document.getElementById('query').select()")
    page.call("Input.insertText", text=text)


def opened_title(page: Page) -> str:
    return page.value("document.getElementById('piece').open && document.getElementById('piece-title').textContent")


def test_all_works_are_there_with_their_thumbnails(page):
    assert titles(page) == [f"Tide {number}" for number in range(12)]
    page.until("[...document.images].some(image => image.naturalWidth === 48)")
    assert page.value("document.getElementById('count').textContent") == "12 works"


def test_values_say_how_many_works_have_them(page):
    rows = page.value("[...document.querySelectorAll('.value')].map(row => row.innerText.replace(/\\s+/g, ' '))")
    assert rows[:5] == ["Dawn 6 · 50 %", "Dusk 6 · 50 %", "Clear 6 · 50 %", "Haze 4 · 33 %", "Storm 2 · 17 %"]


def test_filters_combine_and_are_part_of_the_address(page, gallery):
    pick(page, "Haze", "Storm")
    assert numbers(page) == [3, 4, 5, 9, 10, 11]
    pick(page, "Dusk")
    assert numbers(page) == [3, 5, 9, 11]
    assert page.value("document.getElementById('count').textContent") == "4 of 12"
    page.until("location.hash.includes('Dusk')")
    address = page.value("location.hash")
    page.open(gallery, address)
    assert numbers(page) == [3, 5, 9, 11]
    assert page.value("document.querySelectorAll('.value input:checked').length") == 3
    pick(page, "Haze", "Storm", "Dusk")
    assert len(numbers(page)) == 12
    pick(page, "Storm")
    page.value("document.querySelector('#traits .clear').click()")
    assert len(numbers(page)) == 12


def test_values_that_would_leave_nothing_are_faint(page):
    pick(page, "Storm")
    faint = "[...document.querySelectorAll('.value.empty .word')].map(word => word.textContent)"
    assert "Dawn" in page.value(faint)
    assert "Haze" not in page.value(faint)


def test_works_are_sorted_by_anything_and_the_other_way(page):
    by_score = sorted(range(12), key=lambda number: (-(number * 7 % 10), number))
    sort(page, "Score")
    assert numbers(page) == by_score
    sort(page, "Height")
    assert numbers(page) == sorted(range(12), key=lambda number: number * 37 % 101)
    page.value("document.getElementById('direction').click()")
    assert numbers(page) == sorted(range(12), key=lambda number: -(number * 37 % 101))
    sort(page, "Weather")
    assert numbers(page)[:2] == [5, 11]
    page.value("document.getElementById('direction').click()")
    sort(page, "Rarity")
    rarities = page.value("shownWorks.map(work => collection.rarities[work])")
    assert rarities == sorted(rarities, reverse=True)
    assert len(set(rarities)) > 2


def test_works_are_found_by_number_and_by_name(page):
    find(page, "11")
    assert numbers(page) == [11]
    find(page, "TIDE 7")
    assert numbers(page) == [7]
    find(page, "nothing like it")
    assert titles(page) == []
    assert page.value("document.getElementById('nothing').innerText").startswith("Nothing here is like that.")
    page.value("document.getElementById('clear').click()")
    assert len(titles(page)) == 12


def test_a_work_is_opened_walked_from_and_closed_by_keys(page):
    page.value("document.querySelector('#grid a').focus()")
    page.press("ArrowRight", "Enter")
    assert opened_title(page) == "Tide 1"
    assert page.value("location.hash") == "#piece=1"
    assert page.value("document.title") == "Tide 1 – Tides"
    page.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert opened_title(page) == "Tide 2"
    assert page.value("document.getElementById('position').textContent") == "3 / 12"
    page.until("document.querySelector('#stage img').naturalWidth === 48")
    page.press("Escape")
    page.until(CLOSED)
    assert page.value("document.activeElement.querySelector('.name').textContent") == "Tide 2"
    page.until("location.hash === ''")


def test_arrows_walk_the_grid_and_stop_at_its_ends(page):
    page.value("document.querySelector('#grid a').focus()")
    focused = "document.activeElement.querySelector('.name').textContent"
    page.press("ArrowLeft")
    assert page.value(focused) == "Tide 0"
    page.press("ArrowDown")
    assert page.value(focused) == f"Tide {page.value('layout.columns')}"
    page.press("ArrowUp", "End")
    assert page.value(focused) == "Tide 11"


def test_the_focus_stays_in_an_open_work(page):
    page.value("document.querySelector('#grid a').focus()")
    page.press("Enter", *["Tab"] * 30)
    assert page.value(
        "document.getElementById('piece').contains(document.activeElement) || document.body === document.activeElement"
    )
    page.press("Escape")


def test_going_back_closes_a_work_and_a_link_opens_it(page, gallery):
    page.value("document.querySelectorAll('#grid a')[4].click()")
    assert opened_title(page) == "Tide 4"
    page.value("history.back()")
    page.until(CLOSED)
    page.open(gallery, "#piece=7&t.Palette=Dusk")
    assert opened_title(page) == "Tide 7"
    assert page.value("document.getElementById('position').textContent") == "4 / 6"
    page.press("ArrowRight")
    assert opened_title(page) == "Tide 9"
    page.value("document.getElementById('close').click()")
    assert numbers(page) == [1, 3, 5, 7, 9, 11]
    page.until("location.hash === '#t.Palette=Dusk'")


def test_an_open_work_tells_its_recipe_and_its_files(page):
    page.value("document.querySelectorAll('#grid a')[3].click()")
    text = page.value("document.querySelector('#piece .plate').innerText")
    for words in ("No. 3", "48 × 48", "score 0.1", "Dusk", "2.seed", "4294967292", "2.truncation", "builtin:icons"):
        assert words in text
    commands = page.value("[...document.querySelectorAll('.command code')].map(code => code.textContent)")
    assert commands == [
        "ganplugin again pieces/00003.png",
        "ganplugin render series.yaml --pieces 3 --out again",
    ]
    link = page.value("(({ href, download }) => [href, download])(document.querySelector('.files a'))")
    assert link[0].endswith("/pieces/00003.png")
    assert link[1] == "00003.png"
    page.value("document.querySelectorAll('dd.share .link')[1].click()")
    page.until(CLOSED)
    assert numbers(page) == [3, 4, 9, 10]


@pytest.mark.parametrize("clipboard", ["granted", "denied"])
def test_a_command_is_copied(clipboard, page):
    page.call("Browser.setPermission", permission={"name": "clipboard-write"}, setting=clipboard)
    page.call("Browser.setPermission", permission={"name": "clipboard-read"}, setting="granted")
    page.value("document.querySelectorAll('#grid a')[0].click()")
    page.value("document.addEventListener('copy', () => (window.copied = String(getSelection())))")
    page.value("document.querySelectorAll('.copy')[0].click()")
    page.until("document.querySelector('.copy').textContent === 'Copied'")
    text = "window.copied" if clipboard == "denied" else "navigator.clipboard.readText()"
    assert page.value(text) == "ganplugin again pieces/00000.png"


def test_it_is_dark_where_the_user_wishes_it_and_the_button_is_remembered(page, gallery):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.value(ground)
    page.prefer(prefers_color_scheme="dark")
    dark = page.value(ground)
    assert dark != light
    page.prefer(prefers_color_scheme="light")
    page.value("document.getElementById('theme').click()")
    assert page.value(ground) == dark
    page.value("new Promise(done => setTimeout(done, 500))")  # until what is remembered has left this page's process
    page.open(gallery)
    assert page.value(ground) == dark
    assert page.value("document.getElementById('theme').ariaPressed") == "true"
    page.value("document.getElementById('theme').click()")
    assert page.value(ground) == light
    page.value("localStorage.clear()")


def test_a_picture_is_shown_in_its_own_size_on_a_click(page):
    page.value("document.querySelectorAll('#grid a')[0].click()")
    page.until("document.querySelector('#stage img').naturalWidth === 48")
    assert page.value("document.querySelector('#stage img').clientWidth") > 300
    page.value("document.querySelector('.zoom').click()")
    assert page.value("document.querySelector('#stage img').clientWidth") == 48


@pytest.mark.parametrize("width", [360, 390, 820, 1280, 2200])
def test_nothing_is_cut_off_at_any_width(width, page):
    page.window(width, 800, phone=width < 500)
    page.painted()
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.value(fits)
    assert page.value("layout.columns") >= 2
    page.value("document.querySelectorAll('#grid a')[0].click()")
    assert page.value(f"{fits} && document.getElementById('piece').scrollWidth <= innerWidth")


def test_everything_that_can_be_used_has_a_name(page):
    page.value("document.querySelectorAll('#grid a')[0].click()")
    inside = page.call("Accessibility.getFullAXTree")["nodes"]
    page.press("Escape")
    page.until(CLOSED)
    nodes = [*inside, *page.call("Accessibility.getFullAXTree")["nodes"]]
    used = [
        node
        for node in nodes
        if node.get("role", {}).get("value") in ("button", "link", "checkbox", "searchbox", "combobox", "dialog", "img")
    ]
    assert len(used) > 30
    assert [node["role"]["value"] for node in used if not node.get("name", {}).get("value")] == []


def test_the_policy_stops_what_would_reach_the_network(browser, gallery):
    fresh(browser)
    browser.open(gallery)
    browser.value("addEventListener('securitypolicyviolation', event => (window.stopped = event.blockedURI))")
    browser.value("void (new Image().src = 'http://127.0.0.1:9/a.png')")
    browser.until("window.stopped?.startsWith('http://127.0.0.1:9')")
    assert browser.value("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'stopped')") == "stopped"
    browser.complaints.clear()


def test_a_server_shows_it_as_the_disk_does(browser, gallery):
    fresh(browser)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=gallery.parent)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser.call("Page.navigate", url=f"http://127.0.0.1:{server.server_port}/index.html#piece=2")
        browser.until("document.querySelector('#stage img')?.naturalWidth === 48")
        browser.until("[...document.images].some(image => image.closest('#grid') && image.naturalWidth === 48)")
        server.shutdown()
    asked = {address.split("/")[2] for address in browser.requests if address.startswith("http")}
    assert asked == {f"127.0.0.1:{server.server_port}"}


ATTACK = "\"'><img src=x onerror=window.hacked=1></script><script>window.hacked=2</script>"


def test_what_people_wrote_stays_text(browser, tmp_path):
    fresh(browser)
    names = ("pieces/50 % #1? it's (a) 'piece' & more.png", "pieces/ü/日本.png")
    works = tuple(
        work(
            number,
            title=ATTACK,
            files=(name,),
            traits={ATTACK: ATTACK, "__proto__": "constructor"},
            changes={ATTACK: ATTACK},
        )
        for number, name in enumerate(names)
    )
    hostile = tides(title=ATTACK, description=ATTACK, author=ATTACK, license=ATTACK, works=works)
    path = write_gallery(hostile, with_files(hostile, tmp_path / "a #b 100%"))
    browser.open(path)
    for number in range(2):
        browser.value(f"document.querySelectorAll('#grid a')[{number}].click()")
        assert opened_title(browser) == ATTACK
        browser.until("document.querySelector('#stage img').naturalWidth === 48")
        browser.press("Escape")
        browser.until(CLOSED)
    pick(browser, "constructor")
    browser.until("location.hash.includes('__proto__')")
    assert browser.value("window.hacked") is None
    assert browser.value("document.querySelector('h1').textContent") == ATTACK
    assert browser.complaints == []


def test_a_film_plays_in_a_loop_without_sound_and_not_where_motion_is_unwelcome(browser, tmp_path):
    from ganplugin.video import VideoWriter

    fresh(browser)
    film = tides(works=(work(0, files=("pieces/0.webm", "pieces/0.png")),))
    with_files(film, tmp_path)
    (tmp_path / "pieces" / "0.webm").unlink()
    with VideoWriter(tmp_path / "pieces" / "0.webm", 48, 48, fps=12, text={}) as writer:
        for level in range(24):
            writer.add(np.full((48, 48, 3), 10 * level, np.uint8))
    path = write_gallery(film, tmp_path)
    browser.open(path, "#piece=0")
    browser.until("document.querySelector('video').currentTime > 0.1")
    kinds = "(({ loop, muted, controls, paused, poster }) => [loop, muted, controls, paused, poster.slice(-17)])"
    found = browser.value(f"{kinds}(document.querySelector('video'))")
    assert found == [True, True, True, False, "thumbs/00000.webp"]
    assert browser.value("[...document.querySelectorAll('.files a')].map(link => link.download)") == ["0.webm", "0.png"]
    browser.prefer(prefers_reduced_motion="reduce")
    browser.open(path, "#piece=0")
    browser.until("document.querySelector('video').readyState >= 2")
    assert browser.value("document.querySelector('video').paused")
    assert browser.complaints == []


def test_ten_thousand_works_are_as_quick_to_use_as_a_hundred(browser, tmp_path):
    fresh(browser)
    one = work(0)
    with_files(tides(1), tmp_path)
    works = tuple(replace(work(n), files=one.files, thumbnail=one.thumbnail) for n in range(10_000))
    browser.open(write_gallery(tides(works=works), tmp_path))
    assert browser.value("document.querySelectorAll('#grid li').length") < 100
    browser.value("scrollTo(0, document.documentElement.scrollHeight)")
    assert titles(browser)[-1] == "Tide 9999"
    assert browser.value("document.querySelectorAll('#grid li').length") < 100
    assert browser.value("document.querySelector('#grid li:last-child').ariaPosInSet") == "10000"
    pick(browser, "Storm")
    assert titles(browser)[0] == "Tide 5"
    assert browser.value("document.getElementById('count').textContent") == "1,666 of 10,000"
    find(browser, "Tide 9995")
    assert titles(browser) == ["Tide 9995"]
    browser.open(tmp_path / "index.html", "#piece=9998")
    assert opened_title(browser) == "Tide 9998"
    browser.press("ArrowRight", "Escape")
    browser.until(CLOSED)
    assert browser.value("document.activeElement.querySelector('.name').textContent") == "Tide 9999"
    assert browser.complaints == []
