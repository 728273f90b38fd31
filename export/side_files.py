"""What training wrote in words beside a checkpoint: lucidrains' ``.config.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["side_config"]

_NAME: Final = ".config.json"
_SIGN: Final = "image_size"
_MOST_BYTES: Final = 1 << 16
_PLAIN: Final = (str, int, float, bool)


def side_config(path: Path) -> Mapping[str, object]:
    """Return the plain values in the file beside a checkpoint; nothing if there is none, or none of that kind.

    A side file says little that the tensors do not, so one that cannot be read is no error.
    """
    beside = path.with_name(_NAME)
    try:
        if beside.stat().st_size > _MOST_BYTES:
            return {}
        content = json.loads(beside.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or _SIGN not in content:
        return {}
    return {key: value for key, value in content.items() if isinstance(value, _PLAIN)}
