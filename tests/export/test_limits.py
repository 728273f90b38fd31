"""What a file may make the reader allocate: hardly more than the file itself."""

from __future__ import annotations

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.unwrap import parts_of

PERSISTENT = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu{count}tQ"


def number(value: int) -> str:
    return f"I{value}\n"


def tensor_pickle(count: int, offset: int, shape: list[int], strides: list[int]) -> bytes:
    """A state dict of one tensor whose description is as given."""
    storage = PERSISTENT.format(count=number(count))
    sizes = "(" + "".join(map(number, shape)) + "t"
    steps = "(" + "".join(map(number, strides)) + "t"
    view = f"({storage}{number(offset)}{sizes}{steps}I00\n}}t"
    text = f"\x80\x02}}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n{view}Rs."
    return text.encode("latin-1")


def torch_zip(path: Path, content: bytes, data: bytes = b"\x00" * 16, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x/data.pkl", content)
        archive.writestr("x/data/0", data)
    return path


def refused(path: Path) -> str:
    """Load, expect a refusal, and hold the memory that it took against the file's size."""
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError) as caught:
            parts_of(load_checkpoint(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * path.stat().st_size + (64 << 20)
    return str(caught.value)


def test_the_hand_made_file_reads_when_it_is_honest(tmp_path: Path) -> None:
    path = torch_zip(tmp_path / "x.pt", tensor_pickle(4, 1, [3], [1]))
    (part,) = parts_of(load_checkpoint(path))
    assert part.state["a"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("count", "offset", "shape", "strides"),
    [
        (5, 0, [5], [1]),  # more than the data
        (4, 2, [3], [1]),  # past the end
        (4, 0, [2, 2], [3, 1]),
        (4, 0, [2**62], [1]),
        (4, 0, [2**40], [0]),  # one value, repeated for ever
        (4, -1, [2], [1]),
        (4, 0, [2], [-1]),
        (4, 0, [2, 2], [1]),
        (-4, 0, [1], [1]),
        (2**62, 0, [1], [1]),
        (4, 0, [1] * 40, [1] * 40),
    ],
)
def test_impossible_tensors_are_refused(
    tmp_path: Path, count: int, offset: int, shape: list[int], strides: list[int]
) -> None:
    assert "tensor" in refused(torch_zip(tmp_path / "x.pt", tensor_pickle(count, offset, shape, strides)))


@pytest.mark.parametrize("megabytes", [64, 256])
def test_zip_bombs_are_refused_before_unpacking(tmp_path: Path, megabytes: int) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({}))
        with archive.open("x/data/0", "w", force_zip64=True) as member:
            for _ in range(megabytes):
                member.write(b"\x00" * (1 << 20))
    path = tmp_path / "x.pt"
    path.write_bytes(stream.getvalue())
    assert "as no checkpoint does" in refused(path)


def test_a_member_that_unpacks_to_more_than_it_says_is_refused(tmp_path: Path) -> None:
    path = torch_zip(tmp_path / "x.pt", tensor_pickle(4, 0, [4], [1]), b"\x00" * 5000, zipfile.ZIP_DEFLATED)
    content = path.read_bytes().replace(struct.pack("<I", 5000), struct.pack("<I", 16))
    path.write_bytes(content)
    assert "damaged" in refused(path)


def test_overlapping_and_doubled_members_are_refused(tmp_path: Path) -> None:
    path = torch_zip(tmp_path / "x.pt", tensor_pickle(4, 0, [4], [1]))
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 0)
    path.write_bytes(bytes(content))
    assert "over one another" in refused(path)
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x/data.pkl", b"N.")
        archive.writestr("x/data.pkl", b"N.")
    assert "same name" in refused(path)


def test_encrypted_and_oddly_compressed_zips_are_refused(tmp_path: Path) -> None:
    path = torch_zip(tmp_path / "x.pt", b"N.", method=zipfile.ZIP_BZIP2)
    assert "compressed in a way" in refused(path)
    path = torch_zip(tmp_path / "y.pt", b"N.")
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(content))
    assert "encrypted" in refused(path)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04" + b"]" * 20_000 + b"a" * 19_999 + b".",  # nested lists
        b"\x80\x04" + b"]" + b"\x94h\x00]\x94(h\x00h\x00e" * 3 + b".",
        b"\x80\x04N" + b"\x85" * 20_000 + b".",  # nested tuples
        b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",  # BINBYTES8 that is not there
        b"\x80\x04\x8e" + struct.pack("<Q", 2**63) + b"x.",
        b"\x80\x04\x8b" + struct.pack("<i", 2**30) + b"x.",  # LONG4
        b"\x80\x04\x96" + struct.pack("<Q", 2**40) + b"x.",  # BYTEARRAY8
        b"\x80\x04I" + b"9" * 10_000 + b"\n.",
        b"\x80\x04N\x82\x01.",  # EXT1
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"\x80\x04}]Ns.",  # a list as a key
        b"\x80\x04}(Nu.",  # a key without a value
        b"\x80\x04h\x05.",  # a memo that is not there
        b"\x80\x040.",  # an empty stack
        b"\x80\x04(.",
        b"\x80\x04Pabc\n.",
        b"\x80\x04N",
        b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N",  # FRAME
        b"\x80\x04" + b"2" * 1000,
        b"\x80\x04X\xff\xff\xff\x7fabc.",
    ],
)
def test_malformed_and_greedy_pickles_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(content)
    if content.count(b"\x94h\x00") == 3:
        assert parts_of(load_checkpoint(path)) == ()
        return
    refused(path)


def test_a_memo_index_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04}r\xff\xff\xff\xff.")
    assert parts_of(load_checkpoint(path)) == ()


def test_shared_lists_are_not_unfolded(tmp_path: Path) -> None:
    laughs: list[object] = []
    for _ in range(100):
        laughs = [laughs, laughs]
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"a": laughs}))
    assert parts_of(load_checkpoint(path)) == ()


def test_modules_that_hold_themselves_are_refused(tmp_path: Path) -> None:
    module = b"cx\nModule\n)\x81q\x01}(X\x08\x00\x00\x00_modules}(X\x01\x00\x00\x00ah\x01X\x01\x00\x00\x00bh\x01uub."
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04" + module)
    assert "too deeply" in refused(path)


def test_a_list_of_one_list_a_thousand_times_is_walked_once(tmp_path: Path) -> None:
    wide: list[object] = []
    for _ in range(6):
        wide = [wide] * 1000
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"a": wide}))
    assert parts_of(load_checkpoint(path)) == ()


def test_files_nested_in_files_have_an_end(tmp_path: Path) -> None:
    content = io.BytesIO()
    torch.save(torch.ones(1), content)
    value = content.getvalue()
    for _ in range(5):
        inner = b"\x80\x04ctorch.storage\n_load_from_bytes\n(B" + struct.pack("<I", len(value)) + value + b"tR."
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("x/data.pkl", inner)
        value = stream.getvalue()
    path = tmp_path / "x.pt"
    path.write_bytes(value)
    assert "too deeply" in refused(path)


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        b'{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":[true,2],"data_offsets":[0,8]}}',
        b'{"a":[]}',
        b"[]",
        b'{"a":{}}',
        b'{"__metadata__":{"ganplugin":"[]"}}',
        b"{" + b"[" * 5000,
        b'{"a"',
        b"{\xff}",
    ],
)
def test_malformed_safetensors_are_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\x00" * 8)
    refused(path)
