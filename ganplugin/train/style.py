"""Training of one stylizer on photos, for one painting or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import TrainingError
from ganplugin.models.stylizer import Stylizer, StylizerConfig
from ganplugin.models.vgg import VggFeatures
from ganplugin.train.checkpoint import prefixed, save_checkpoint
from ganplugin.train.data import Pixels
from ganplugin.train.ema import frozen_copy, update_average
from ganplugin.train.grid import save_grid
from ganplugin.train.losses import (
    colour_statistics,
    content_loss,
    gram,
    overshoot,
    palette_loss,
    style_loss,
    total_variation,
)
from ganplugin.train.palette import palette_map
from ganplugin.train.precision import Precision, autocast
from ganplugin.train.state import State, plain_copy

__all__ = ["StyleOptions", "StyleTarget", "StyleTrainer"]

_CONTENT_BLOCK = 2
_TRIES = 8
_FLAT = 12.0


@dataclass(frozen=True)
class StyleOptions:
    """How to train: each step paints ``batch`` photo crops of ``crop`` px in each of ``styles`` styles drawn at random.

    The weights balance the parts of the loss; ``memory`` is the part of the Gram matrices that stays from step to step.
    """

    styles: int = 2
    batch: int = 2
    crop: int = 96
    seed: int = 0
    learning_rate: float = 1e-3
    decay: float = 0.998
    content_weight: float = 0.6
    style_weight: float = 8.0
    palette_weight: float = 2.0
    smoothness: float = 1.0
    range_weight: float = 50.0
    longest_gradient: float = 20.0
    memory: float = 0.7
    precision: Precision = "fp32"


@dataclass(frozen=True)
class StyleTarget:
    """A painting under the name that its style gets: uint8 [3, h, w], at the scale of the strokes wanted."""

    name: str
    pixels: Pixels


class StyleTrainer:
    """A stylizer learns, photo crop by photo crop, to match the statistics of a painting's features.

    All chance comes from ``options.seed``.
    """

    def __init__(
        self,
        targets: Sequence[StyleTarget],
        photos: Sequence[Pixels],
        features: VggFeatures,
        options: StyleOptions,
        provenance: Mapping[str, str],
        device: torch.device,
        config: StylizerConfig | None = None,
    ) -> None:
        self.options, self.provenance, self.device = options, provenance, device
        self.names = [target.name for target in targets]
        self.photos = [torch.from_numpy(photo) for photo in photos]
        self.features = features.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.random = torch.Generator().manual_seed(options.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            shape = config or StylizerConfig(styles=len(targets))
            self.stylizer = Stylizer(shape).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.grams, self.palette = self._measure(targets)
        self.running = [layer.clone() for layer in self.grams]
        self._tint()
        self.average = frozen_copy(self.stylizer)
        self.optimizer = torch.optim.Adam(_groups(self.stylizer, options.learning_rate), betas=(0.9, 0.99))
        self.step = 0

    @torch.no_grad()
    def _measure(self, targets: Sequence[StyleTarget]) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        """Return per layer the Gram matrices [styles, c, c], and the colour statistics, of the paintings."""
        images = [(torch.from_numpy(target.pixels).to(self.device) / 255)[None] for target in targets]
        layers = zip(*([gram(layer) for layer in self.features(image)] for image in images), strict=True)
        means, covariances = zip(*(colour_statistics(image) for image in images), strict=True)
        return [torch.cat(layer) for layer in layers], (torch.cat(means), torch.cat(covariances))

    @torch.no_grad()
    def _tint(self) -> None:
        """Give every style the ground of its painting's colours, for good: only the strokes are learnt."""
        self.stylizer.tint.requires_grad_(False)
        for index, (mean, covariance) in enumerate(zip(*self.palette, strict=True)):
            self.stylizer.tint.matrix[index], self.stylizer.tint.shift[index] = palette_map(mean, covariance)

    @property
    def seen(self) -> int:
        """Photo crops painted."""
        return self.step * self.options.styles * self.options.batch

    def advance(self, part: float = 0.0) -> Mapping[str, float]:
        """Do one step; see `Trainer`. The rates stay, whatever ``part`` of the run is done."""
        options = self.options
        content = self._crops()
        chosen = torch.randperm(len(self.names), generator=self.random)[: options.styles]
        weights = F.one_hot(chosen, len(self.names)).to(self.device, torch.float32)
        weights = weights.repeat_interleave(options.batch, dim=0)
        with autocast(options.precision, self.device):
            painted = self.stylizer.paint(content, weights).float()
            seen = self.features(painted.contiguous(memory_format=torch.channels_last))
            with torch.no_grad():
                # What shall be kept is the photo in the painting's colours: in its own it would pull them back.
                wanted = self.features(self.stylizer.tint(content, weights).clamp(0, 1))[_CONTENT_BLOCK]
        grams = [self._smoothed(index, gram(self._together(layer)), chosen) for index, layer in enumerate(seen)]
        parts = {
            "style": style_loss(grams, [layer[chosen] for layer in self.grams]) * options.style_weight,
            "content": content_loss(seen[_CONTENT_BLOCK], wanted) * options.content_weight,
            "palette": palette_loss(self._together(painted), *(part[chosen] for part in self.palette))
            * options.palette_weight,
            "smooth": total_variation(painted) * options.smoothness,
            "range": overshoot(painted) * options.range_weight,
        }
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(self.stylizer.parameters(), options.longest_gradient)):
            self.optimizer.step()
        self.step += 1
        update_average(self.average, self.stylizer, step=self.step, decay=options.decay)
        return {name: float(part.detach()) for name, part in parts.items()}

    def _together(self, maps: Tensor) -> Tensor:
        """Lay the crops of each style side by side: [styles, c, h, batch * w]."""
        grouped = maps.view(-1, self.options.batch, *maps.shape[1:])
        return grouped.permute(0, 2, 3, 1, 4).flatten(3)

    def _smoothed(self, layer: int, grams: Tensor, chosen: Tensor) -> Tensor:
        """Return the Gram matrices of the last steps' crops in the chosen styles; gradients reach this step's alone.

        A small crop of a painting is seldom like the whole of it; many crops together may be asked to be.
        """
        memory = self.options.memory
        mean = memory * self.running[layer][chosen] + (1 - memory) * grams.detach()
        self.running[layer][chosen] = mean
        return grams + (mean - grams).detach()

    def _crops(self) -> Tensor:
        """Return random squares of random photos, half of them mirrored: 0..1 [styles * batch, 3, crop, crop]."""
        count = min(self.options.styles, len(self.names)) * self.options.batch
        crops = [self._crop(self.photos[self._draw(len(self.photos))]) for _ in range(count)]
        pixels = torch.stack(crops)
        grain = torch.rand(pixels.shape, generator=self.random)
        batch = (pixels + grain).to(self.device) / 256
        return batch.contiguous(memory_format=torch.channels_last)

    def _crop(self, photo: Tensor) -> Tensor:
        """Cut a random square; one of nearly one colour is drawn again, as its normalisation would blow up noise."""
        side = self.options.crop
        for _ in range(_TRIES):
            top, left = self._draw(photo.shape[1] - side + 1), self._draw(photo.shape[2] - side + 1)
            crop = photo[:, top : top + side, left : left + side]
            if crop.float().std() > _FLAT:
                break
        return crop.flip(2) if self._draw(2) else crop

    def _draw(self, end: int) -> int:
        return int(torch.randint(0, end, (1,), generator=self.random))

    def state(self) -> State:
        """Return everything that changes while training."""
        return cast(
            State,
            plain_copy(
                {
                    "step": self.step,
                    "styles": list(self.names),
                    "random": self.random.get_state(),
                    "stylizer": self.stylizer.state_dict(),
                    "average": self.average.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "running": self.running,
                }
            ),
        )

    def restore(self, state: State) -> None:
        """Take over a state. Raises `TrainingError` if it knows other styles."""
        if state.get("styles") != self.names:
            raise TrainingError(
                "the run was started with other paintings", fix="give the same paintings in the same order"
            )
        self.step = cast(int, state["step"])
        self.random.set_state(cast(Tensor, state["random"]))
        self.running = [layer.to(self.device) for layer in cast(list[Tensor], state["running"])]
        for name in ("stylizer", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])

    def slow_down(self) -> None:
        """Halve the learning rates."""
        for group in self.optimizer.param_groups:
            group["lr"] /= 2

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        """Write the averaged network as ``stylizer.*`` with the configuration, the style names and the provenance."""
        seen = {
            "steps": self.step,
            "pictures_seen": self.seen,
            "seed": self.options.seed,
        }
        config = {
            "family": "ganplugin-stylizer",
            "config": asdict(self.stylizer.config),
            "styles": self.names,
            "options": asdict(self.options),
            "training": {**self.provenance, **seen, "minutes": round(minutes, 1)},
        }
        save_checkpoint(path, prefixed("stylizer", self.average.state_dict()), config)

    @torch.no_grad()
    def write_samples(self, path: Path) -> None:
        """Write the middles of the first photos, one a row: the photo, then each style."""
        side, rows = 2 * self.options.crop, []
        for photo in self.photos[:: max(1, len(self.photos) // 4)][:4]:
            top, left = max(0, (photo.shape[1] - side) // 2), max(0, (photo.shape[2] - side) // 2)
            square = photo[:, top : top + side, left : left + side].to(self.device, torch.float32)[None] / 255
            content = F.interpolate(square, size=(side, side), mode="bilinear", align_corners=False)
            for index in range(len(self.names)):
                weights = F.one_hot(torch.tensor([index]), len(self.names)).to(self.device, torch.float32)
                rows.append(content if index == 0 else None)
                rows.append(self.average.paint(content, weights))
        save_grid(path, torch.cat([row for row in rows if row is not None]), columns=1 + len(self.names))


def _groups(stylizer: Stylizer, learning_rate: float) -> list[dict[str, object]]:
    """Let what belongs to one style learn twice as fast, as it is met that much more rarely."""
    shared: list[Tensor] = []
    own: list[Tensor] = []
    for name, parameter in stylizer.named_parameters():
        if parameter.requires_grad:
            (own if ".norm." in name else shared).append(parameter)
    return [{"params": shared, "lr": learning_rate}, {"params": own, "lr": 2 * learning_rate}]
