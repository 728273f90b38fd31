"""An interpreter for pickles that calls nothing: every class is a name, every object a record.

`pickle.Unpickler` runs whatever a file names. This one reads the same opcodes (as `pickletools` decodes them) and keeps
a stack of plain values. The few constructors that checkpoints need (ordered dicts, tensors, numpy arrays) are written
out in `ganplugin.export.constructors`; all others make an inert `Record`. So there is no import, no call and no
fallback, and nothing to switch off.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Callable, Mapping
from typing import IO, Final, cast

from ganplugin.errors import CheckpointError
from ganplugin.export.constructors import Context, construct
from ganplugin.export.records import Global, Record
from ganplugin.export.window import Window

__all__ = ["Unpickler"]

_MAX_OPCODES: Final = 20_000_000
_MAX_STACK: Final = 10_000_000


class _Mark:
    """The place on the stack where a group begins."""


_MARK: Final = _Mark()
_CONSTANTS: Final[Mapping[str, object]] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_LITERALS: Final = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "FLOAT",
        "BINFLOAT",
    ]
)
_IGNORED: Final = frozenset({"PROTO", "FRAME"})


class Unpickler:
    """Reads one pickle from ``window``, which is left just behind it. Names of globals are noted in the ledger."""

    def __init__(self, window: Window, context: Context) -> None:
        self._window = window
        self._context = context
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}

    def load(self) -> object:
        """Return the pickled value.

        Raises `CheckpointError` for what no checkpoint holds; malformed pickles raise the plain errors of Python's
        own containers (`ValueError`, `IndexError`, `TypeError` …), which the caller turns into `CheckpointError`.
        """
        with warnings.catch_warnings():
            # Python warns of escapes in old string literals, which a damaged file may have anywhere.
            warnings.simplefilter("ignore", DeprecationWarning)
            return self._load()

    def _load(self) -> object:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(cast("IO[bytes]", self._window))):
            if count > _MAX_OPCODES or len(self._stack) > _MAX_STACK:
                raise CheckpointError("holds more objects than any checkpoint needs")
            if opcode.name == "STOP":
                return self._pop()
            self._step(opcode.name, argument)
        raise CheckpointError("ends in the middle of its contents")

    def _step(self, name: str, argument: object) -> None:
        if name in _LITERALS:
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name not in _IGNORED:
            handler = _HANDLERS.get(name)
            if handler is None:
                raise CheckpointError(f"uses the pickle feature {name}, which no checkpoint needs")
            handler(self, argument)

    def _pop(self) -> object:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value belongs")
        return value

    def _group(self) -> list[object]:
        place = len(self._stack) - 1
        while self._stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise IndexError("a group without a beginning")
        group = self._stack[place + 1 :]
        del self._stack[place:]
        return group

    def _make(self, callee: object, args: object) -> None:
        if not isinstance(args, tuple):
            raise TypeError("arguments that are no tuple")
        self._stack.append(construct(self._context, callee, args))

    def _find(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str) or len(module) + len(name) > 1000:
            raise CheckpointError("names a class in a way that no checkpoint does")
        found = Global(f"{module}.{name}")
        self._context.ledger.note_global(found.name)
        self._stack.append(found)

    def _mark(self, _: object) -> None:
        self._stack.append(_MARK)

    def _discard(self, _: object) -> None:
        self._stack.pop()

    def _discard_group(self, _: object) -> None:
        self._group()

    def _duplicate(self, _: object) -> None:
        self._stack.append(self._stack[-1])

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _put(self, index: object) -> None:
        self._memo[int(str(index))] = self._stack[-1]

    def _get(self, index: object) -> None:
        self._stack.append(self._memo[int(str(index))])

    def _empty_list(self, _: object) -> None:
        self._stack.append([])

    def _empty_dict(self, _: object) -> None:
        self._stack.append({})

    def _empty_tuple(self, _: object) -> None:
        self._stack.append(())

    def _list(self, _: object) -> None:
        self._stack.append(self._group())

    def _tuple(self, _: object) -> None:
        self._stack.append(tuple(self._group()))

    def _tuple_of(self, size: int) -> None:
        values = [self._pop() for _ in range(size)]
        self._stack.append(tuple(reversed(values)))

    def _dict(self, _: object) -> None:
        self._stack.append(_paired(self._group()))

    def _append(self, _: object) -> None:
        self._add_items([self._pop()])

    def _appends(self, _: object) -> None:
        self._add_items(self._group())

    def _add_items(self, values: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, Record):
            target.items.extend(values)
        elif isinstance(target, list):
            target.extend(values)
        else:
            raise TypeError("items added to what is no list")

    def _set_item(self, _: object) -> None:
        value = self._pop()
        self._set_entries([self._pop(), value])

    def _set_items(self, _: object) -> None:
        self._set_entries(self._group())

    def _set_entries(self, values: list[object]) -> None:
        target = self._stack[-1]
        entries = target.entries if isinstance(target, Record) else target
        if not isinstance(entries, dict):
            raise TypeError("entries added to what is no dict")
        entries.update(_paired(values))

    def _global(self, argument: object) -> None:
        module, _, name = str(argument).partition(" ")
        self._find(module, name)

    def _stack_global(self, _: object) -> None:
        name = self._pop()
        self._find(self._pop(), name)

    def _reduce(self, _: object) -> None:
        args = self._pop()
        self._make(self._pop(), args)

    def _new_object(self, _: object) -> None:
        args = self._pop()
        self._make(self._pop(), args)

    def _new_object_with_names(self, _: object) -> None:
        named, args, callee = self._pop(), self._pop(), self._pop()
        if not isinstance(args, tuple):
            raise TypeError("arguments that are no tuple")
        self._make(callee, (*args, named) if named else args)

    def _object(self, _: object) -> None:
        callee, *args = self._group()
        self._make(callee, tuple(args))

    def _instance(self, argument: object) -> None:
        args = tuple(self._group())
        self._global(argument)
        self._make(self._pop(), args)

    def _build(self, _: object) -> None:
        state = self._pop()
        target = self._stack[-1]
        if isinstance(target, Record):
            self._stack[-1] = _settled(target, state)
        # An OrderedDict with attributes (state dicts carry `_metadata`) keeps its entries alone.

    def _persistent(self, _: object) -> None:
        self._stack.append(self._context.persistent_load(self._pop()))

    def _persistent_text(self, argument: object) -> None:
        self._stack.append(self._context.persistent_load(argument))


def _settled(target: Record, state: object) -> Record:
    target.state = state
    return target


def _paired(values: list[object]) -> dict[object, object]:
    if len(values) % 2:
        raise ValueError("a key without a value")
    return dict(zip(values[::2], values[1::2], strict=True))


Handler = Callable[[Unpickler, object], None]

_HANDLERS: Final[Mapping[str, Handler]] = {
    "MARK": Unpickler._mark,
    "POP": Unpickler._discard,
    "POP_MARK": Unpickler._discard_group,
    "DUP": Unpickler._duplicate,
    "MEMOIZE": Unpickler._memoize,
    "PUT": Unpickler._put,
    "BINPUT": Unpickler._put,
    "LONG_BINPUT": Unpickler._put,
    "GET": Unpickler._get,
    "BINGET": Unpickler._get,
    "LONG_BINGET": Unpickler._get,
    "EMPTY_LIST": Unpickler._empty_list,
    "EMPTY_SET": Unpickler._empty_list,
    "EMPTY_DICT": Unpickler._empty_dict,
    "EMPTY_TUPLE": Unpickler._empty_tuple,
    "LIST": Unpickler._list,
    "FROZENSET": Unpickler._list,
    "TUPLE": Unpickler._tuple,
    "TUPLE1": lambda self, _: self._tuple_of(1),
    "TUPLE2": lambda self, _: self._tuple_of(2),
    "TUPLE3": lambda self, _: self._tuple_of(3),
    "DICT": Unpickler._dict,
    "APPEND": Unpickler._append,
    "APPENDS": Unpickler._appends,
    "ADDITEMS": Unpickler._appends,
    "SETITEM": Unpickler._set_item,
    "SETITEMS": Unpickler._set_items,
    "GLOBAL": Unpickler._global,
    "STACK_GLOBAL": Unpickler._stack_global,
    "REDUCE": Unpickler._reduce,
    "NEWOBJ": Unpickler._new_object,
    "NEWOBJ_EX": Unpickler._new_object_with_names,
    "OBJ": Unpickler._object,
    "INST": Unpickler._instance,
    "BUILD": Unpickler._build,
    "BINPERSID": Unpickler._persistent,
    "PERSID": Unpickler._persistent_text,
}
