"""Work for a model of any kind: batches of inputs that differ, as in a series."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganplugin.builtin import demo_photo
from ganplugin.errors import InputError
from ganplugin.images import read_picture
from ganplugin.limits import MAX_SEED
from ganplugin.runtime import Model, RuntimeOptions, open_model
from ganplugin.seeds import seed_latents
from ganplugin.sizing import resize, with_channels

__all__ = ["Workload"]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Workload:
    """Batches of ``batch`` pictures for the model of a file; style networks get pictures of ``size`` (height, width).

    ``steps`` sums up the seconds of network and conversion.
    """

    path: Path
    options: RuntimeOptions
    size: tuple[int, int]
    batch: int = 1
    steps: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @cached_property
    def model(self) -> Model:
        """The open model, which takes the whole batch in one run."""
        options = replace(self.options, batch=self.batch, timed=self._note)
        return open_model(self.path, options)

    def of(self, batch: int) -> Workload:
        """Return the same work in batches of another size, its steps not yet counted."""
        if batch > 1 and self.model.manifest.single:
            raise InputError("takes one picture at a time", where=self.model.manifest.name, fix="use --batch 1")
        return replace(self, batch=batch, steps=defaultdict(float))

    def run(self, number: int) -> NDArray[np.uint8] | None:
        """Compute batch ``number`` and return its pictures, uint8 [n, h, w, c], or None for a scorer."""
        model, rows = self.model, self._rows(number)
        if model.manifest.kind == "scorer":
            model.score(rows, label=self._label(model))
            return None
        if model.manifest.kind == "style":
            return model.stylize_levels(rows, style=self._painting(model))
        return model.generate_levels(rows, label=self._label(model))

    def feeds(self, number: int) -> dict[str, Array]:
        """Return the inputs of batch ``number`` as the file has them, for whoever runs it by other means."""
        model, rows = self.model, self._rows(number)
        if model.manifest.kind == "generator":
            label = self._label(model)
            return {"z": rows} | ({} if label is None else {"label": label})
        planes = np.ascontiguousarray(rows.transpose(0, 3, 1, 2))
        if model.manifest.kind == "style":
            style = self._painting(model)
            return {"content": planes} | ({} if style is None else {"style": style.transpose(2, 0, 1)[None].copy()})
        label = self._label(model)
        return {"image": planes} | ({} if label is None else {"label": label})

    def _rows(self, number: int) -> Array:
        manifest, start = self.model.manifest, number * self.batch
        if manifest.kind == "generator":
            seeds = [(start + index) % (MAX_SEED + 1) for index in range(self.batch)]
            return seed_latents(seeds, manifest.z_dim or 0)
        size = (manifest.height or 0, manifest.width or 0) if manifest.kind == "scorer" else self.size
        photo = with_channels(_photo(size), "RGB" if manifest.kind == "style" else manifest.channels)
        # Turned a little further each time, so that no two pictures are the same.
        return np.stack([np.roll(photo, start + index, axis=1) for index in range(self.batch)])

    def _label(self, model: Model) -> Array | None:
        classes = len(model.manifest.classes)
        return np.eye(1, classes, dtype=np.float32).repeat(self.batch, axis=0) if classes else None

    def _painting(self, model: Model) -> Array | None:
        return _photo((256, 256)) if "style" in model.input_names else None

    def _note(self, step: str, seconds: float) -> None:
        self.steps[step] += seconds


@lru_cache(maxsize=4)
def _photo(size: tuple[int, int]) -> Array:
    return resize(read_picture(demo_photo()).rgb, size[1], size[0])
