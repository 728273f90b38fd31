"""Every family that can be exported here: our own, and those that other packages announce as entry points."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from ganplugin.errors import InputError
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Family, StateDict
from ganplugin.plugins import Plugin, load_plugins
from ganplugin.registry import Registry

__all__ = ["GROUP", "known_families"]

GROUP: Final = "ganplugin.families"
"""The entry point group. Each entry names a `Family`, or a tuple of them."""

_LOG: Final = logging.getLogger("ganplugin")


def known_families() -> Registry[Family]:
    """Return our families, then those of other packages, in the order in which they are tried.

    A package that fails, gives something else or takes a name that is taken is left out, which the log says.
    """
    table = FAMILIES
    for plugin in load_plugins(GROUP):
        try:
            for family in _families_of(plugin):
                table = table.add(family.id, family)
        except InputError as error:
            _LOG.warning("%s", error)
    return table


def _families_of(plugin: Plugin) -> Iterator[Family]:
    """Raises `InputError` if the plugin failed or gives no families."""
    values = plugin.value if isinstance(plugin.value, (tuple, list)) else (plugin.value,)
    for value in values:
        if not isinstance(value, Family):
            reason = plugin.error or f"it gives a {type(value).__name__}, not a Family"
            raise InputError(f"the families of {plugin.package} are left out: {reason}", where=plugin.name)
        yield replace(value, detect=_guarded(value, plugin.package))


def _guarded(family: Family, package: str) -> Callable[[StateDict], bool]:
    """Detection that answers no where other people's code fails: a stranger's file must not stop at it."""

    def detect(state: StateDict) -> bool:
        try:
            return family.detect(state)
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything
            _LOG.warning("the family %s of %s fails: %s", family.id, package, error)
            return False

    return detect
