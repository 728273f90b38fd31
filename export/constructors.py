"""The few things that a pickled object may be besides an inert record, each made by our own code from plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.export.records import Global, Ledger, Record, Storage

__all__ = ["STORAGE_TYPES", "Context", "construct", "is_known"]

STORAGE_TYPES: Final[Mapping[str, str]] = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
}
"""Storage classes of torch, without their modules (``torch`` or ``torch.cuda``), and the dtype of their values."""


@dataclass(frozen=True)
class Context:
    """What surrounds a pickle: the file's ledger, who answers persistent ids, who reads a file inside the file."""

    ledger: Ledger
    persistent_load: Callable[[object], object]
    load_nested: Callable[[memoryview], object]


Arguments = tuple[object, ...]


def construct(context: Context, callee: object, args: Arguments) -> object:
    """Return what ``callee(*args)`` stands for. Nothing is called: an unknown name gives a `Record`.

    Raises `CheckpointError` or the plain errors of Python's containers where the arguments are malformed.
    """
    if not isinstance(callee, Global):
        return Record("an unnamed object", args)
    maker = _MAKERS.get(callee.name) or (_persistent_object if _is_persistent(args) else None)
    return Record(callee.name, args) if maker is None else maker(context, args)


def _dict(_: Context, args: Arguments) -> object:
    pairs = args[0] if args else ()
    if isinstance(pairs, dict):
        return dict(pairs)
    if not isinstance(pairs, (list, tuple)):
        raise TypeError("a dict made of what is no list")
    return {pair[0]: pair[1] for pair in pairs if isinstance(pair, (list, tuple))}


def _list(_: Context, args: Arguments) -> object:
    values = args[0] if args else ()
    if not isinstance(values, (list, tuple)):
        raise TypeError("a set made of what is no list")
    return list(values)


def _tensor(context: Context, args: Arguments) -> object:
    storage, offset, shape, strides, *_ = args
    return context.ledger.tensor(storage, offset, shape, strides)


def _first(_: Context, args: Arguments) -> object:
    return args[0]


def _tuple(_: Context, args: Arguments) -> object:
    if not args or not isinstance(args[0], (list, tuple)):
        raise TypeError("a size made of what is no list")
    return tuple(args[0])


def _nested(context: Context, args: Arguments) -> object:
    content = args[0]
    if isinstance(content, str):  # protocol 2 spells bytes as latin-1 text
        content = content.encode("latin-1")
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise TypeError("a file inside the file that is no bytes")
    # Tensors are made over this memory, and torch wants it writable.
    return context.load_nested(content if isinstance(content, memoryview) else memoryview(bytearray(content)))


def _bytes(_: Context, args: Arguments) -> object:
    content = args[0] if args else b""
    if isinstance(content, str):  # old protocols spell bytes as latin-1 text
        return content.encode("latin-1")
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise TypeError("bytes made of what is no text")
    return content


def _typed_storage(_: Context, args: Arguments) -> object:
    if not args or not isinstance(args[0], Storage):
        raise CheckpointError("describes a tensor that makes no sense")
    return args[0]


def _is_persistent(args: Arguments) -> bool:
    """Tell NVlabs' description of a network by its entries: forks have moved the function that takes it."""
    return len(args) == 1 and isinstance(args[0], dict) and args[0].keys() >= {"class_name", "module_src", "state"}


def _persistent_object(_: Context, args: Arguments) -> object:
    """NVlabs' way to pickle a network: the class's source text lies beside its state, and is thrown away here."""
    meta = args[0]
    if not isinstance(meta, dict):
        raise TypeError("a persistent object without a description")
    kept = {key: value for key, value in meta.items() if key not in ("module_src", "state")}
    return Record(str(meta.get("class_name", "a persistent object"))[:200], (kept,), meta.get("state"))


def _reconstructed(_: Context, args: Arguments) -> object:
    owner = args[0]
    return Record(owner.name if isinstance(owner, Global) else "an unnamed object", args[1:])


_MAKERS: Final[Mapping[str, Callable[[Context, Arguments], object]]] = {
    "collections.OrderedDict": _dict,
    "builtins.dict": _dict,
    "__builtin__.dict": _dict,
    "builtins.set": _list,
    "__builtin__.set": _list,
    "builtins.frozenset": _list,
    "__builtin__.frozenset": _list,
    "builtins.list": _list,
    "__builtin__.list": _list,
    "_codecs.encode": _bytes,
    "builtins.bytes": _bytes,
    "__builtin__.bytes": _bytes,
    "builtins.bytearray": _bytes,
    "__builtin__.bytearray": _bytes,
    "copy_reg._reconstructor": _reconstructed,
    "copyreg._reconstructor": _reconstructed,
    "copy_reg.__newobj__": _reconstructed,
    "copyreg.__newobj__": _reconstructed,
    "torch.Size": _tuple,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch.storage._load_from_bytes": _nested,
    "torch.storage.TypedStorage": _typed_storage,
    "torch_utils.persistence._reconstruct_persistent_obj": _persistent_object,
}


def is_known(name: str) -> bool:
    """Return whether a global is one that plain weights need: the constructors above, and torch's storage types."""
    return name in _MAKERS or name.rpartition(".")[2] in STORAGE_TYPES
