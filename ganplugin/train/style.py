"""Training of one stylizer on photos, for one painting or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.errors import TrainingError
from ganplugin.models.palette import colour_statistics, palette_map
from ganplugin.models.stylizer import Stylizer, StylizerConfig
from ganplugin.models.vgg import VggFeatures
from ganplugin.train.checkpoint import prefixed, save_checkpoint
from ganplugin.train.crops import Crops
from ganplugin.train.data import Pixels
from ganplugin.train.ema import frozen_copy, update_average
from ganplugin.train.grid import save_grid
from ganplugin.train.manner import MannerWeights, Target, content_of, grams_of, losses_of, views
from ganplugin.train.precision import Precision, autocast
from ganplugin.train.rates import descend, optimizer_of, pace, scale_rates
from ganplugin.train.state import State, plain_copy

__all__ = ["LIMIT", "StyleOptions", "StyleTarget", "StyleTrainer"]

LIMIT: Final = 8.0
"""How far normalised values may go in new networks: hardly one of a photo of 256 px goes further."""
_ROWS: Final = 4


@dataclass(frozen=True)
class StyleOptions:
    """How to train: each step paints ``batch`` photo crops of ``crop`` px in each of ``styles`` styles, at random."""

    styles: int = 2
    batch: int = 1
    crop: int = 192
    seed: int = 0
    learning_rate: float = 1e-3
    decay: float = 0.998
    weights: MannerWeights = field(default_factory=MannerWeights)
    longest_gradient: float = 20.0
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
        self.random = torch.Generator().manual_seed(options.seed)
        self.crops = Crops(photos, options.crop, self.random)
        self.features = features.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            shape = config or StylizerConfig(styles=len(targets), limit=LIMIT)
            self.stylizer = Stylizer(shape).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.target = self._measure(targets)
        self._tint()
        self.average = frozen_copy(self.stylizer)
        self.optimizer = optimizer_of(self.stylizer, self.stylizer, options.learning_rate)
        self.step = 0

    @torch.no_grad()
    def _measure(self, targets: Sequence[StyleTarget]) -> Target:
        images = [(torch.from_numpy(target.pixels).to(self.device) / 255)[None] for target in targets]
        layers = zip(*(grams_of(views(self.features, image), 1) for image in images), strict=True)
        means, covariances = zip(*(colour_statistics(image) for image in images), strict=True)
        return Target([torch.cat(layer) for layer in layers], (torch.cat(means), torch.cat(covariances)))

    @torch.no_grad()
    def _tint(self) -> None:
        """Give every style the ground of its painting's colours, for good: only the strokes are learnt."""
        self.stylizer.tint.requires_grad_(False)
        matrix, shift = palette_map(*self.target.palette)
        self.stylizer.tint.matrix.copy_(matrix)
        self.stylizer.tint.shift.copy_(shift)

    @property
    def seen(self) -> int:
        """Photo crops painted."""
        return self.step * min(self.options.styles, len(self.names)) * self.options.batch

    def advance(self, part: float = 0.0) -> Mapping[str, float]:
        """Do one step; see `Trainer`."""
        options = self.options
        chosen = torch.randperm(len(self.names), generator=self.random)[: options.styles]
        content = self.crops.draw(len(chosen) * options.batch).to(self.device)
        content = content.contiguous(memory_format=torch.channels_last)
        weights = F.one_hot(chosen, len(self.names)).to(self.device, torch.float32)
        weights = weights.repeat_interleave(options.batch, dim=0)
        with autocast(options.precision, self.device):
            painted = self.stylizer.paint(content, weights).float()
            seen = views(self.features, painted.contiguous(memory_format=torch.channels_last))
            with torch.no_grad():
                # What shall be kept is the photo in the painting's colours: in its own it would pull them back.
                wanted = content_of(self.features, self.stylizer.tint(content, weights).clamp(0, 1))
        parts = losses_of(painted, seen, wanted, self.target.chosen(chosen), options.weights, options.batch)
        pace(self.optimizer, self.step, part)
        descend(self.optimizer, parts, options.longest_gradient)
        self.step += 1
        update_average(self.average, self.stylizer, step=self.step, decay=options.decay)
        return {name: float(part.detach()) for name, part in parts.items()}

    def state(self) -> State:
        """Return everything that changes while training."""
        return cast(
            State,
            plain_copy(
                {
                    "step": self.step,
                    "learning_rate": self.options.learning_rate,
                    "styles": list(self.names),
                    "config": asdict(self.stylizer.config),
                    "random": self.random.get_state(),
                    "stylizer": self.stylizer.state_dict(),
                    "average": self.average.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                }
            ),
        )

    def restore(self, state: State) -> None:
        """Take over a state, but for the rate asked for now.

        Raises `TrainingError` if it knows other styles, or another network.
        """
        if state.get("styles") != self.names:
            raise TrainingError(
                "the run was started with other paintings", fix="give the same paintings in the same order"
            )
        if state.get("config") != plain_copy(asdict(self.stylizer.config)):
            raise TrainingError(
                "the run trains another network, as the first release had it", fix="start a new run with another --out"
            )
        self.step = cast(int, state["step"])
        self.random.set_state(cast(Tensor, state["random"]))
        for name in ("stylizer", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        asked = self.options.learning_rate
        scale_rates(self.optimizer, asked / cast(float, state.get("learning_rate", asked)))

    def slow_down(self) -> None:
        """Halve the learning rates."""
        scale_rates(self.optimizer, 0.5)

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
        """Write the middles of some photos, one a row: the photo, then each style."""
        photos = self.crops.middles(_ROWS, 2 * self.options.crop).to(self.device)
        every = torch.eye(len(self.names), device=self.device)
        rows = [
            torch.cat([photo, *(self.average.paint(photo, one[None]) for one in every)]) for photo in photos[:, None]
        ]
        save_grid(path, torch.cat(rows), columns=1 + len(self.names))
