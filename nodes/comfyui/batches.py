"""Pictures between ComfyUI's tensors and our sequences.

ComfyUI: torch.float32 [batch, h, w, 3 or 4], 0..1; masks [batch, h, w]. Ours: [h, w, 1|3|4], computed when looked at.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ganplugin.errors import InputError
from ganplugin.nodes.comfyui.origins import (
    known_origin,
    known_recipe,
    picture_digest,
    remember_origin,
    remember_recipe,
)
from ganplugin.nodes.values import Images, Masks, Origin, Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["MOST_BYTES", "as_batches", "as_images", "as_masks"]

ON_DISK_BYTES: Final = 2**30
"""Batches above this lie in a file that is mapped into memory, so that a long walk does not fill it."""
MOST_BYTES: Final = 32 * 2**30
"""No batch grows beyond this: about 10,000 frames of 512 pixels."""


def as_batches(pictures: Iterable[NDArray[np.float32]], images: Images, folder: Path) -> list[Tensor]:
    """Render a sequence into batches, one for every run of pictures of one size, in order.

    ``pictures`` are those of ``images``, one by one; their origins are remembered, so that what is made from them
    knows its whole recipe. ``folder`` takes batches of more than `ON_DISK_BYTES`.
    Raises `InputError` for more than `MOST_BYTES`, before the second picture is rendered.
    """
    batches: list[Tensor] = []
    batch: _Batch | None = None
    digests: list[bytes] = []
    for index, picture in enumerate(pictures):
        planar = picture[..., 0] if isinstance(images, Masks) else _coloured(picture)
        if batch is None or batch.shape != planar.shape:
            batches += [] if batch is None else [batch.tensor()]
            batch = _Batch(planar.shape, len(images) - index, folder)
        batch.add(planar)
        digests.append(picture_digest(planar))
        remember_origin(digests[-1], images.origin(index))
    remember_recipe(digests, images.recipe)
    return batches if batch is None else [*batches, batch.tensor()]


def _coloured(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """ComfyUI has no grey pictures."""
    from ganplugin.sizing import with_channels

    return with_channels(picture, "RGB") if picture.shape[2] == 1 else picture


class _Batch:
    """A growing batch of pictures of one size, with room for as many as may come."""

    def __init__(self, shape: tuple[int, ...], room: int, folder: Path) -> None:
        self.shape = shape
        self._count = 0
        self._values = _room((room, *shape), folder)

    def add(self, picture: NDArray[np.float32]) -> None:
        self._values[self._count] = picture
        self._count += 1

    def tensor(self) -> Tensor:
        import numpy as np
        import torch

        values = self._values[: self._count]
        if self._count < len(self._values) and values.nbytes <= ON_DISK_BYTES:
            values = np.array(values)  # else every batch of a mixed folder would keep its room for all that followed
        return torch.from_numpy(values)


def _room(shape: tuple[int, ...], folder: Path) -> NDArray[np.float32]:
    """Return space that takes memory, or disk, only as it is filled."""
    import numpy as np

    size = 4 * int(np.prod(shape, dtype=np.int64))
    if size > MOST_BYTES:
        raise InputError(
            f"{shape[0]} pictures of {shape[2]}x{shape[1]} would take {size / 2**30:.0f} GiB, and {MOST_BYTES >> 30} "
            "are the most",
            where="images",
            fix="ask for fewer, or run the same graph with ganplugin graph, which streams them",
        )
    if size <= ON_DISK_BYTES:
        return np.empty(shape, np.float32)
    return _mapped(shape, folder)


def _mapped(shape: tuple[int, ...], folder: Path) -> NDArray[np.float32]:
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="ganplugin-", suffix=".batch", dir=folder)
    os.close(handle)
    values = np.memmap(name, np.float32, "w+", shape=shape)
    # The file goes with the last use of the batch; Windows keeps it until ComfyUI empties the folder.
    with contextlib.suppress(OSError):
        Path(name).unlink()
    return values


def as_images(batches: Sequence[Tensor], unknown: Recipe) -> Images:
    """Return batches as one sequence that knows its recipe; pictures that others made or changed come from ``unknown``.

    Raises `InputError` for what is no batch of pictures.
    """
    for batch in batches:
        _check(batch, 4, "IMAGE [batch, height, width, channels]")
    return _sequence([row for batch in batches for row in batch], unknown)


def as_masks(batches: Sequence[Tensor], unknown: Recipe) -> Masks:
    """Return batches of masks as one sequence, as `as_images` does; a single mask may come without its batch axis."""
    whole = [batch[None] if getattr(batch, "ndim", 0) == 2 else batch for batch in batches]
    for batch in whole:
        _check(batch, 3, "MASK [batch, height, width]")
    planes = _sequence([row for batch in whole for row in batch], unknown)

    def render(start: int, stop: int) -> list[NDArray[np.float32]]:
        return [plane[..., None] for plane in planes.render(start, stop)]

    return Masks(planes.count, render, planes.origin, planes.recipe)


def _check(batch: Any, axes: int, wanted: str) -> None:  # noqa: ANN401 - whatever is linked
    shape = tuple(getattr(batch, "shape", ()))
    if len(shape) != axes or (axes == 4 and shape[3] not in (1, 3, 4)):
        raise InputError(f"{shape or type(batch).__name__} is no {wanted}", where="images", fix="link a picture output")


def _sequence(rows: Sequence[Tensor], unknown: Recipe) -> Images:
    digests = [picture_digest(_as_array(row)) for row in rows]
    origins = [known_origin(digest) or Origin(unknown, i, f"picture-{i:05d}") for i, digest in enumerate(digests)]

    def render(start: int, stop: int) -> list[NDArray[np.float32]]:
        return [_as_array(row) for row in rows[start:stop]]

    return Images(len(rows), render, origins.__getitem__, known_recipe(digests) or unknown)


def _as_array(tensor: Tensor) -> NDArray[np.float32]:
    import numpy as np

    values: NDArray[np.float32] = tensor.detach().cpu().numpy()
    return np.ascontiguousarray(values, dtype=np.float32)
