"""A graph drawn for people: as lines of text, or as an SVG picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_checks import Call
from ganplugin.nodes.ports import PortType, inputs_of, outputs_of

__all__ = ["graph_lines", "graph_svg"]

COLUMN, GAP, ROW, HEAD, MARGIN = 230, 70, 20, 30, 24
LONGEST = 24
LETTERS = 32
"""Characters that fit in the width of a box."""
COLOURS: Mapping[PortType, str] = {"MODEL": "#7a5cd6", "IMAGE": "#2f7fd1", "MASK": "#3d9a5f", "LATENT": "#c2458f"}
PLAIN = "#8a8f98"


def graph_lines(graph: Graph) -> list[str]:
    """Return one line a node, each after those it needs: id, title, the values that were given, and its links.

    A node that writes something has a star.
    """
    rows = [(_short(call.id), _title(call), _values(call), _links(call)) for call in graph.calls.values()]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    cells = (("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]) for row in rows)
    return [f"{head}  {links}".rstrip() for head, links in cells]


def _title(call: Call) -> str:
    return call.kind.title + (" *" if call.kind.writes else "")


def _values(call: Call) -> str:
    return " ".join(f"{name}={_short(value)}" for name, value in call.values.items())


def _links(call: Call) -> str:
    return ", ".join(f"{name} <- {_short(link.node)}" for name, link in call.links.items())


def _short(value: object, longest: int = LONGEST) -> str:
    """Return a value in one short line; neither a terminal nor XML bears every character of a stranger's graph."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(str(value).split()))
    return text if len(text) <= longest else text[: longest - 1] + "…"


@dataclass(frozen=True)
class _Box:
    """A node on the page; inputs and outputs have their dots on its left and right sides."""

    call: Call
    left: int
    top: int

    @property
    def lines(self) -> tuple[str, ...]:
        ports = inputs_of(self.call.kind)
        given = {**self.call.values, **self.call.links}
        return tuple(port.name for port in ports if port.name in given)

    @property
    def height(self) -> int:
        return HEAD + ROW * max(len(self.lines), len(outputs_of(self.call.kind)), 1) + 8

    def input_dot(self, name: str) -> tuple[int, int]:
        return self.left, self.top + HEAD + ROW * self.lines.index(name) + ROW // 2

    def output_dot(self, number: int) -> tuple[int, int]:
        return self.left + COLUMN, self.top + HEAD + ROW * number + ROW // 2


def graph_svg(graph: Graph) -> str:
    """Return an SVG picture of the graph: each node in the column before those that need it, links coloured by type."""
    boxes = {box.call.id: box for box in _boxes(graph)}
    width = max(box.left + COLUMN for box in boxes.values()) + MARGIN
    height = max(box.top + box.height for box in boxes.values()) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" rx="8" fill="#f4f5f7"/>',
        *(line for box in boxes.values() for line in _link_lines(box, boxes)),
        *(line for box in boxes.values() for line in _box_lines(box)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _boxes(graph: Graph) -> Iterator[_Box]:
    columns = _columns(graph)
    bottoms: dict[int, int] = {}
    for call in graph.calls.values():
        column = columns[call.id]
        box = _Box(call, MARGIN + column * (COLUMN + GAP), bottoms.get(column, MARGIN))
        bottoms[column] = box.top + box.height + MARGIN
        yield box


def _columns(graph: Graph) -> dict[str, int]:
    """Return the column of every node: as far to the right as those that need it allow, so that links are short."""
    columns: dict[str, int] = {}
    for call in graph.calls.values():
        columns[call.id] = max((columns[link.node] + 1 for link in call.links.values()), default=0)
    users = [(link.node, call.id) for call in graph.calls.values() for link in call.links.values()]
    for node_id in reversed(tuple(graph.calls)):
        columns[node_id] = min((columns[user] - 1 for node, user in users if node == node_id), default=columns[node_id])
    return columns


def _link_lines(box: _Box, boxes: Mapping[str, _Box]) -> Iterator[str]:
    for name, link in box.call.links.items():
        source = boxes[link.node]
        (x1, y1), (x2, y2) = source.output_dot(link.output), box.input_dot(name)
        colour = COLOURS.get(outputs_of(source.call.kind)[link.output].type, PLAIN)
        bend = max(GAP // 2, (x2 - x1) // 2)
        curve = f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
        yield f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _box_lines(box: _Box) -> Iterator[str]:
    call, left, top = box.call, box.left, box.top
    yield f'<rect x="{left}" y="{top}" width="{COLUMN}" height="{box.height}" rx="6" fill="#ffffff" stroke="#c4c9d2"/>'
    rule = top + HEAD - 6
    yield f'<line x1="{left}" y1="{rule}" x2="{left + COLUMN}" y2="{rule}" stroke="#e3e6eb"/>'
    yield f'<text x="{left + 10}" y="{top + 17}" font-weight="600" fill="#1d2430">{escape(call.kind.title)}</text>'
    name = escape(_short(call.id))
    yield f'<text x="{left + COLUMN - 10}" y="{top + 17}" text-anchor="end" fill="{PLAIN}">{name}</text>'
    for name in box.lines:
        yield from _input_lines(box, name)
    for number, port in enumerate(outputs_of(call.kind)):
        x, y = box.output_dot(number)
        yield f'<circle cx="{x}" cy="{y}" r="4" fill="{COLOURS.get(port.type, PLAIN)}"/>'
        yield f'<text x="{x - 10}" y="{y + 4}" text-anchor="end" fill="#4a5261">{escape(port.name)}</text>'


def _input_lines(box: _Box, name: str) -> Iterator[str]:
    x, y = box.input_dot(name)
    if name in box.call.links:
        port = next(port for port in inputs_of(box.call.kind) if port.name == name)
        yield f'<circle cx="{x}" cy="{y}" r="4" fill="{COLOURS.get(port.type, PLAIN)}"/>'
        yield f'<text x="{x + 10}" y="{y + 4}" fill="#4a5261">{escape(name)}</text>'
        return
    outputs = outputs_of(box.call.kind)
    number = box.lines.index(name)
    beside = len(outputs[number].name) + 2 if number < len(outputs) else 0
    value = _short(f"{name} {_short(box.call.values[name])}", LETTERS - beside)
    yield f'<text x="{x + 10}" y="{y + 4}" fill="#1d2430">{escape(value)}</text>'
