"""The border between a foreign state dict and the network that is built after its shapes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from ganplugin.errors import CheckpointError
from ganplugin.models.network import StateDict

__all__ = ["picture_channels", "rebuilding"]

_CHANNELS: Final = {1: "L", 3: "RGB", 4: "RGBA"}
_SHAPE_ERRORS: Final = (RuntimeError, LookupError, ValueError, ArithmeticError, TypeError)


@contextlib.contextmanager
def rebuilding(title: str, state: StateDict) -> Iterator[None]:
    """Turn what missing, misshapen and left-over tensors cause inside the block into a `CheckpointError`.

    ``title`` is the family with its article, such as ``an R3GAN``. Tensors without values are refused at once.
    """
    empty = next((key for key, tensor in state.items() if tensor.numel() == 0), None)
    if empty is not None:
        raise CheckpointError(f"is almost {title}, but holds a tensor without values: {empty}")
    try:
        yield
    except _SHAPE_ERRORS as error:
        raise CheckpointError(f"is almost {title}, but: {error}", fix="export the file that training wrote") from error


def picture_channels(count: int) -> str:
    """Return the manifest's name of pictures of 1, 3 or 4 channels. Raises `CheckpointError` for other counts."""
    if count not in _CHANNELS:
        raise CheckpointError(f"has pictures of {count} channels", fix="only grey, RGB and RGBA can be shown")
    return _CHANNELS[count]
