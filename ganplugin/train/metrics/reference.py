"""What was seen of real pictures, kept on disk for the next time with all that it depends on."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.cache import cache_folder
from ganplugin.files import atomic_write, make_folder
from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.statistics import Need, Statistics, gather
from ganplugin.train.pictures.packed import PackedSet

__all__ = ["Reference", "statistics_folder"]

_VERSION = 1
_BATCH = 64
_ORDER = 0
_KEY = "key"


def statistics_folder() -> Path:
    """Return the folder for statistics of real pictures."""
    return cache_folder() / "metrics"


@dataclass(frozen=True, eq=False)
class Reference:
    """Real pictures in a random order that never changes, the first ``most`` of them, through a backbone's eye."""

    pictures: PackedSet
    backbone: Backbone
    needs: frozenset[Need]
    most: int | None
    cache: Path | None

    @property
    def key(self) -> dict[str, object]:
        """All that the statistics depend on; a file of another key is never used."""
        return {
            "version": _VERSION,
            "data": self.pictures.digest,
            "shape": list(self.pictures.shape),
            "count": self.count,
            "backbone": self.backbone.name,
            "weights": self.backbone.digest,
            "preprocessing": self.backbone.preprocessing,
            "needs": sorted(self.needs),
        }

    @property
    def count(self) -> int:
        """How many pictures are looked at."""
        return len(self.pictures) if self.most is None else min(self.most, len(self.pictures))

    @property
    def order(self) -> NDArray[np.int64]:
        """Which pictures are looked at, in which order: row i of the features is that of picture ``order[i]``."""
        return np.random.default_rng(_ORDER).permutation(len(self.pictures))[: self.count]

    def batches(self) -> Iterator[Tensor]:
        """Give the pictures, uint8 [n, c, h, w]."""
        for start in range(0, self.count, _BATCH):
            yield torch.from_numpy(self.pictures.take(self.order[start : start + _BATCH]))

    def statistics(self, looked: Callable[[int], None]) -> Statistics:
        """Return what was seen, from the cache if it holds just this; ``looked`` is told how many more were seen."""
        found = self._kept()
        if found is None:
            found = gather(self._watched(looked), self.backbone, self.needs)
            self._keep(found)
        return found

    def _watched(self, looked: Callable[[int], None]) -> Iterator[Tensor]:
        for levels in self.batches():
            yield levels
            looked(len(levels))

    @property
    def _text(self) -> str:
        return json.dumps(self.key, sort_keys=True)

    def _file(self, cache: Path) -> Path:
        return cache / f"{hashlib.sha256(self._text.encode()).hexdigest()[:32]}.npz"

    def _kept(self) -> Statistics | None:
        if self.cache is None or not self._file(self.cache).is_file():
            return None
        try:
            with self._file(self.cache).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if str(arrays.pop(_KEY)) != self._text:
                return None
            return Statistics.from_arrays(arrays)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def _keep(self, found: Statistics) -> None:
        if self.cache is None:
            return
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **{_KEY: np.array(self._text)}, **found.arrays())
        with atomic_write(self._file(make_folder(self.cache)), overwrite=True) as part:
            part.write_bytes(stream.getvalue())
