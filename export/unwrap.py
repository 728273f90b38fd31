"""From what a file holds to the networks in it: every state dict, averaged weights first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor

from ganplugin.export.checkpoint import Checkpoint, refusing
from ganplugin.export.records import Record, StoredTensor, walk
from ganplugin.export.tensors import TensorMaker

__all__ = ["Part", "is_averaged", "parts_of"]

_AVERAGED: Final = re.compile(r"(^|[._])(ema|g_ema|G_ema|GE|SE|params_ema|generator_ema|netG_ema)($|[._])")
_GENERATORS: Final = re.compile(
    r"(?i)^(g|netg|generator|gen|stylizer|g_state_dict|netg_state_dict|generator_state_dict)$"
)
_WRAPPERS: Final = re.compile(r"^(module|_orig_mod)\.")
_SECTIONS: Final = frozenset(
    {"g_ema", "g", "d", "stylizer", "G_ema", "G", "D", "netG", "netD", "generator", "discriminator"}
)
_PLAIN: Final = (str, int, float, bool)


@dataclass(frozen=True)
class Part:
    """One state dict of a file. ``path`` tells where it was (``g_ema``, ``netG_state_dict``; empty for the whole file).

    ``config`` is what the file says of it in words: our own metadata, or the attributes of a pickled module.
    """

    path: str
    state: Mapping[str, Tensor]
    config: Mapping[str, object] = field(default_factory=dict)


def is_averaged(part: Part) -> bool:
    """Return whether a part holds averaged weights (EMA), by its name."""
    return _AVERAGED.search(part.path) is not None


def parts_of(checkpoint: Checkpoint) -> tuple[Part, ...]:
    """Return every state dict of a checkpoint: averaged ones first, then generators, then the rest, in file order.

    Raises `CheckpointError` if the contents nest too deeply or a tensor's data are not there.
    """
    with refusing(checkpoint.path):
        for _ in walk(checkpoint.content):
            pass  # the walk itself is the check
        maker = TensorMaker()
        found = [_named(part, checkpoint) for part in _parts("", checkpoint.content, maker, 0)]
        return tuple(sorted(found, key=_rank))


def _rank(part: Part) -> int:
    if is_averaged(part):
        return 0
    return 1 if any(_GENERATORS.match(step) for step in part.path.split(".")) else 2


def _named(part: Part, checkpoint: Checkpoint) -> Part:
    return Part(part.path, _stripped(part.state), {**part.config, **checkpoint.config})


def _stripped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    while state and all(_WRAPPERS.match(key) for key in state):
        state = {key.partition(".")[2]: value for key, value in state.items()}
    return state


def _parts(path: str, value: object, maker: TensorMaker, depth: int) -> Iterator[Part]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Record) and (state := _module_state(value, maker)):
        yield Part(path, state, _module_config(value))
        return
    entries = _entries(value)
    tensors = {key: maker.tensor(item) for key, item in entries.items() if isinstance(item, StoredTensor)}
    if tensors:
        yield from _sections(path, tensors)
        yield Part(path, tensors)
    for key, item in entries.items():
        if not isinstance(item, (StoredTensor, *_PLAIN)):
            yield from _parts(f"{path}.{key}" if path else key, item, maker, depth + 1)


_MAX_DEPTH: Final = 6


def _entries(value: object) -> dict[str, object]:
    if isinstance(value, Record):
        value = value.attributes
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if isinstance(key, str)}
    if isinstance(value, (list, tuple)):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def _sections(path: str, tensors: Mapping[str, Tensor]) -> Iterator[Part]:
    sections: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        first, _, rest = key.partition(".")
        if rest and first in _SECTIONS:
            sections.setdefault(first, {})[rest] = tensor
    for name, state in sections.items():
        yield Part(f"{path}.{name}" if path else name, state)


def _module_state(record: Record, maker: TensorMaker, prefix: str = "", depth: int = 0) -> dict[str, Tensor]:
    attributes = record.attributes
    if depth > 50 or not isinstance(attributes.get("_modules"), dict):
        return {}
    state: dict[str, Tensor] = {}
    for group in ("_parameters", "_buffers"):
        for name, value in _entries(attributes.get(group)).items():
            if isinstance(value, StoredTensor):
                state[prefix + name] = maker.tensor(value)
    for name, child in _entries(attributes["_modules"]).items():
        if isinstance(child, Record):
            state |= _module_state(child, maker, f"{prefix}{name}.", depth + 1)
    return state


def _module_config(record: Record) -> dict[str, object]:
    found: dict[str, object] = {"class": record.name}
    for name, value in record.attributes.items():
        if isinstance(value, _PLAIN) or name in ("_init_kwargs", "_init_args"):
            found[str(name)] = value
    return {**found, "modules": dict(_layers(record))}


def _layers(record: Record, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what a pickled module says in words of every module inside it: class and plain attributes by path."""
    if depth > 50:
        return
    for name, child in _entries(record.attributes.get("_modules")).items():
        if isinstance(child, Record):
            plain = {str(key): value for key, value in child.attributes.items() if isinstance(value, _PLAIN)}
            yield f"{prefix}{name}", {**plain, "class": child.name}
            yield from _layers(child, f"{prefix}{name}.", depth + 1)
