"""Where in a graph the pictures of a series come from."""

from __future__ import annotations

from dataclasses import dataclass

from ganplugin.errors import InputError
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.ports import outputs_of
from ganplugin.registry import did_you_mean
from ganplugin.series.file import FORMATS, Output

__all__ = ["View", "find_view"]


@dataclass(frozen=True)
class View:
    """One output of one node, and what becomes of it: pictures or a film, in which formats."""

    link: Link
    write: str
    formats: tuple[str, ...]


def find_view(graph: Graph, output: Output, where: str) -> View:
    """Find what an output of a series shows; ``where`` it is written in the file.

    Raises `InputError` if it is not there or gives no pictures.
    """
    link = _named(graph, output.source, f"{where}.from") if output.source else _only(graph, f"{where}.from")
    known = FORMATS[output.write]
    for name in output.formats:
        if name not in known:
            raise InputError(f"{name} cannot hold {output.write}", where=where, fix=did_you_mean(name, known))
    return View(link, output.write, output.formats or (_usual(output.write),))


def _usual(write: str) -> str:
    from ganplugin.video import best_suffix

    return best_suffix().lstrip(".") if write == "film" else "png"


def _named(graph: Graph, source: str, where: str) -> Link:
    node, name = (source, "") if source in graph.calls else source.rpartition(".")[::2]
    if node not in graph.calls:
        raise InputError(f"there is no node {source!r}", where=where, fix=did_you_mean(source, list(graph.calls)))
    found = _pictures_of(graph, node)
    if name and name not in found:
        raise InputError(f"node {node} has no pictures {name!r}", where=where, fix=did_you_mean(name, list(found)))
    if not found:
        raise InputError(f"node {node} gives no pictures", where=where, fix="name another node")
    return found[name] if name else next(iter(found.values()))


def _pictures_of(graph: Graph, node: str) -> dict[str, Link]:
    ports = outputs_of(graph.calls[node].kind)
    return {port.name: Link(node, number) for number, port in enumerate(ports) if port.type == "IMAGE"}


def _only(graph: Graph, where: str) -> Link:
    """Return what the graph saves, else the pictures that nothing takes. Raises `InputError` if that is not one."""
    saved = [call.links["images"] for call in graph.calls.values() if call.kind.writes and "images" in call.links]
    taken = {link for call in graph.calls.values() for link in call.links.values()}
    loose = [link for node in graph.calls for link in _pictures_of(graph, node).values() if link not in taken]
    found = list(dict.fromkeys(saved or loose))
    if len(found) != 1:
        what = "several outputs have pictures" if found else "nothing in the graph gives pictures"
        nodes = ", ".join(dict.fromkeys(link.node for link in found))
        raise InputError(what, where=where, fix=f"say which one: from: {nodes}" if found else "add a node that does")
    return found[0]
