"""The safetensors container: a JSON header that says where each tensor lies, then the numbers.

Every rule of the format is checked (contiguous, no holes, no overlaps, no key twice), as each closes an attack.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.export.records import ITEM_SIZES, Ledger, StoredTensor, check_depth
from ganplugin.export.window import Window
from ganplugin.manifest import METADATA_KEY

__all__ = ["read_safetensors"]

_MAX_HEADER: Final = 100 * 2**20
_DTYPES: Final[Mapping[str, str]] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def read_safetensors(window: Window, ledger: Ledger) -> tuple[dict[str, StoredTensor], Mapping[str, object]]:
    """Return the tensors by name and the configuration under the metadata key ``ganplugin`` (else nothing).

    Raises `CheckpointError`, or the plain errors of JSON and containers where the header is malformed.
    """
    length = int.from_bytes(bytes(window.slice(0, 8)), "little")
    if length > _MAX_HEADER:
        raise CheckpointError("has a header of more than 100 MiB")
    header = json.loads(bytes(window.slice(8, length)), object_pairs_hook=_unique)
    metadata = header.pop("__metadata__", {})
    numbers = Window(window.slice(8 + length, len(window) - 8 - length))
    places = {name: _Place(name, entry) for name, entry in header.items()}
    _check_contiguous(list(places.values()), len(numbers))
    return {name: place.tensor(numbers, ledger) for name, place in places.items()}, _config(metadata)


class _Place:
    """One entry of the header, checked against itself."""

    def __init__(self, name: str, entry: Mapping[str, object]) -> None:
        shape, offsets, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
        if not isinstance(shape, list) or not isinstance(offsets, list) or dtype not in _DTYPES:
            raise CheckpointError(f"describes the tensor {name[:80]!r} in a way that is not supported")
        if not all(isinstance(value, int) and value >= 0 for value in (*shape, *offsets)):
            raise CheckpointError(f"describes the tensor {name[:80]!r} in a way that makes no sense")
        self.name = name
        self.dtype = _DTYPES[str(dtype)]
        self.shape = tuple(shape)
        self.start, self.end = offsets
        if self.end - self.start != math.prod(self.shape) * ITEM_SIZES[self.dtype]:
            raise CheckpointError(f"describes the tensor {name[:80]!r} with the wrong size")

    def tensor(self, numbers: Window, ledger: Ledger) -> StoredTensor:
        """Return the tensor, its bytes still unread."""
        view = numbers.slice(self.start, self.end - self.start)
        count = math.prod(self.shape)
        storage = ledger.storage(self.name, self.dtype, count, lambda: view)
        strides = [math.prod(self.shape[axis + 1 :]) for axis in range(len(self.shape))]
        return ledger.tensor(storage, 0, self.shape, strides)


def _check_contiguous(places: list[_Place], size: int) -> None:
    end = 0
    for place in sorted(places, key=lambda place: (place.start, place.end)):
        if place.start != end:
            raise CheckpointError(f"leaves a hole or an overlap before the tensor {place.name[:80]!r}")
        end = place.end
    if end != size:
        raise CheckpointError("is cut off, or has something behind its last tensor")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise CheckpointError("names something twice in its header")
    return found


def _config(metadata: object) -> Mapping[str, object]:
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        return {}
    config = json.loads(text, object_pairs_hook=_unique)
    if not isinstance(config, dict):
        raise CheckpointError("describes itself in a way that makes no sense")
    check_depth(config)
    return config
