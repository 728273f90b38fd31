from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from ganplugin.series.gallery import PAGE, gallery_page, page_data, write_gallery
from tests.series.collections_made import DIGEST, tides, work
from tests.source import ROOT

ATTACK = "\"'><img src=x onerror=alert(1)></script><script>alert(2)</script><!--{{scripts}} & </style>"


class Outline(HTMLParser):
    """The elements of a page with their attributes, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def data_of(page: str) -> dict:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


def test_the_page_is_written_whole_and_remade_as_the_same_bytes(tmp_path):
    path = write_gallery(tides(), tmp_path)
    first = path.read_bytes()
    assert path == tmp_path / PAGE
    path.write_bytes(b"older")
    assert write_gallery(tides(), tmp_path).read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == [PAGE]


def test_a_page_that_is_right_is_not_written_again(tmp_path):
    path = write_gallery(tides(), tmp_path)
    before = path.stat().st_ino
    assert write_gallery(tides(), tmp_path).stat().st_ino == before


def test_the_page_says_what_the_collection_is():
    page = gallery_page(tides())
    for text in (
        "<title>Tides</title>",
        "<h1>Tides</h1>",
        "Mara Okafor",
        '<p class="">Small seas.</p>',
        "12 works",
        "CC BY 4.0",
        '<a href="https://example.org/tides" rel="noopener noreferrer">example.org</a>',
    ):
        assert text in page
    assert "{{" not in page


def test_the_data_has_each_work_in_each_column():
    data = data_of(gallery_page(tides()))
    assert data == json.loads(json.dumps(page_data(tides())))
    assert data["numbers"] == list(range(12))
    assert data["files"][3] == ["pieces/00003.png"]
    assert data["changes"][0] == ["2.seed", [str(4_294_967_295 - n) for n in range(12)]]
    palette = data["traits"][0]
    assert (palette["name"], palette["groups"], palette["counts"]) == ("Palette", ["Dawn", "Dusk"], [6, 6])
    assert [palette["groups"][group] for group in palette["of"][:2]] == ["Dawn", "Dusk"]


def test_nothing_that_people_write_becomes_markup():
    hostile = work(1, title=ATTACK, traits={ATTACK: ATTACK}, changes={ATTACK: ATTACK}, files=(f"pieces/{ATTACK}.png",))
    page = gallery_page(
        tides(title=ATTACK, description=ATTACK, author=ATTACK, license=ATTACK, link="", works=(hostile,), source=ATTACK)
    )
    calm = Outline(gallery_page(tides(1, description="Small seas.", link="")))
    outline = Outline(page)
    assert [tag for tag, _ in outline.elements] == [tag for tag, _ in calm.elements]
    assert data_of(page)["titles"] == [ATTACK]
    (description,) = [entry for entry in outline.named("meta") if entry.get("name") == "description"]
    assert description["content"] == ATTACK


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "//x.org",
        "http://[",
        "x",
    ],
)
def test_a_link_that_is_no_address_of_the_web_is_not_followed(link):
    assert [entry["href"] for entry in Outline(gallery_page(tides(link=link))).named("a")] == ["#works"]


def test_the_policy_allows_this_code_and_no_network():
    page = gallery_page(tides())
    (policy,) = [entry["content"] for entry in Outline(page).named("meta") if "http-equiv" in entry]
    rules = {name: value for name, _, value in (rule.strip().partition(" ") for rule in str(policy).split(";"))}
    assert rules["default-src"] == "'none'"
    assert (rules["img-src"], rules["media-src"]) == ("'self' file: data:", "'self' file:")
    code = re.findall(r"<script>(.*?)</script>", page, re.S)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in code]
    assert rules["script-src"].split() == hashes
    assert len(hashes) == 2


def test_the_page_names_no_other_place():
    page = gallery_page(tides(link=""))
    assert re.findall(r"https?://[^\"' ]+", page) == []
    assert not re.findall(r"@import|fetch\(|XMLHttpRequest|innerHTML|outerHTML|insertAdjacentHTML|eval\(", page)


def test_a_score_that_is_no_number_is_left_out():
    data = page_data(tides(works=(work(0, score=float("nan")), work(1, score=None), work(2, score=0.25))))
    assert data["scores"] == [None, None, 0.25]


def test_a_work_is_looked_at_in_a_file_that_browsers_show():
    works = (
        work(0, files=("pieces/0.tif", "pieces/0.webp")),
        work(1, files=("pieces/1.mp4", "pieces/1.gif")),
        work(2, files=("pieces/2.tif",)),
    )
    data = page_data(tides(works=works))
    assert data["sights"] == ["pieces/0.webp", "pieces/1.mp4", "thumbs/00002.webp"]
    assert data["films"] == [1]


def test_a_collection_without_works_has_a_page():
    assert data_of(gallery_page(tides(0)))["numbers"] == []


def test_ten_thousand_works_stay_small():
    page = gallery_page(tides(10_000))
    assert len(page) < 3_500_000
    assert page.count(DIGEST) == 10_001


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG between two colours written #rrggbb."""

    def light(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_all_text_stands_out_from_its_ground_in_light_and_dark():
    style = (ROOT / "ganplugin" / "pages" / "ground.css").read_text(encoding="utf-8")
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r"\{([^{}]*--ground:[^{}]*)\}", style)
    ]
    assert len(themes) == 3
    assert themes[1] == themes[2], "dark by wish and dark by choice are one"
    for theme in themes:
        for ground in ("ground", "well", "tint"):
            assert contrast(theme["ink"], theme[ground]) >= 7
        assert contrast(theme["faint"], theme["ground"]) >= 4.5
