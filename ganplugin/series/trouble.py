"""An error on its way from one process to another."""

from __future__ import annotations

from dataclasses import dataclass

from ganplugin.errors import GanPluginError

__all__ = ["Trouble"]


@dataclass(frozen=True)
class Trouble:
    """What an error says. An exception itself may not survive the journey."""

    kind: type[GanPluginError]
    what: str
    where: str | None
    fix: str | None

    @classmethod
    def of(cls, error: GanPluginError) -> Trouble:
        """Note an error, as the nearest kind of the common tree: others may be made in their own way."""
        kind = next(kind for kind in type(error).__mro__ if kind.__module__ == GanPluginError.__module__)
        return cls(kind, error.what, error.where, error.fix)

    def error(self) -> GanPluginError:
        """Return the error as it was raised."""
        return self.kind(self.what, where=self.where, fix=self.fix)
