"""``ganplugin graph``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganplugin.cli import print_json
from ganplugin.cli.terminal import device_options, json_option, terminal_context
from ganplugin.errors import InputError
from ganplugin.files import atomic_write

if TYPE_CHECKING:
    from ganplugin.nodes.base import NodeOutputs
    from ganplugin.nodes.context import Context
    from ganplugin.nodes.graph import Graph


@click.command(short_help="Run a graph of nodes, as ComfyUI exports it, without a host.")
@click.argument("flow", type=click.Path(path_type=Path), required=False)
@click.option("--set", "changes", multiple=True, metavar="NODE.FIELD=VALUE", help="Change one value; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), default="output", show_default=True, help="Where files go.")
@click.option(
    "--inputs",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder with pictures and models that it names; its own folder and input/ beside it are searched anyway.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist, whatever the nodes say.")
@click.option("--no-cache", is_flag=True, help="Render everything again, and keep no pictures for the next run.")
@click.option("--draw", is_flag=False, flag_value="-", metavar="[FILE.svg]", help="Show the graph as text, or draw it.")
@click.option("--schema", is_flag=True, help="Print the JSON schema of graphs.")
@device_options
@json_option
def command(
    flow: Path | None,
    changes: tuple[str, ...],
    out: Path,
    folders: tuple[Path, ...],
    overwrite: bool,
    no_cache: bool,
    draw: str | None,
    schema: bool,
    device: str,
    threads: int,
    batch: int,
    as_json: bool,
) -> None:
    """Run FLOW: a graph in ComfyUI's API format made of our nodes (and its LoadImage, SaveImage and PreviewImage).

    FLOW is a JSON file (in ComfyUI: Workflow > Export (API)), or a picture that carries its graph. It is checked whole
    before the first picture. Pictures that an earlier run rendered from the very same values are not rendered again.

    \b
    Examples:
      ganplugin graph flow.json
      ganplugin graph flow.json --set 3.seed=7 --set 3.truncation=0.8 --out night
      ganplugin graph sheet_00001_.png --set 1.model=builtin:brushwork
      ganplugin graph flow.json --draw flow.svg
      ganplugin graph --schema > graph.schema.json
    """
    if schema:
        from ganplugin.nodes.graph_schema import graph_schema

        click.echo(json.dumps(graph_schema(), indent=2))
        return
    if flow is None and draw is not None and not draw.endswith((".svg", "-")):
        flow, draw = Path(draw), "-"  # written as --draw FLOW, which gives the option the name of the graph
    if flow is None:
        raise click.UsageError("name a graph: a JSON file or a picture", ctx=click.get_current_context())
    graph = _loaded(flow, changes)
    if draw is not None:
        _draw(graph, draw, overwrite=overwrite)
        return
    from ganplugin.nodes.context import Folders

    if overwrite:
        graph = _overwriting(graph)
    home = (flow.parent, flow.parent / "input")
    places = Folders(models=(*folders, flow.parent, flow.parent / "models"), inputs=(*folders, *home), outputs=out)
    context = replace(terminal_context(device, threads, batch), folders=places, existing="keep")
    _report(_run(graph, context, no_cache=no_cache), as_json=as_json)


def _loaded(flow: Path, changes: tuple[str, ...]) -> Graph:
    from ganplugin.nodes.graph import Graph
    from ganplugin.nodes.graph_checks import GraphError

    try:
        return Graph.load(flow, changes)
    except GraphError as error:
        if len(error.problems) == 1:
            raise
        for problem in error.problems:
            click.echo(str(problem), err=True)
        raise InputError(f"has {len(error.problems)} problems, and nothing was rendered", where=flow) from error


def _overwriting(graph: Graph) -> Graph:
    """Return the graph with every node that could refuse to replace a file told to do it, which no picture carries."""
    writers = [call.id for call in graph.calls.values() if "overwrite" in call.kind.model_fields]
    return replace(graph, calls=graph.changed(f"{node_id}.overwrite=true" for node_id in writers).calls)


def _draw(graph: Graph, target: str, *, overwrite: bool) -> None:
    from ganplugin.nodes.graph_drawing import graph_lines, graph_svg

    if target == "-":
        click.echo("\n".join(graph_lines(graph)))
        return
    if not target.lower().endswith(".svg"):
        raise InputError("is no SVG file", where=f"--draw {target}", fix="end the name in .svg")
    with atomic_write(Path(target), overwrite=overwrite) as part:
        part.write_text(graph_svg(graph), encoding="utf-8")
    click.echo(target)


def _run(graph: Graph, context: Context, *, no_cache: bool) -> dict[str, NodeOutputs]:
    from ganplugin.cache import cache_folder
    from ganplugin.nodes.picture_store import DiskStore, MemoryStore

    return graph.run(context, MemoryStore() if no_cache else DiskStore(cache_folder() / "pictures"))


def _report(found: dict[str, NodeOutputs], *, as_json: bool) -> None:
    files = {node_id: _files(outputs) for node_id, outputs in found.items()}
    if as_json:
        print_json({"files": files})
        return
    for node_id, paths in files.items():
        if paths:
            shown = paths[0] if len(paths) == 1 else f"{len(paths)} files, {paths[0]} to {paths[-1]}"
            click.echo(f"node {node_id}: {shown}")


def _files(outputs: NodeOutputs) -> list[str]:
    given = outputs.model_dump()
    return [given["path"]] if "path" in given else list(given.get("paths", ()))
