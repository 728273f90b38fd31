"""The containers that weights travel in: torch zip, TorchScript, legacy torch stream and raw pickle.

All of them end in one `Unpickler`; what differs is where the numbers lie.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.export.archive import Archive
from ganplugin.export.constructors import STORAGE_TYPES, Context
from ganplugin.export.records import ITEM_SIZES, Global, Ledger, Source, Storage
from ganplugin.export.unpickler import Unpickler
from ganplugin.export.window import Window

__all__ = ["LEGACY_MAGIC", "read_legacy", "read_pickle", "read_zip"]

LEGACY_MAGIC: Final = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_MAX_NESTING: Final = 3

Load = Callable[[object], object]


def read_zip(window: Window, ledger: Ledger, depth: int = 0) -> object:
    """Return what a torch zip (or the tensor part of a TorchScript archive) holds, with its tensors described.

    Raises `CheckpointError`, or a plain Python error if the pickle inside is malformed.
    """
    archive = Archive(window)
    if depth and archive.is_packed:
        raise CheckpointError("holds a compressed file inside the file, as no checkpoint does")
    root = archive.root
    if archive.has(f"{root}byteorder") and bytes(archive.read(f"{root}byteorder")()) != b"little":
        raise CheckpointError("was saved on a big-endian machine", fix="save it again on a common one")
    storages: dict[str, Storage] = {}

    def load(persistent_id: object) -> object:
        key, dtype, count = _storage_id(persistent_id)
        if key not in storages:
            member = f"{root}data/{key}"
            if archive.size(member) < (count * ITEM_SIZES[dtype] if isinstance(count, int) else 0):
                raise CheckpointError("describes a tensor that is larger than its data")
            storages[key] = ledger.storage(key, dtype, count, archive.read(member))
        return _agreeing(storages[key], dtype, count)

    context = _context(ledger, load, depth)
    return Unpickler(Window(memoryview(archive.read(f"{root}data.pkl")())), context).load()


def read_legacy(window: Window, ledger: Ledger, depth: int = 0) -> object:
    """Return what a torch stream of before version 1.6 holds: several pickles, then the raw numbers."""
    storages: dict[str, Storage] = {}
    places: dict[str, memoryview] = {}

    def load(persistent_id: object) -> object:
        if isinstance(persistent_id, tuple) and persistent_id[:1] == ("module",):
            return persistent_id[1]  # (module, class, file, source text): the source stays unread
        key, dtype, count = _storage_id(persistent_id)
        if key not in storages:
            if isinstance(count, int) and count * ITEM_SIZES[dtype] > len(window):
                raise CheckpointError("describes a tensor that is larger than its data")
            storages[key] = ledger.storage(key, dtype, count, _later(places, key))
        return _agreeing(storages[key], dtype, count)

    context = _context(ledger, load, depth)
    _check_legacy_header([Unpickler(window, context).load() for _ in range(3)])
    content = Unpickler(window, context).load()
    order = Unpickler(window, context).load()
    _place_storages(window, storages, places, order)
    return content


def read_pickle(window: Window, ledger: Ledger, depth: int = 0) -> object:
    """Return what a raw pickle holds."""
    return Unpickler(window, _context(ledger, _refuse_persistent_id, depth)).load()


def _context(ledger: Ledger, load: Load, depth: int) -> Context:
    def load_nested(content: memoryview) -> object:
        if depth >= _MAX_NESTING:
            raise CheckpointError("nests its contents too deeply")
        window = Window(content)
        head = bytes(content[:16])
        if head.startswith(b"PK"):
            return read_zip(window, ledger, depth + 1)
        if head.startswith(LEGACY_MAGIC):
            return read_legacy(window, ledger, depth + 1)
        raise CheckpointError("holds a file inside the file that is not torch's")

    return Context(ledger, load, load_nested)


def _storage_id(persistent_id: object) -> tuple[str, str, object]:
    if not isinstance(persistent_id, tuple) or len(persistent_id) < 5 or persistent_id[0] != "storage":
        raise CheckpointError("refers to its data in a way that torch does not")
    _, kind, key, _location, count, *view = persistent_id
    name = kind.name.rpartition(".")[2] if isinstance(kind, Global) else ""
    if name not in STORAGE_TYPES:
        raise CheckpointError(f"holds numbers of a kind that is not supported ({name[:40] or 'unnamed'})")
    if any(view):
        raise CheckpointError("was written by a version of torch that is too old", fix="save it again with a newer one")
    return str(key), STORAGE_TYPES[name], count


def _agreeing(storage: Storage, dtype: str, count: object) -> Storage:
    if storage.dtype != dtype or storage.count != count:
        raise CheckpointError("describes the same data in two ways")
    return storage


def _refuse_persistent_id(_: object) -> object:
    raise CheckpointError("refers to data outside itself")


def _check_legacy_header(header: list[object]) -> None:
    _, version, system = header
    if version != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError("was saved on a big-endian machine or by an unknown version of torch")


def _later(places: dict[str, memoryview], key: str) -> Source:
    def fetch() -> memoryview:
        if key not in places:
            raise CheckpointError("is cut off: some of its tensors are missing")
        return places[key]

    return fetch


def _place_storages(window: Window, storages: dict[str, Storage], places: dict[str, memoryview], order: object) -> None:
    if not isinstance(order, list) or len(order) != len(set(map(str, order))):
        raise CheckpointError("lists its tensors in a way that torch does not")
    for key in map(str, order):
        (count,) = struct.unpack("<q", window.slice(window.position, 8))
        storage = storages.get(key)
        if storage is None or storage.count != count:
            raise CheckpointError("describes the same data in two ways")
        places[key] = window.slice(window.position + 8, storage.byte_size)
        window.position += 8 + storage.byte_size
    if missing := storages.keys() - places.keys():
        raise CheckpointError(f"is cut off: {len(missing)} of its tensors are missing")
