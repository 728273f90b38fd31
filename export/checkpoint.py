"""Reading a checkpoint of unknown origin: its bytes decide what it is, and nothing in it is ever run."""

from __future__ import annotations

import contextlib
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ganplugin.errors import CheckpointError, FileError
from ganplugin.export.archive import Archive
from ganplugin.export.containers import LEGACY_MAGIC, read_legacy, read_pickle, read_zip
from ganplugin.export.records import Ledger
from ganplugin.export.safe_tensors import read_safetensors
from ganplugin.export.side_files import side_config
from ganplugin.export.strangers import refuse_strange_zip, refuse_stranger, refuse_text
from ganplugin.export.window import Window, open_window
from ganplugin.files import file_digest
from ganplugin.modelfile import starts_like_onnx

__all__ = ["Checkpoint", "Container", "load_checkpoint", "refusing"]

Container = Literal["torch zip", "TorchScript", "legacy torch", "raw pickle", "safetensors"]

_MALFORMED: Final = (
    ValueError,  # with UnicodeDecodeError and json.JSONDecodeError
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,  # with RecursionError and NotImplementedError
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_PICKLE: Final = re.compile(rb"\x80[\x02-\x05]|\([dlic(\]}K]|c[\w.]+\n[\w.]+\n|[\]}][q(.]")
"""A header, or what protocols 0 and 1 begin with: a container or a class."""

_DOWNLOAD_AGAIN: Final = "download it again, or check that it is the file you mean"


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: ``content`` is a tree of plain containers, described tensors and inert records.

    ``config`` is what the file, or one beside it, says in words (our own safetensors do, lucidrains' folders do),
    ``globals`` are the classes and functions that the file's pickle names, none of which was imported or called.
    """

    path: Path
    container: Container
    content: object
    config: Mapping[str, object]
    globals: tuple[str, ...]
    sha256: str
    byte_size: int


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint of any container without running anything in it.

    Raises `FileError` if it cannot be opened and `CheckpointError`, with the remedy, for everything else.
    """
    with refusing(path):
        return _load(path)


@contextlib.contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn whatever malformed contents cause into a `CheckpointError` that names the file and the remedy."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(error.what, where=error.where or path, fix=error.fix or _DOWNLOAD_AGAIN) from error
    except FileError:
        raise
    except _MALFORMED as error:
        raise CheckpointError("is damaged or cut off", where=path, fix=_DOWNLOAD_AGAIN) from error


def _load(path: Path) -> Checkpoint:
    window = open_window(path)
    container = _sniff(window, path)
    ledger = Ledger()
    content, config = _READERS[container](window, ledger)
    return Checkpoint(
        path, container, content, {**side_config(path), **config}, tuple(ledger.globals), file_digest(path), len(window)
    )


Reader = Callable[[Window, Ledger], "tuple[object, Mapping[str, object]]"]

_READERS: Final[Mapping[Container, Reader]] = {
    "torch zip": lambda window, ledger: (read_zip(window, ledger), {}),
    "TorchScript": lambda window, ledger: (read_zip(window, ledger), {}),
    "legacy torch": lambda window, ledger: (read_legacy(window, ledger), {}),
    "raw pickle": lambda window, ledger: (read_pickle(window, ledger), {}),
    "safetensors": read_safetensors,
}


def _sniff(window: Window, path: Path) -> Container:
    refuse_stranger(window, path)
    head = bytes(window.view[:64])
    if head.startswith(LEGACY_MAGIC):
        return "legacy torch"
    if head.startswith(b"PK\x03\x04"):
        return _sniff_zip(window)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= len(window):
        return "safetensors"
    if _PICKLE.match(head):
        return "raw pickle"
    if starts_like_onnx(head):
        raise CheckpointError(
            "is an ONNX file already", fix="use it as it is, or look into it with: ganplugin inspect FILE"
        )
    refuse_text(window)
    raise CheckpointError("is not a checkpoint of any kind that is known here", fix=_DOWNLOAD_AGAIN)


def _sniff_zip(window: Window) -> Container:
    names = Archive(window).names
    last_parts = {name.rpartition("/")[2] for name in names}
    if "data.pkl" not in last_parts:
        refuse_strange_zip(names)
    return "TorchScript" if "constants.pkl" in last_parts else "torch zip"
