"""The course of every training on the command line: when it ends, what it says, what it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganplugin.train.loop import Schedule

__all__ = ["finish", "report", "schedule_of"]


def schedule_of(
    minutes: float | None, steps: int | None, save_minutes: float, keep_steps: int = 0, *, preview: bool = False
) -> Schedule:
    """Return when to stop and to save; after half an hour if nothing is said."""
    from ganplugin.train.loop import Schedule

    limit = 30.0 if minutes is None and steps is None else minutes
    return Schedule(minutes=limit, steps=steps, save_minutes=save_minutes, keep_steps=keep_steps, preview=preview)


def report(message: str) -> None:
    """Show a line of progress."""
    click.echo(message, err=True)


def finish(checkpoint: Path) -> None:
    """Show what was made, and what to do with it: best export the best, where that was measured."""
    from ganplugin.train.page.folder import BEST

    click.echo(str(checkpoint))
    best = checkpoint.with_name(BEST)
    report(f"next: ganplugin export {best if best.is_file() else checkpoint}")
