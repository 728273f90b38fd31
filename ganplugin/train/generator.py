"""A game as the loop drives it: with the checkpoint to export, and sheets of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.latents import slerp, walk_positions
from ganplugin.models.players.player import Painter, StyledPainter
from ganplugin.train.checkpoint import prefixed, save_checkpoint
from ganplugin.train.classes import drawn_classes
from ganplugin.train.ema import calibrated
from ganplugin.train.game import Game
from ganplugin.train.grid import save_grid
from ganplugin.train.state import State

__all__ = ["GeneratorTrainer"]

_SAMPLES, _COLUMNS = 64, 8
_KEYS, _FRAMES = 4, 16
_WAY = walk_positions(_KEYS, _FRAMES, loop=False, easing="linear")


@dataclass
class GeneratorTrainer:
    """See `Trainer`. ``config`` is what the family needs to know beside tensors, ``provenance`` what of the data."""

    game: Game
    config: Mapping[str, object]
    provenance: Mapping[str, str | int | float]
    _ready: tuple[int, Painter] | None = field(default=None, repr=False)

    @property
    def step(self) -> int:
        """Steps done."""
        return self.game.step

    @property
    def seen(self) -> int:
        """Pictures shown."""
        return self.game.seen

    def advance(self, part: float) -> Mapping[str, float]:
        """Do one step."""
        return self.game.advance(part)

    def state(self) -> State:
        """Return all that changes."""
        return self.game.state()

    def restore(self, state: State) -> None:
        """Take over a state."""
        self.game.restore(state)
        self._ready = None

    def slow_down(self) -> None:
        """Halve the rates."""
        self.game.slow_down()

    def ready(self) -> Painter:
        """Return the averaged generator, ready to paint."""
        if self._ready is None or self._ready[0] != self.step:
            game = self.game
            painter = calibrated(game.average, game.painter, seed=game.options.seed, classes=game.picture.classes)
            self._ready = (self.step, painter)
        return self._ready[1]

    @torch.no_grad()
    def paint(self, start: int, count: int) -> Tensor:
        """Return the pictures of the latents ``start`` .. of one endless fixed row: float32 0..1 [count, c, h, w].

        Noise that layers add is the same for the same ``start`` alone.
        """
        painter, classes = self.ready(), self.game.picture.classes
        label = None
        if classes:
            numbers = torch.from_numpy(drawn_classes(range(start, start + count), classes))
            label = F.one_hot(numbers, classes).float().to(self.game.device)
        with torch.random.fork_rng(devices=[self.game.device] if self.game.device.type == "cuda" else []):
            torch.manual_seed(0)
            z = self._latents(start, count)
            pictures = painter.paint(z, label)
        return pictures.float().clamp(0, 1)

    def _latents(self, start: int, count: int) -> Tensor:
        size = self.ready().z_dim
        rows = [torch.randn(size, generator=_generator(index)) for index in range(start, start + count)]
        return torch.stack(rows).to(self.game.device)

    @torch.no_grad()
    def walk(self) -> Tensor:
        """Return pictures on the way through the first four latents: float32 0..1 [16, c, h, w].

        The way is straight in W, where there is one, else along arcs. With classes all are of the first.
        """
        painter, keys = self.ready(), self._latents(0, _KEYS)
        label = self._first_class(_KEYS)
        if isinstance(painter, StyledPainter):
            keys = painter.map(keys, label)
            points = [torch.lerp(keys[k], keys[k + 1], t) for k, t in _WAY]
        else:
            z = keys.cpu().numpy()
            points = [torch.from_numpy(slerp(z[k], z[k + 1], t)).to(keys) for k, t in _WAY]
        return torch.cat([self._frame(painter, point[None]) for point in points]).float().clamp(0, 1)

    def _frame(self, painter: Painter, point: Tensor) -> Tensor:
        """Paint one w or z. Each has the same noise: what changes on the way is the latent alone."""
        with torch.random.fork_rng(devices=[self.game.device] if self.game.device.type == "cuda" else []):
            torch.manual_seed(0)
            if isinstance(painter, StyledPainter):
                return painter.synthesize(point[:, None].expand(-1, painter.num_ws, -1))
            return painter.paint(point, self._first_class(1))

    def _first_class(self, count: int) -> Tensor | None:
        classes = self.game.picture.classes
        return (
            F.one_hot(torch.zeros(count, dtype=torch.long), classes).float().to(self.game.device) if classes else None
        )

    def write_strip(self, path: Path) -> None:
        """Write `walk` as one row."""
        save_grid(path, self.walk(), columns=_FRAMES)

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        """Write ``g_ema.*``, ``g.*`` and ``d.*`` in their family's layout, with what is known of the training."""
        game = self.game
        training = {
            **self.provenance,
            "recipe": game.recipe.name,
            "loss": game.recipe.objective,
            "steps": game.step,
            "pictures_seen": game.seen,
            "minutes": round(minutes, 1),
            "seed": game.options.seed,
        }
        names = {"classes": list(game.pictures.classes)} if game.picture.classes else {}
        config = {**self.config, **names, "training": training}
        generators = prefixed("g_ema", self.ready().file_state()) | prefixed("g", game.painter.file_state())
        save_checkpoint(path, generators | prefixed("d", game.judge.file_state()), config)

    def write_samples(self, path: Path) -> None:
        """Write the averaged generator's pictures of 64 latents that never change, a sheet of 8 x 8."""
        save_grid(path, self.paint(0, _SAMPLES), columns=_COLUMNS)


def _generator(index: int) -> torch.Generator:
    return torch.Generator().manual_seed(index)
