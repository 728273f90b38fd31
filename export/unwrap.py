"""From what a file holds to the networks in it: every state dict, averaged weights first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from torch import Tensor

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import Checkpoint, refusing
from ganplugin.export.records import Record, StoredTensor, check_depth
from ganplugin.export.tensors import TensorMaker
from ganplugin.limits import MAX_PICKLE_DEPTH, MAX_TENSORS
from ganplugin.models.network import BESIDE, VERSION

__all__ = ["Part", "is_averaged", "parts_of"]

_AVERAGED: Final = re.compile(r"(^|[._])(ema|g_ema|G_ema|GE|SE|params[_-]ema|generator_ema|netG_ema)($|[._])")
_GENERATORS: Final = re.compile(
    r"(?i)^(g|netg|generator|gen|stylizer|g_state_dict|netg_state_dict|generator_state_dict)$"
)
_WRAPPERS: Final = re.compile(r"^(module|_orig_mod)\.")
_SECTIONS: Final = frozenset(
    {"g_ema", "G_ema", "GE", "netG_ema", "generator_ema"}
    | {"g", "G", "netG", "generator", "stylizer"}
    | {"d", "D", "netD", "discriminator"}
)
_UNTRAINED: Final = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked|weight_u|weight_v)$")
_APART: Final = f"{BESIDE}."
_PLAIN: Final = (str, int, float, bool)
_LONGEST_TUPLE: Final = 8


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
        check_depth(checkpoint.content)
        found = [_named(part, checkpoint) for part in _Finder().parts("", checkpoint.content)]
        return tuple(sorted((_with_names(part, found) for part in found), key=_rank))


def _rank(part: Part) -> int:
    if is_averaged(part):
        return 0
    return 1 if any(_GENERATORS.match(step) for step in part.path.split(".")) else 2


def _named(part: Part, checkpoint: Checkpoint) -> Part:
    """Return the part without the names of wrappers in front of its keys, and of the modules that it speaks of."""
    state, config = part.state, {**part.config, **checkpoint.config}
    while _is_wrapped(state):
        state, config = _taken_out(state), _without_wrapper(config)
    return Part(part.path, state, config)


def _stripped(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    while _is_wrapped(state):
        state = _taken_out(state)
    return state


def _is_wrapped(state: Mapping[str, Tensor]) -> bool:
    return bool(state) and all(_WRAPPERS.match(key) for key in state)


def _taken_out(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return {key.partition(".")[2]: value for key, value in state.items()}


def _without_wrapper(config: dict[str, object]) -> dict[str, object]:
    modules = config.get("modules")
    if not isinstance(modules, dict):
        return config
    wrapped = next((said for name, said in modules.items() if "." not in name and isinstance(said, dict)), {})
    inside = {name.partition(".")[2]: said for name, said in modules.items() if _WRAPPERS.match(name)}
    return {**config, "class": wrapped.get("class", config.get("class")), "modules": inside}


def _with_names(part: Part, parts: list[Part]) -> Part:
    """Give the names to a bare list of averaged weights, which is in the order of a generator's parameters.

    What is not averaged (norm statistics, spectral-norm vectors) is taken from that generator.
    """
    if not is_averaged(part) or list(part.state) != [str(index) for index in range(len(part.state))]:
        return part
    shapes = [value.shape for value in part.state.values()]
    for other in parts:
        names = [key for key in other.state if not _UNTRAINED.search(key)]
        if other is not part and [other.state[name].shape for name in names] == shapes:
            return Part(part.path, {**other.state, **dict(zip(names, part.state.values(), strict=True))}, other.config)
    return part


@dataclass(frozen=True)
class _Near:
    """What lies beside a state dict: single tensors, and the version of the program that wrote the file."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    version: str = ""

    def with_more(self, tensors: Mapping[str, Tensor], entries: Mapping[str, object]) -> _Near:
        version = entries.get(VERSION)
        return _Near({**self.tensors, **tensors}, version if isinstance(version, str) else self.version)

    @property
    def config(self) -> dict[str, object]:
        tensors: dict[str, object] = {BESIDE: self.tensors} if self.tensors else {}
        return {**tensors, VERSION: self.version} if self.version else tensors


_NOTHING: Final = _Near()


class _Finder:
    """Walks a tree once and yields the state dicts in it; what is shared or circular is not unfolded."""

    def __init__(self) -> None:
        self._maker = TensorMaker()
        self._seen: set[int] = set()
        self._modules = 0

    def parts(self, path: str, value: object, near: _Near = _NOTHING) -> Iterator[Part]:
        """Yield the state dicts at and below ``value``; ``near`` is what is next to it and above."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, Record) and (state := self._module_state(value, "")):
            yield Part(path, state, _module_config(value))
            return
        entries = _entries(value)
        tensors = {key: self._maker.tensor(item) for key, item in entries.items() if isinstance(item, StoredTensor)}
        near, tensors = near.with_more(_beside(tensors), entries), _without_beside(tensors)
        if tensors:
            yield from _sections(path, _stripped(tensors), near)
            yield Part(path, tensors, near.config)
        for key, item in entries.items():
            if not isinstance(item, (StoredTensor, *_PLAIN)):
                yield from self.parts(f"{path}.{key}" if path else key, item, near.with_more(tensors, {}))

    def _module_state(self, record: Record, prefix: str) -> dict[str, Tensor]:
        """Return the state dict of a pickled module. Raises `CheckpointError` for one that holds itself."""
        attributes = record.attributes
        if not isinstance(attributes.get("_modules"), dict):
            return {}
        self._modules += 1
        if self._modules > MAX_TENSORS or prefix.count(".") > MAX_PICKLE_DEPTH:
            raise CheckpointError("nests its contents too deeply")
        values = {**_entries(attributes.get("_parameters")), **_entries(attributes.get("_buffers"))}
        state = {prefix + key: self._maker.tensor(v) for key, v in values.items() if isinstance(v, StoredTensor)}
        for name, child in _entries(attributes["_modules"]).items():
            if isinstance(child, Record):
                state |= self._module_state(child, f"{prefix}{name}.")
        return state


def _entries(value: object) -> dict[str, object]:
    if isinstance(value, Record):
        value = value.attributes
    if isinstance(value, dict):
        return {key: item for key, item in value.items() if isinstance(key, str)}
    if isinstance(value, (list, tuple)):
        return {str(index): item for index, item in enumerate(value)}
    return {}


def _beside(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the single tensors that our own files of weights keep apart by a prefix."""
    return {key.removeprefix(_APART): tensor for key, tensor in tensors.items() if key.startswith(_APART)}


def _without_beside(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in tensors.items() if not key.startswith(_APART)}


def _sections(path: str, tensors: Mapping[str, Tensor], near: _Near) -> Iterator[Part]:
    sections: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        first, _, rest = key.partition(".")
        if rest and first in _SECTIONS:
            sections.setdefault(first, {})[rest] = tensor
    for name, state in sections.items():
        yield Part(f"{path}.{name}" if path else name, state, near.config)


def _module_config(record: Record) -> dict[str, object]:
    found: dict[str, object] = {"class": record.name}
    for name, value in record.attributes.items():
        if isinstance(value, _PLAIN) or name in ("_init_kwargs", "_init_args"):
            found[str(name)] = value
    return {**found, "modules": dict(_layers(record))}


def _is_plain(value: object) -> bool:
    """Return whether a value is a word or number, or a short tuple of them such as the stride of a convolution."""
    if isinstance(value, tuple):
        return len(value) <= _LONGEST_TUPLE and all(isinstance(item, _PLAIN) for item in value)
    return isinstance(value, _PLAIN)


def _layers(record: Record, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield what a pickled module says in words of every module inside it: class and plain attributes by path."""
    if depth > 50:
        return
    for name, child in _entries(record.attributes.get("_modules")).items():
        if isinstance(child, Record):
            plain = {str(key): value for key, value in child.attributes.items() if _is_plain(value)}
            yield f"{prefix}{name}", {**plain, "class": child.name}
            yield from _layers(child, f"{prefix}{name}.", depth + 1)
