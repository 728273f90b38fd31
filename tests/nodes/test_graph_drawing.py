from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.nodes import NODES
from ganplugin.nodes.catalogue import HEADLESS_NODES
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_drawing import COLOURS, graph_lines, graph_svg
from ganplugin.nodes.ports import inputs_of
from tests.nodes.kit import node

SVG = "{http://www.w3.org/2000/svg}"

FLOW = {
    "7": node("SaveImages", images=["5", 0], folder="out"),
    "1": node("LoadModel", model="builtin:icons"),
    "2": node("Sample", model=["1", 0], seeds="0-9", truncation=0.8),
    "3": node("LoadModel", model="builtin:great-wave"),
    "5": node("StyleTransfer", model=["3", 0], images=["2", 0]),
}


def drawn(prompt) -> ElementTree.Element:
    return ElementTree.fromstring(graph_svg(Graph.parse(prompt)))


def texts(picture) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def test_a_graph_as_text():
    assert graph_lines(Graph.parse(FLOW)) == [
        "1  Load Model      model=builtin:icons",
        "3  Load Model      model=builtin:great-wave",
        "2  Sample          seeds=0-9 truncation=0.8  model <- 1",
        "5  Style Transfer                            model <- 3, images <- 2",
        "7  Save Images *   folder=out                images <- 5",
    ]


def test_long_values_and_lines_are_cut_short():
    (line,) = graph_lines(
        Graph.parse({"1": node("LoadImages", path="a very long name\nof a picture that is far away")})
    )
    assert line == "1  Load Images  path=a very long name of a p…"


def test_a_picture_has_a_box_a_node_and_a_path_a_link():
    picture = drawn(FLOW)
    boxes = [box for box in picture.iter(f"{SVG}rect") if box.get("stroke")]
    assert len(boxes) == len(FLOW)
    assert len(list(picture.iter(f"{SVG}path"))) == 4
    assert {"Load Model", "Sample", "Style Transfer", "Save Images", "7", "seeds 0-9", "images"} <= set(texts(picture))


def test_links_run_from_the_dot_of_an_output_to_that_of_an_input_in_the_colour_of_their_type():
    picture = drawn(FLOW)
    dots = {f"{dot.get('cx')} {dot.get('cy')}": dot.get("fill") for dot in picture.iter(f"{SVG}circle")}
    for path in picture.iter(f"{SVG}path"):
        numbers = re.findall(r"\d+", path.get("d", ""))
        start, end = " ".join(numbers[:2]), " ".join(numbers[-2:])
        assert dots[start] == dots[end] == path.get("stroke")
        assert int(numbers[0]) < int(numbers[-2])
    colours = [path.get("stroke") or "" for path in picture.iter(f"{SVG}path")]
    assert sorted(colours) == sorted([COLOURS["MODEL"]] * 2 + [COLOURS["IMAGE"]] * 2)


def test_boxes_lie_on_the_page_and_not_on_each_other():
    picture = drawn(FLOW)
    page = [float(side) for side in (picture.get("width") or "", picture.get("height") or "")]
    boxes = [
        tuple(float(box.get(name) or "") for name in ("x", "y", "width", "height"))
        for box in picture.iter(f"{SVG}rect")
        if box.get("stroke")
    ]
    for x, y, width, height in boxes:
        assert 0 < x < x + width < page[0]
        assert 0 < y < y + height < page[1]
    for number, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[:number]:
            assert x >= left + wide or left >= x + width or y >= top + high or top >= y + height


def test_a_node_stands_in_the_column_before_those_that_need_it():
    picture = drawn(FLOW)
    columns = {
        text.text: text.get("x") for text in picture.iter(f"{SVG}text") if text.get("text-anchor") and text.text in FLOW
    }
    assert columns["3"] == columns["2"]
    assert float(columns["1"] or 0) < float(columns["2"] or 0) < float(columns["5"] or 0) < float(columns["7"] or 0)


def test_names_and_values_are_text_not_markup():
    picture = drawn({"<b>&\"'": node("LoadImages", path="<script>&amp;\"']]>")})
    assert "<b>&\"'" in texts(picture)
    assert "path <script>&amp;\"']]>" in texts(picture)
    assert not list(picture.iter("script"))


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_name_gives_xml_and_lines_for_a_terminal(node_id, value):
    value = value.encode(errors="replace").decode()
    graph = Graph.parse({node_id: node("LoadImages", path=value), "s": node("SaveImages", images=[node_id, 0])})
    ElementTree.fromstring(graph_svg(graph))
    graph_svg(graph).encode()
    assert all(line.isprintable() for line in graph_lines(graph))


@pytest.mark.parametrize("kind", [*NODES, *HEADLESS_NODES], ids=lambda kind: kind.id)
def test_every_node_can_be_drawn_with_all_its_values(kind):
    values = {port.name: port.default for port in inputs_of(kind) if not port.required}
    values |= {port.name: "x" for port in inputs_of(kind) if port.required and not port.is_socket}
    sources = {"MODEL": ["m", 0], "IMAGE": ["s", 0], "LATENT": ["s", 1], "MASK": ["i", 1]}
    links = {port.name: sources[port.type] for port in inputs_of(kind) if port.is_socket}
    graph = Graph.parse(
        {
            "m": node("LoadModel", model="x"),
            "s": node("Sample", model=["m", 0]),
            "i": node("LoadImages", path="x"),
            "n": {"class_type": kind.id, "inputs": {**values, **links}},
        }
    )
    picture = ElementTree.fromstring(graph_svg(graph))
    assert len(list(picture.iter(f"{SVG}path"))) == 1 + len(links)
    assert kind.title in texts(picture)
    assert f"n  {kind.title}" in "\n".join(graph_lines(graph))
