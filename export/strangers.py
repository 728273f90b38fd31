"""Files that are not checkpoints at all, known by their bytes or name: what each is, and what to do instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.export.window import Window

__all__ = ["refuse_strange_zip", "refuse_stranger", "refuse_text"]

_NAME_IT: Final = "name a checkpoint"
_UNPACK: Final = "unpack it first, and name the file inside"
_TENSORFLOW: Final = "convert its weights to PyTorch first; TensorFlow files cannot be read without running TensorFlow"
_NOT_A_GAN: Final = "name the checkpoint of a GAN or a style network"

_BEGINNINGS: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"\x89HDF", "is an HDF5 file (Keras or TensorFlow)", _TENSORFLOW),
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself", "fetch it with: git lfs pull"),
    (b"model_checkpoint_path:", "is the list beside a TensorFlow checkpoint", _TENSORFLOW),
    (b"\x89PNG", "is a picture", _NAME_IT),
    (b"\xff\xd8\xff", "is a picture", _NAME_IT),
    (b"GIF8", "is a picture", _NAME_IT),
    (b"RIFF", "is a picture or a sound", _NAME_IT),
    (b"%PDF", "is a PDF document", _NAME_IT),
    (b"\x1f\x8b", "is a gzip archive", _UNPACK),
    (b"BZh", "is a bzip2 archive", _UNPACK),
    (b"\xfd7zXZ", "is an xz archive", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "is a zstd archive", _UNPACK),
    (b"7z\xbc\xaf", "is a 7z archive", _UNPACK),
    (b"Rar!", "is a rar archive", _UNPACK),
    (b"\x93NUMPY", "is a numpy array", _NAME_IT),
    (b"GGUF", "is a GGUF language model", _NOT_A_GAN),
    (b"\x7fELF", "is a program", _NAME_IT),
    (b"MZ", "is a program", _NAME_IT),
    (b"SQLite format 3", "is a database", _NAME_IT),
)
_INSIDE: Final[tuple[tuple[int, bytes, str, str], ...]] = (
    (4, b"TFL3", "is a TensorFlow Lite model", _TENSORFLOW),
    (4, b"ftyp", "is a film", _NAME_IT),
    (257, b"ustar", "is a tar archive", _UNPACK),
)
_NAMES: Final[tuple[tuple[str, str, str], ...]] = (
    (r"\.data-\d{5}-of-\d{5}$", "is part of a TensorFlow checkpoint", _TENSORFLOW),
    (r"\.meta$|\.pb$|\.pbtxt$", "is a TensorFlow graph", _TENSORFLOW),
)
_TABLE_END: Final = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
"""Ends an SSTable, such as the index of a TensorFlow checkpoint."""

_SAVED_MODEL: Final = re.compile(rb"^\x08\x01\x12[\x80-\xff]{2,}[\x00-\x7f]\x0a")
"""A SavedModel of schema 1 with one long graph; an ONNX file has a short producer name in that place."""

_TEXT: Final = re.compile(rb"^[\t\r\n\x20-\x7e]{16,}$")
_CHECKPOINT: Final = re.compile(r"\.(pt|pth|pkl|ckpt|safetensors|onnx|bin|tar)$", re.IGNORECASE)


def refuse_stranger(window: Window, path: PurePath) -> None:
    """Raise `CheckpointError`, saying what the file is and what to do, if its bytes or name are no checkpoint's."""
    head = bytes(window.view[:512])
    for magic, what, fix in _BEGINNINGS:
        if head.startswith(magic):
            raise CheckpointError(what, fix=fix)
    for place, magic, what, fix in _INSIDE:
        if head[place:].startswith(magic):
            raise CheckpointError(what, fix=fix)
    if head.lstrip()[:1] == b"<":
        raise CheckpointError("is a web page, not a checkpoint", fix="the download failed: fetch the file itself")
    if _SAVED_MODEL.match(head):
        raise CheckpointError("is a TensorFlow SavedModel", fix=_TENSORFLOW)
    if bytes(window.view[-8:]) == _TABLE_END:
        raise CheckpointError("is the index of a TensorFlow checkpoint", fix=_TENSORFLOW)
    for pattern, what, fix in _NAMES:
        if re.search(pattern, path.name):
            raise CheckpointError(what, fix=fix)
    if head[:1] in (b"{", b"[") and _TEXT.match(head[:64]):
        raise CheckpointError("is a JSON text, not weights", fix="name the file that holds the weights")


def refuse_text(window: Window) -> None:
    """Raise `CheckpointError` if a file begins as plain text, which a failed download often leaves."""
    head = bytes(window.view[:64])
    if _TEXT.match(head):
        words = " ".join(head.decode("ascii").split())[:40]
        raise CheckpointError(f"is a text that begins with {words!r}", fix="the download failed: fetch the file itself")


def refuse_strange_zip(names: Iterable[str]) -> None:
    """Raise `CheckpointError`, saying what a zip without torch's own parts in it is."""
    members = list(names)
    last = {name.rpartition("/")[2] for name in members}
    if "archive_format" in last or any(name.startswith("models/") for name in members):
        raise CheckpointError(
            "is an exported program (.pt2)", fix="save its weights with torch.save(model.state_dict(), ...)"
        )
    if any(name.endswith((".weights.h5", "keras_metadata.pb")) for name in last):
        raise CheckpointError("is a Keras model", fix=_TENSORFLOW)
    if members and all(name.endswith(".npy") for name in members):
        raise CheckpointError(
            "is an archive of numpy arrays", fix="if it holds latents: ganplugin sample MODEL --latents FILE"
        )
    if inside := next((name for name in members if _CHECKPOINT.search(name)), None):
        raise CheckpointError(f"is a zip archive with {inside[-80:]} in it", fix=_UNPACK)
    if "dataset.json" in last or any(name.lower().endswith((".png", ".jpg", ".jpeg", ".webp")) for name in last):
        raise CheckpointError("is a zip of pictures (a data set)", fix="name the file that training wrote")
    raise CheckpointError("is a zip archive without a torch checkpoint in it", fix=_UNPACK)
