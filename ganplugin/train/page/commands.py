"""Commands to copy from a run's page, quoted as the shell of this system wants it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import replace

from ganplugin.train.page.folder import BEST, CHECKPOINT
from ganplugin.train.page.standing import Limits, Standing
from ganplugin.train.page.story import Story

__all__ = ["export_command", "resume_command"]


def resume_command(story: Story, standing: Standing) -> str | None:
    """Return what goes on with a run: to where it was to end, or for as long again if it has come there.

    None if ``run.json`` does not say how it was started.
    """
    words = story.facts.get("command")
    if not isinstance(words, list) or not words:
        return None
    limits = _doubled(standing.limits) if standing.state == "finished" else standing.limits
    out = str(story.folder.resolve())
    return _joined([*map(str, words), "--out", out, "--resume", *_limit_words(story, limits)])


def export_command(story: Story) -> str | None:
    """Return what makes a model of the best checkpoint, or of the last; None before the first save."""
    for name in (BEST, CHECKPOINT):
        if (story.folder / name).is_file():
            return _joined(["export", str(story.folder.resolve() / name)])
    return None


def _doubled(limits: Limits) -> Limits:
    return replace(
        limits,
        minutes=None if limits.minutes is None else 2 * limits.minutes,
        steps=None if limits.steps is None else 2 * limits.steps,
    )


def _limit_words(story: Story, limits: Limits) -> list[str]:
    words = [] if limits.minutes is None else ["--minutes", f"{limits.minutes:g}"]
    if limits.steps is None:
        return words
    batch = story.facts.get("batch")
    if isinstance(batch, int):
        return [*words, "--kimg", f"{limits.steps * batch / 1000:g}"]
    return [*words, "--steps", str(limits.steps)]


def _joined(words: Sequence[str]) -> str:
    every = ["ganplugin", *words]
    return subprocess.list2cmdline(every) if os.name == "nt" else shlex.join(every)
