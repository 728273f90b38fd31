"""Settings: what tensors cannot tell, so that it is given with ``--set``, said by the file, or the common default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ganplugin.errors import InputError
from ganplugin.manifest import HyperParameter

__all__ = ["GIVEN", "Setting", "Value"]

Value = str | int | float | bool

GIVEN: Final = "--set"
"""The entry of a ``config`` that holds what the user gave, as {name: text}."""

_TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Setting:
    """One fact that a family needs and tensors do not hold. The type of ``default`` is the type of the value.

    ``choices`` limits words; ``least`` and ``most`` limit numbers, both inclusive. ``key`` is its name in files' own
    words, where it differs.
    """

    name: str
    title: str
    default: Value
    choices: tuple[str, ...] = ()
    least: float = float("-inf")
    most: float = float("inf")
    key: str = ""

    def read(self, config: Mapping[str, object]) -> HyperParameter:
        """Return the value and its origin: ``option`` before ``metadata`` before ``default``.

        Raises `InputError` if what was given is not of the setting's type, range or choices.
        """
        given = config.get(GIVEN)
        if isinstance(given, Mapping) and self.name in given:
            return HyperParameter(name=self.title, value=self._parsed(str(given[self.name])), origin="option")
        said = config.get(self.key or self.name)
        if isinstance(self.default, float) and isinstance(said, int) and not isinstance(said, bool):
            said = float(said)  # as JSON writes whole numbers
        if isinstance(said, type(self.default)) and self._fits(said):
            return HyperParameter(name=self.title, value=said, origin="metadata")
        return HyperParameter(name=self.title, value=self.default, origin="default")

    def _parsed(self, text: str) -> Value:
        try:
            value = _TRUTHS[text.lower()] if isinstance(self.default, bool) else type(self.default)(text)
        except (ValueError, KeyError):
            raise self._refusal(text) from None
        if not self._fits(value):
            raise self._refusal(text)
        return value

    def _fits(self, value: Value) -> bool:
        if isinstance(value, str):
            return not self.choices or value in self.choices
        return self.least <= value <= self.most

    def _refusal(self, text: str) -> InputError:
        return InputError(f"{self.name}={text} is no {self.title}", fix=f"give {self._wanted()}")

    def _wanted(self) -> str:
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if isinstance(self.default, bool):
            return "true or false"
        noun = "a whole number" if isinstance(self.default, int) else "a number"
        bounds = [
            f"{word} {bound:g}"
            for word, bound in (("from", self.least), ("to", self.most))
            if abs(bound) < float("inf")
        ]
        return " ".join([noun if not isinstance(self.default, str) else "a word", *bounds])
