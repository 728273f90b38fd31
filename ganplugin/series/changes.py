"""What two plans differ in, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["differences"]

_MISSING = object()


def differences(old: object, new: object, name: str = "") -> Iterator[str]:
    """Yield what differs between two trees of plain data, such as ``traits.Mood.range: [1, 10] is now [1, 12]``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            inner = f"{name}.{key}" if name else str(key)
            yield from differences(old.get(key, _MISSING), new.get(key, _MISSING), inner)
    elif old != new or (old is _MISSING) != (new is _MISSING):
        yield f"{name}: {_shown(old)} is now {_shown(new)}"


def _shown(value: Any) -> str:  # noqa: ANN401 - any plain data
    if value is _MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
