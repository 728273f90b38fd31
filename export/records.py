"""What a foreign pickle turns into here: plain containers, tensors that are only described, and inert records."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ganplugin.errors import CheckpointError
from ganplugin.limits import MAX_CHECKPOINT_BYTES, MAX_PICKLE_DEPTH, MAX_TENSORS

__all__ = ["ITEM_SIZES", "Global", "Ledger", "Record", "Source", "Storage", "StoredTensor", "check_depth"]

Source = Callable[[], "memoryview | bytearray"]

_MAX_VISITS = 5_000_000
_MAX_GLOBALS = 10_000


@dataclass(frozen=True)
class Global:
    """The dotted name of a class or function that a pickle asks for. It is a name and nothing else."""

    name: str


@dataclass(eq=False)
class Record:
    """An object of a class that is not ours: its name and its data, with no behaviour at all."""

    name: str
    args: tuple[object, ...] = ()
    state: object = None
    entries: dict[object, object] = field(default_factory=dict)
    items: list[object] = field(default_factory=list)

    @property
    def attributes(self) -> Mapping[object, object]:
        """The object's attributes: its state if that is a mapping, and the entries of a dict-like object."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):  # (dict, slots)
            state = {**(state[0] if isinstance(state[0], dict) else {}), **state[1]}
        return {**(state if isinstance(state, dict) else {}), **self.entries}


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of numbers somewhere in the file: ``count`` values of a torch ``dtype`` (such as ``float32``).

    ``source`` fetches the bytes, which is when the file's pages are first touched.
    """

    key: str
    dtype: str
    count: int
    source: Source

    @property
    def byte_size(self) -> int:
        """Bytes that the values take."""
        return self.count * ITEM_SIZES[self.dtype]


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A view of a storage, checked to lie inside it. ``offset`` and ``strides`` count values."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


ITEM_SIZES: Mapping[str, int] = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}


@dataclass
class Ledger:
    """Counts what a file asks for and refuses what no real checkpoint needs. One ledger serves one file."""

    tensors: int = 0
    bytes: int = 0
    globals: dict[str, None] = field(default_factory=dict)

    def note_global(self, name: str) -> None:
        """Remember the name of a class or function that a pickle asked for."""
        if len(self.globals) < _MAX_GLOBALS:
            self.globals[name] = None

    def storage(self, key: str, dtype: str, count: object, source: Source) -> Storage:
        """Return a storage. Raises `CheckpointError` if it is malformed or the sum of all is too large."""
        if not isinstance(count, int) or isinstance(count, bool) or count < 0 or dtype not in ITEM_SIZES:
            raise CheckpointError("describes a tensor that makes no sense")
        self.bytes += count * ITEM_SIZES[dtype]
        if self.bytes > MAX_CHECKPOINT_BYTES:
            raise CheckpointError(f"declares more than {MAX_CHECKPOINT_BYTES / 2**30:.0f} GiB of tensors")
        return Storage(key, dtype, count, source)

    def tensor(self, storage: object, offset: object, shape: object, strides: object) -> StoredTensor:
        """Return a view of a storage. Raises `CheckpointError` if it reaches outside or there are too many."""
        if not isinstance(storage, Storage) or not isinstance(offset, int):
            raise CheckpointError("describes a tensor that makes no sense")
        sizes, steps = _whole_numbers(shape), _whole_numbers(strides)
        if len(sizes) != len(steps) or offset < 0:
            raise CheckpointError("describes a tensor that makes no sense")
        count = math.prod(sizes)
        last = offset + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True)) if count else 0
        if last >= max(storage.count, 1) or count > storage.count:
            raise CheckpointError("describes a tensor that reaches outside its data")
        self.tensors += 1
        if self.tensors > MAX_TENSORS:
            raise CheckpointError(f"holds more than {MAX_TENSORS:,} tensors")
        return StoredTensor(storage, offset, sizes, steps)


def _whole_numbers(values: object) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)) or len(values) > 16:
        raise CheckpointError("describes a tensor that makes no sense")
    if not all(isinstance(value, int) and 0 <= value < 2**48 for value in values):
        raise CheckpointError("describes a tensor that makes no sense")
    return tuple(values)


def check_depth(content: object) -> None:
    """Visit every object of a tree once, however often it is shared. Raises `CheckpointError` if it is too deep."""
    seen: set[int] = set()
    waiting: list[tuple[object, int]] = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if depth > MAX_PICKLE_DEPTH or len(seen) > _MAX_VISITS:
            raise CheckpointError("nests its contents too deeply")
        waiting.extend((child, depth + 1) for child in _children(value))


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, Record):
        return [*value.args, value.state, *value.entries.values(), *value.items]
    return []
