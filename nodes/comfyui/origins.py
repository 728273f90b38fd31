"""Where pictures come from, though ComfyUI passes them on as bare tensors: they are recognised by their content.

A picture of ours that arrives unchanged, alone, in another batch or in another order, keeps its whole recipe. One that
somebody's node has changed is another picture, and is not taken for ours.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ganplugin.nodes.values import Origin, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["known_origin", "known_recipe", "picture_digest", "remember_origin", "remember_recipe"]

Value = TypeVar("Value")


class _Book(Generic[Value]):
    """What was noted last, under digests."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[bytes, Value] = OrderedDict()
        self._lock = Lock()

    def note(self, key: bytes, value: Value) -> None:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)

    def find(self, key: bytes) -> Value | None:
        with self._lock:
            return self._entries.get(key)


_ORIGINS: Final[_Book[Origin]] = _Book(65_536)
_RECIPES: Final[_Book[Recipe]] = _Book(1_024)


def picture_digest(picture: NDArray[np.float32]) -> bytes:
    """Return the digest of a picture's size and values."""
    digest = hashlib.blake2b(repr(picture.shape).encode(), digest_size=16)
    digest.update(picture.data)
    return digest.digest()


def remember_origin(digest: bytes, origin: Origin) -> None:
    """Note where the picture of this digest comes from."""
    _ORIGINS.note(digest, origin)


def known_origin(digest: bytes) -> Origin | None:
    """Return where a picture comes from, or None if it is not one of ours."""
    return _ORIGINS.find(digest)


def remember_recipe(digests: Sequence[bytes], recipe: Recipe) -> None:
    """Note what makes this sequence of pictures."""
    _RECIPES.note(b"".join(digests), recipe)


def known_recipe(digests: Sequence[bytes]) -> Recipe | None:
    """Return what makes a sequence of pictures, or None if they are not one of ours in this order."""
    return _RECIPES.find(b"".join(digests))
