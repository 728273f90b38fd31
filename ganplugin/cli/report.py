"""What a command says when it is done."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ganplugin.cli import print_json
from ganplugin.nodes.score import ScoreOutputs
from ganplugin.nodes.values import LoadedModel

__all__ = ["report_files", "report_ranking"]


def report_files(paths: Sequence[str], model: LoadedModel, *, as_json: bool) -> None:
    """Say which files were written and what computed them; nothing if the picture itself went to standard output."""
    if tuple(paths) == ("-",):
        return
    if as_json:
        print_json(
            {
                "files": list(paths),
                "model": model.name,
                "sha256": model.digest,
                "provider": model.provider,
                "threads": model.threads,
            }
        )
        return
    shown = paths[0] if len(paths) == 1 else f"{len(paths)} pictures, {paths[0]} to {paths[-1]}" if paths else "nothing"
    click.echo(f"{shown} ({model.name} on {model.provider.removesuffix('ExecutionProvider')})")


def report_ranking(ranked: ScoreOutputs, percentiles: Sequence[float] | None = None, *, as_json: bool) -> None:
    """Print the pictures best first with their scores, one a line, and with their percentiles where there are any."""
    names = [origin.source for origin in ranked.images.origins()]
    places = [{} if percentiles is None else {"percentile": place} for place in percentiles or ranked.scores]
    if as_json:
        rows = zip(names, ranked.scores, places, strict=True)
        print_json({"ranking": [{"picture": name, "score": score, **place} for name, score, place in rows]})
        return
    for rank, (name, score, place) in enumerate(zip(names, ranked.scores, places, strict=True), start=1):
        percent = f"{place['percentile']:>6.1f} %  " if place else ""
        click.echo(f"{rank:>5}  {score:>9.4f}  {percent}{name}")
