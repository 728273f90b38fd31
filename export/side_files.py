"""What training wrote in words beside a checkpoint, for what its tensors do not tell.

``.config.json`` is lucidrains', ``training_options.json`` NVIDIA's and R3GAN's, ``train_opt.txt`` CycleGAN's, CUT's and
pix2pixHD's (there also called ``opt.txt``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

__all__ = ["side_config"]

_MOST_BYTES: Final = 1 << 18
_PLAIN: Final = (str, int, float, bool)
_OPTION: Final = re.compile(r"^\s*(\w{1,60}): (.*?)\s*(?:\t\[default: .*\])?\s*$")
_WORDS: Final[Mapping[str, bool]] = {"True": True, "False": False}
_WITHIN: Final = ("synthesis_kwargs", "block_kwargs", "mapping_kwargs")
_CLAMP: Final = "conv_clamp"
_RENAMED: Final = {"lr_multiplier": "mapping_lr_multiplier"}


def side_config(path: Path) -> Mapping[str, object]:
    """Return the plain values in the files beside a checkpoint; nothing if there is none, or none of those kinds.

    Side files say little that the tensors do not, so one that cannot be read is no error.
    """
    found: dict[str, object] = {}
    for name, read in _READERS.items():
        found |= read(_content(path.with_name(name)))
    return found


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= _MOST_BYTES else ""
    except (OSError, ValueError):
        return ""


def _json(text: str) -> Mapping[str, object]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _plain(content: object) -> dict[str, object]:
    entries = dict(content) if isinstance(content, dict) else {}
    if entries.get(_CLAMP, 0) is None:
        entries[_CLAMP] = 0.0  # no clamp
    return {_RENAMED.get(key, key): value for key, value in entries.items() if isinstance(value, _PLAIN)}


def _lucidrains(text: str) -> dict[str, object]:
    content = _json(text)
    return _plain(content) if "image_size" in content else {}


def _nvidia(text: str) -> dict[str, object]:
    """The generator's part; what is within its parts of the network goes before what is said for the whole."""
    said = _json(text).get("G_kwargs")
    generator = said if isinstance(said, dict) else {}
    found = _plain(generator)
    for name in _WITHIN:
        found |= _plain(generator.get(name))
    return found


def _cyclegan(text: str) -> dict[str, object]:
    lines = (_OPTION.match(line) for line in text.splitlines())
    return {match[1]: _value(match[2]) for match in lines if match}


def _value(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


_READERS: Final[Mapping[str, Callable[[str], dict[str, object]]]] = {
    "opt.txt": _cyclegan,
    "train_opt.txt": _cyclegan,
    "training_options.json": _nvidia,
    ".config.json": _lucidrains,
}
