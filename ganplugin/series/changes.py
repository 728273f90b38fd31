"""What two plans differ in, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

__all__ = ["differences"]

_MISSING = object()
_LONGEST = 60


def differences(old: object, new: object, name: str = "") -> Iterator[str]:
    """Yield what differs between two trees of plain data, such as ``traits.Mood.range.1: 10 is now 12``.

    Numbers of two kinds differ, since 1 means whole numbers where 1.0 does not. The order of a table does not count.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from differences(old.get(key, _MISSING), new.get(key, _MISSING), f"{name}.{key}" if name else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (first, second) in enumerate(zip(old, new, strict=True)):
            yield from differences(first, second, f"{name}.{number}")
    elif _text(old) != _text(new):
        yield f"{name}: {_shown(old)} is now {_shown(new)}"


def _text(value: object) -> str:
    return "nothing" if value is _MISSING else json.dumps(value, ensure_ascii=False)


def _shown(value: object) -> str:
    text = _text(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
