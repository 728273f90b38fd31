"""A digest at the end of a model file, so that a byte which changed on disk or on the way is noticed.

It is one more metadata property of the ONNX file, appended as the bytes that protobuf would write for it: whoever reads
the file sees an ordinary property, and the digest covers every byte before it, whatever library wrote them.
"""

from __future__ import annotations

import hashlib
from typing import Final

from ganplugin.errors import ModelError

__all__ = ["SEAL_KEY", "check_seal", "sealed"]

SEAL_KEY: Final = "ganplugin.sha256"

_HEX: Final = 64
# ModelProto.metadata_props is field 14; its entries have the key as field 1 and the value as field 2.
_ENTRY: Final = bytes([0x0A, len(SEAL_KEY)]) + SEAL_KEY.encode() + bytes([0x12, _HEX])
_HEAD: Final = bytes([(14 << 3) | 2, len(_ENTRY) + _HEX]) + _ENTRY


def sealed(content: bytes) -> bytes:
    """Return the bytes of a model file with their digest at the end."""
    return content + _HEAD + hashlib.sha256(content).hexdigest().encode()


def check_seal(content: bytes, *, where: object) -> None:
    """Raise `ModelError` unless a model file ends with the digest of all that is before it."""
    rest, tail = content[: -len(_HEAD) - _HEX], content[-len(_HEAD) - _HEX :]
    if tail != _HEAD + hashlib.sha256(rest).hexdigest().encode():
        raise ModelError(
            "its bytes are not those that ganplugin wrote: it is damaged, or another program changed it",
            where=where,
            fix="copy it again, or export the checkpoint again: ganplugin export CHECKPOINT",
        )
