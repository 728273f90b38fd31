"""How ``ganplugin evaluate`` shows what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganplugin.nodes.values import LoadedModel
    from ganplugin.train.metrics.backbones.backbone import Backbone
    from ganplugin.train.metrics.findings import Findings
    from ganplugin.train.pictures.packed import PackedSet

__all__ = ["document", "show"]


def document(model: LoadedModel, findings: Findings, eye: Backbone, reference: PackedSet) -> dict[str, object]:
    """Return all that machines want to know, so that two evaluations can be compared or refused to be."""
    return {
        "model": model.name,
        "sha256": model.digest,
        "backbone": {
            "key": eye.key,
            "name": eye.name,
            "sha256": eye.digest,
            "preprocessing": eye.preprocessing,
            "compares_with_papers": eye.standard,
        },
        "samples": findings.sample_count,
        "real": {"count": findings.real_count, "sha256": reference.digest, "held_out": findings.unseen},
        "numbers": dict(findings.numbers),
        "training_pictures_in_their_place": dict(findings.floor),
        "percentiles": None if findings.percentiles is None else [round(float(p), 2) for p in findings.percentiles],
        "nearest": [pair.index for pair in findings.pairs],
        "notes": list(findings.notes),
    }


def show(findings: Findings, title: str) -> None:
    """Print the numbers with what they mean, and what to know of them, to standard output."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ganplugin.train.metrics.page import best_of, eye_of, shown_value, summary

    console = Console(highlight=False)
    console.print(f"[bold]{escape(title)}[/] {escape(summary(findings))}\n")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for head in ("number", "seen by", "value", *(("training",) if findings.floor else ())):
        table.add_column(head, justify="left" if head in ("number", "seen by") else "right", no_wrap=True)
    table.add_column("what it means")
    for name, value in findings.numbers.items():
        number = findings.meanings[name]
        floor = [shown_value(findings.floor[name]) if name in findings.floor else "–"] if findings.floor else []
        words = f"{best_of(number)}: {number.words}"
        table.add_row(*map(escape, (number.title, eye_of(number, findings), shown_value(value), *floor, words)))
    console.print(table)
    if findings.floor:
        console.print("[dim]training: what training pictures would get in the samples' place[/]")
    for note in findings.notes:
        console.print(f"[yellow]note:[/] {escape(note)}")
