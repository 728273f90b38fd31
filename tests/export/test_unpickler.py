from __future__ import annotations

import collections
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.errors import CheckpointError
from ganplugin.export.constructors import Context, is_known
from ganplugin.export.records import Global, Ledger, Record, Storage, StoredTensor
from ganplugin.export.unpickler import Unpickler
from ganplugin.export.window import Window


def refuse(_: object) -> object:
    raise CheckpointError("nothing of the kind here")


def read(content: bytes, ledger: Ledger | None = None) -> Any:
    context = Context(ledger or Ledger(), refuse, refuse)
    return Unpickler(Window(memoryview(bytearray(content))), context).load()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=12,
)


@given(PLAIN, st.integers(0, 5))
def test_plain_values_come_back_whatever_the_protocol(value: object, protocol: int) -> None:
    assert read(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
def test_containers_of_the_standard_library_become_plain_ones(protocol: int) -> None:
    value = {
        "ordered": collections.OrderedDict([("a", 1), ("b", (2, 3))]),
        "set": {4},
        "frozen": frozenset([5]),
        "array": bytearray(b"xy"),
        "size": torch.Size([1, 2]),
        "long": b"z" * 100_000,
        "circle": [],
    }
    found = read(pickle.dumps(value, protocol))
    assert found["ordered"] == {"a": 1, "b": (2, 3)}
    assert (found["set"], found["frozen"]) == ([4], [5])
    assert tuple(found["size"]) == (1, 2)
    assert bytes(found["long"]) == value["long"]
    assert found["array"] == b"xy"


class Plain:
    def __init__(self) -> None:
        self.a = 1


class Slotted:
    __slots__ = ("b",)

    def __init__(self) -> None:
        self.b = 2


class Named(dict[str, int]):
    pass


class Row(list[int]):
    pass


class Sum:
    def __getnewargs_ex__(self) -> tuple[tuple[int], dict[str, int]]:
        return (1,), {"key": 2}


@pytest.mark.parametrize("protocol", range(2, 6))
def test_objects_become_records_that_keep_their_data(protocol: int) -> None:
    ledger = Ledger()
    found = read(pickle.dumps([Plain(), Slotted(), Named(c=3), Row([4, 5]), Sum()], protocol), ledger)
    plain, slotted, named, row, total = found
    assert all(isinstance(record, Record) for record in found)
    assert plain.name == f"{__name__}.Plain"
    assert (plain.attributes, slotted.attributes, named.attributes) == ({"a": 1}, {"b": 2}, {"c": 3})
    assert row.items == [4, 5]
    assert f"{__name__}.Plain" in ledger.globals
    if protocol >= 4:
        assert total.args[-1] == {"key": 2}


def test_old_style_objects_become_records() -> None:
    found = read(pickle.dumps(Plain(), 0))
    assert (found.name, found.attributes) == (f"{__name__}.Plain", {"a": 1})
    assert read(b"(cx\nY\nI1\no.").args == (1,)
    assert read(b"(I1\nix\nY\n.").name == "x.Y"


def test_opcodes_that_no_library_writes_today() -> None:
    assert read(b"(I1\nI2\nd.") == {1: 2}
    assert read(b"(I1\nl.") == [1]
    assert read(b"I1\n(I2\n1.") == 1
    assert read(b"I1\nI2\n0.") == 1
    assert read(b"]I1\n2ee.".replace(b"ee", b"0a")) == [1]


def test_a_class_by_itself_is_a_name() -> None:
    assert read(b"\x80\x02ctorch\nfloat32\n.") == Global("torch.float32")


@pytest.mark.parametrize("module", [b"torch_utils.persistence", b"src.tools.persistence", b"__main__"])
def test_the_source_text_of_a_persistent_network_is_thrown_away(module: bytes) -> None:
    """Forks have moved the function; the entries of what it is given are the same."""
    source = b"X\x0a\x00\x00\x00module_srcX\x03\x00\x00\x00BADX\x0a\x00\x00\x00class_nameX\x03\x00\x00\x00Net"
    state = b"X\x05\x00\x00\x00state}X\x01\x00\x00\x00aK\x01s"
    call = b"\x80\x02c" + module + b"\n_reconstruct_persistent_obj\n(}("
    found = read(call + source + state + b"utR.")
    assert (found.name, found.attributes) == ("Net", {"a": 1})
    assert "BAD" not in repr(found)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02ccollections\nOrderedDict\n(K\x01tR.",
        b"\x80\x02c__builtin__\nset\n(K\x01tR.",
        b"\x80\x02ctorch\nSize\n(K\x01tR.",
        b"\x80\x02c__builtin__\nbytearray\nM\xff\xff\x85R.",
        b"\x80\x02ctorch.storage\n_load_from_bytes\n(K\x01tR.",
        b"\x80\x02ctorch_utils.persistence\n_reconstruct_persistent_obj\n(K\x01tR.",
        b"\x80\x02cx\nY\nK\x01R.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02K\x01K\x02K\x03s.",
    ],
)
def test_constructors_and_opcodes_refuse_what_makes_no_sense(content: bytes) -> None:
    with pytest.raises(TypeError):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02ctorch.storage\nTypedStorage\n(K\x01tR.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))K\x00}tR.",
        b"\x80\x04K\x01K\x02\x93.",
        b"c" + b"x" * 1200 + b"\ny\n.",
    ],
)
def test_what_no_checkpoint_holds_is_refused(content: bytes) -> None:
    with pytest.raises(CheckpointError):
        read(content)


def test_the_ledger_counts() -> None:
    ledger = Ledger()
    storage = ledger.storage("0", "float16", 6, bytearray)
    assert isinstance(storage, Storage)
    assert (storage.byte_size, ledger.bytes) == (12, 12)
    assert isinstance(ledger.tensor(storage, 0, (), ()), StoredTensor)
    ledger.tensors = 100_000
    with pytest.raises(CheckpointError, match="more than 100,000 tensors"):
        ledger.tensor(storage, 0, (), ())
    with pytest.raises(CheckpointError, match="more than 16 GiB"):
        ledger.storage("1", "float64", 2**31, bytearray)


def test_names_that_weights_need_are_known() -> None:
    assert is_known("torch._utils._rebuild_tensor_v2")
    assert is_known("torch.cuda.FloatStorage")
    assert not is_known("os.system")
