"""A translation as the loop drives it: with the checkpoints to export, and sheets of photos and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from ganplugin.train.checkpoint import prefixed, save_checkpoint
from ganplugin.train.grid import save_grid
from ganplugin.train.state import State
from ganplugin.train.translate.duel import Duel
from ganplugin.train.translate.games import BACK, FORWARD
from ganplugin.train.translate.sides import floats, middles

__all__ = ["TranslateTrainer", "back_path"]

_ROWS: Final = 6


def back_path(path: Path) -> Path:
    """Return where the generator of the way back is written, beside a checkpoint."""
    return path.with_name(f"{path.stem}-back{path.suffix}")


@dataclass
class TranslateTrainer:
    """See `Trainer`. ``config`` is what the files say beside tensors; ``both`` writes the way back too."""

    duel: Duel
    config: Mapping[str, object]
    provenance: Mapping[str, str]
    both: bool = False

    def __post_init__(self) -> None:
        sides, frame = self.duel.sides, self.duel.frame
        self.photos = middles(sides.unseen_photos, frame, _ROWS)
        self.styles = middles(sides.unseen_styles, frame, _ROWS)

    @property
    def step(self) -> int:
        """Steps done."""
        return self.duel.step

    @property
    def seen(self) -> int:
        """Photos translated."""
        return self.duel.seen

    def advance(self, part: float) -> Mapping[str, float]:
        """Do one step."""
        return self.duel.advance(part)

    def state(self) -> State:
        """Return all that changes."""
        return self.duel.state()

    def restore(self, state: State) -> None:
        """Take over a state."""
        self.duel.restore(state)

    def slow_down(self) -> None:
        """Halve the rates."""
        self.duel.slow_down()

    @torch.no_grad()
    def translate(self, pictures: Tensor, direction: str = FORWARD) -> Tensor:
        """Return what the averaged generator makes of pictures 0..1 [batch, 3, h, w]."""
        made: Tensor = self.duel.averages[direction](pictures.to(self.duel.device))
        return made.float().clamp(0, 1)

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        """Write ``g_ema.*``, ``g.*`` and ``d.*`` in their families' layout, with what is known of the training."""
        self._write(path, FORWARD, minutes)
        if self.both:
            self._write(back_path(path), BACK, minutes)

    def _write(self, path: Path, direction: str, minutes: float) -> None:
        duel = self.duel
        generator = duel.players.generators[direction]
        training = {
            **self.provenance,
            "method": duel.method.name,
            "direction": direction,
            "steps": duel.step,
            "pictures_seen": duel.seen,
            "minutes": round(minutes, 1),
            "seed": duel.options.seed,
        }
        config = {**self.config, **generator.config, "family": generator.family, "training": training}
        tensors = prefixed("g_ema", duel.averages[direction].file_state()) | prefixed("g", generator.file_state())
        save_checkpoint(path, tensors | prefixed("d", duel.players.judges[direction].file_state()), config)

    def write_samples(self, path: Path) -> None:
        """Write a sheet of held-out photos, one a row: the photo, its translation, and back again or the truth."""
        photos = floats(self.photos)
        columns = [photos, self.translate(photos)]
        if BACK in self.duel.averages:
            columns.append(self.translate(columns[1], BACK))
        if self.duel.sides.paired:
            columns.append(floats(self.styles))
        rows = torch.stack([column.cpu() for column in columns], dim=1).flatten(0, 1)
        if self.both:
            styles = floats(self.styles)
            photos = self.translate(styles, BACK)
            more = [styles, photos, self.translate(photos)]
            rows = torch.cat((rows, torch.stack([column.cpu() for column in more], dim=1).flatten(0, 1)))
        save_grid(path, rows, columns=len(columns))
