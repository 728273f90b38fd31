"""Small files that ask for much: each declares or unpacks to far more than it holds."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.export.test_limits import number, tensor_pickle, torch_zip

MEBIBYTE = 1 << 20


def deflated(megabytes: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("x/data.pkl", tensor_pickle(megabytes << 18, 0, [megabytes << 18], [1]))
        with archive.open("x/data/0", "w", force_zip64=True) as member:
            for _ in range(megabytes):
                member.write(bytes(MEBIBYTE))
    return stream.getvalue()


def many_tensors(count: int) -> bytes:
    """A list in which one storage is viewed again and again, each view an object of its own."""
    view = f"(h\x01{number(0)}(I1\nt(I1\ntI00\n}}tR".encode("latin-1")
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuI4\ntQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\nq\x020" + storage + b"q\x010"
    return b"\x80\x02" + rebuild + b"](" + (b"h\x02" + view) * count + b"e."


def safetensors(header: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + bytes(8)


def write_bombs(folder: Path) -> Iterator[Path]:
    """Write every bomb and yield its path."""
    for megabytes in (8, 64, 512):
        path = folder / f"deflated-{megabytes}.pt"
        path.write_bytes(deflated(megabytes))
        yield path
    for name, shape in {"2-62": [2**62], "2-63": [2**63], "2-40-by-2-40": [2**40, 2**40]}.items():
        yield torch_zip(folder / f"shape-{name}.pt", tensor_pickle(shape[0], 0, shape, [1] * len(shape)))
        yield torch_zip(folder / f"view-{name}.pt", tensor_pickle(4, 0, shape, [0] * len(shape)))
    yield torch_zip(folder / "million-tensors.pt", many_tensors(1_000_000))
    raw = {
        "deep-tuples.pkl": b"\x80\x04" + b"(" * 3_000_000,
        "deep-lists.pkl": b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".",
        "declared-bytes.pkl": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"x.",
        "declared-frame.pkl": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.",
        "long-integer.pkl": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01.",
        "header.safetensors": struct.pack("<Q", 2**40) + b"{}",
        "shape.safetensors": safetensors(b'{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,8]}}'),
        "nesting.safetensors": safetensors(b'{"a":' + b"[" * 200_000),
    }
    for name, content in raw.items():
        (folder / name).write_bytes(content)
        yield folder / name
