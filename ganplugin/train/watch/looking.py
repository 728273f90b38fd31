"""Looking at samples for the watch: the numbers of metrics, doubles among samples, and copies of training pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from ganplugin.errors import DependencyError, TrainingError
from ganplugin.train.grid import save_grid
from ganplugin.train.held_out import HeldOut
from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.backbones.choice import BACKBONES, load_backbone
from ganplugin.train.metrics.catalogue import ROUTINE, copies_of
from ganplugin.train.metrics.evaluation import Evaluation, Render, as_levels
from ganplugin.train.metrics.neighbours import Copies, Features
from ganplugin.train.metrics.statistics import Statistics
from ganplugin.train.pictures.likeness import thumbnails
from ganplugin.train.watch.collapse import Crowd, crowd_of

__all__ = ["Looked", "Looking", "eye_for"]

SAMPLES: Final = 500
"""So many samples are looked at."""

MOST: Final = 1000
"""Real pictures are looked at once; of more than these on either side, these are."""

_SHOWN, _COLUMNS = 24, 12


def eye_for(name: str | None, device: torch.device, report: Callable[[str], None]) -> Backbone:
    """Return the backbone of a run: the default, or the one that measured it before.

    Where its weights cannot be had, random convolutions take its place, and one line says so.
    """
    try:
        return load_backbone(name or BACKBONES[0], device=device)
    except (DependencyError, TrainingError) as error:
        report(f"{error.what}: metrics are by random convolutions, whose numbers compare with nothing else")
        return load_backbone("random", device=device)


@dataclass(frozen=True, eq=False)
class Looked:
    """What was seen of samples: every metric's number, doubles among them, and the nearest training pictures."""

    numbers: Mapping[str, float]
    crowd: Crowd
    copies: Copies


class Looking:
    """An evaluation against pictures that were held out, or, where none were, of copies and doubles alone.

    Real pictures are looked at when it is made, at most 1,000 of those trained on; ``cache`` keeps what was seen.
    """

    def __init__(self, held: HeldOut, eye: Backbone, cache: Path | None, samples: int = SAMPLES) -> None:
        self.held, self.eye = held, eye
        self.evaluation = Evaluation(
            held.training if held.unseen is None else held.unseen,
            eye,
            (*ROUTINE, "copies"),
            samples,
            training=None if held.unseen is None else held.training,
            cache=cache,
            most=MOST,
        )
        self.trained = _features(self.evaluation.trained)
        self.order = self.evaluation.shown.order
        self.thumbs = _thumbs(held.training.take(self.order[:samples]))
        self.evaluation.real  # noqa: B018 - looks at them now, and not in the midst of the training

    def look(self, render: Render) -> Looked:
        """Look at samples."""
        seen: list[Features] = []

        def watched(start: int, count: int) -> Tensor:
            images = render(start, count)
            seen.append(_thumbs(as_levels(images).cpu().numpy()))
            return images

        comparison = self.evaluation.compare(watched)
        numbers, copies = self.evaluation.numbers(comparison), copies_of(comparison)
        if copies is None:
            raise ValueError("the evaluation does not look for copies")
        made = (_features(comparison.made), np.concatenate(seen))
        # Where all real pictures are alike nothing can be less diverse.
        crowd = crowd_of(made, (self.trained, self.thumbs), numbers.get("diversity", 1.0))
        return Looked(numbers, crowd, copies)

    def write_copies(self, path: Path, looked: Looked, render: Render) -> None:
        """Write the samples that are nearest to a training picture, nearest first, with that picture below each."""
        found = looked.copies.found
        chosen = np.argsort(found.distance, kind="stable")[:_SHOWN]
        samples = torch.cat([as_levels(render(int(index), 1)).cpu() for index in chosen])
        nearest = torch.from_numpy(self.held.training.take(self.order[found.index[chosen]]))
        rows = zip(torch.split(samples, _COLUMNS), torch.split(nearest, _COLUMNS), strict=True)
        save_grid(path, torch.cat([part for row in rows for part in row]).float() / 255, columns=_COLUMNS)


def _features(found: Statistics) -> Features:
    if found.features is None:
        raise ValueError("these statistics were gathered without features")
    return found.features


def _thumbs(levels: np.ndarray) -> Features:
    return thumbnails(levels).reshape(len(levels), -1).astype(np.float32)
