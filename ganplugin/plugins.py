"""Extensions that other packages announce as entry points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Final

__all__ = ["PLUGIN_GROUPS", "Plugin", "load_plugins"]

PLUGIN_GROUPS: Final = ("ganplugin.families", "ganplugin.nodes")
"""The entry point groups: network families for export, and nodes."""


@dataclass(frozen=True)
class Plugin:
    """One entry point: what it gave, or why it gave nothing."""

    group: str
    name: str
    package: str
    value: object = None
    error: str | None = None


@cache
def load_plugins(group: str) -> tuple[Plugin, ...]:
    """Load every entry point of a group once, in the order of their names.

    A plugin that raises is returned with its ``error`` and harms neither the others nor the caller.
    """
    return tuple(_load(entry) for entry in sorted(metadata.entry_points(group=group), key=lambda entry: entry.name))


def _load(entry: metadata.EntryPoint) -> Plugin:
    package = entry.dist.name if entry.dist is not None else entry.value
    try:
        return Plugin(entry.group, entry.name, package, value=entry.load())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - other people's code may raise anything
        return Plugin(entry.group, entry.name, package, error=f"{type(error).__name__}: {error}")
