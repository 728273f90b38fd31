"""Training of one network that paints in the manner of any painting that it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor

from ganplugin.errors import TrainingError
from ganplugin.models.any_painting import EYE_DEPTH, AnyPainting, marks_of
from ganplugin.models.palette import colour_statistics
from ganplugin.models.stylizer import StylizerConfig
from ganplugin.models.vgg import VggFeatures
from ganplugin.train.checkpoint import prefixed, save_checkpoint
from ganplugin.train.crops import Crops
from ganplugin.train.data import Pixels
from ganplugin.train.ema import frozen_copy, update_average
from ganplugin.train.grid import save_grid
from ganplugin.train.manner import MannerWeights, Target, Views, content_of, grams_of, losses_of, views
from ganplugin.train.paintings import Paintings, squared
from ganplugin.train.precision import Precision, autocast
from ganplugin.train.rates import descend, optimizer_of, pace, scale_rates
from ganplugin.train.state import State, digest_of, plain_copy
from ganplugin.train.style import LIMIT

__all__ = ["ArbitraryOptions", "ArbitraryTrainer"]

_MEASURED: Final = 64
_SHOWN: Final = 4


@dataclass(frozen=True)
class ArbitraryOptions:
    """How to train: each step paints ``batch`` photo crops of ``crop`` px, each in the manner of another painting.

    Paintings are looked at as squares of ``side`` px and become codes of ``code`` numbers.
    """

    batch: int = 2
    crop: int = 192
    side: int = 256
    code: int = 64
    hidden: int = 128
    widths: tuple[int, int, int] = (24, 48, 64)
    residuals: int = 5
    seed: int = 0
    learning_rate: float = 1e-3
    decay: float = 0.998
    weights: MannerWeights = field(default_factory=MannerWeights)
    longest_gradient: float = 20.0
    precision: Precision = "fp32"

    @property
    def network(self) -> StylizerConfig:
        """The shape of the network that paints."""
        return StylizerConfig(self.code + 1, self.widths, self.residuals, LIMIT)


class ArbitraryTrainer:
    """A network learns, photo crop by photo crop, to match the statistics of the painting that it is shown.

    The ``held`` paintings are never trained on; sample sheets show them last. All chance comes from ``options.seed``.
    """

    def __init__(
        self,
        paintings: Sequence[Pixels],
        held: Sequence[Pixels],
        photos: Sequence[Pixels],
        features: VggFeatures,
        options: ArbitraryOptions,
        provenance: Mapping[str, str],
        device: torch.device,
    ) -> None:
        self.options, self.provenance, self.device = options, provenance, device
        self.random = torch.Generator().manual_seed(options.seed)
        self.crops = Crops(photos, options.crop, self.random)
        self.paintings = Paintings(paintings, options.side, self.random)
        self.held = [squared(one, options.side) for one in held]
        self.digest = digest_of([self.paintings.pixels, self.held])
        self.features = features.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            network = AnyPainting(options.network, _eye_of(features), side=options.side, hidden=options.hidden)
        self.network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._standardise()
        self.average = frozen_copy(self.network)
        self.optimizer = optimizer_of(self.network, self.network.hand, options.learning_rate)
        self.step = 0

    @torch.no_grad()
    def _standardise(self) -> None:
        """Let the marks of the paintings, whole and in pieces, have mean 0 and deviation 1."""
        random = torch.Generator().manual_seed(self.options.seed)
        pieces = Paintings([one.numpy() for one in self.paintings.pixels], self.options.side, random)
        shown = [pieces.whole(_MEASURED // 2), pieces.draw(min(_MEASURED // 2, 2 * len(pieces.pixels)))]
        marks = torch.cat([_marks(views(self.features, one[None].to(self.device))) for one in torch.cat(shown)])
        self.network.centre.copy_(marks.mean(dim=0))
        self.network.spread.copy_(marks.std(dim=0) + 0.05)

    @property
    def seen(self) -> int:
        """Photo crops painted."""
        return self.step * self.options.batch

    def advance(self, part: float = 0.0) -> Mapping[str, float]:
        """Do one step; see `Trainer`."""
        options = self.options
        content = self.crops.draw(options.batch).to(self.device).contiguous(memory_format=torch.channels_last)
        style = self.paintings.draw(options.batch).to(self.device)
        with autocast(options.precision, self.device):
            with torch.no_grad():
                looked = views(self.features, style.contiguous(memory_format=torch.channels_last))
                target = Target(grams_of(looked, 1), colour_statistics(style))
            manner = self.network.manner(_marks(looked), target.palette)
            painted = self.network.paint(content, manner).float()
            seen = views(self.features, painted.contiguous(memory_format=torch.channels_last))
            with torch.no_grad():
                # What shall be kept is the photo in the painting's colours: in its own it would pull them back.
                wanted = content_of(self.features, self.network.ground(content, manner).clamp(0, 1))
        parts = losses_of(painted, seen, wanted, target, options.weights)
        pace(self.optimizer, self.step, part)
        descend(self.optimizer, parts, options.longest_gradient)
        self.step += 1
        update_average(self.average, self.network, step=self.step, decay=options.decay)
        return {name: float(loss.detach()) for name, loss in parts.items()}

    def state(self) -> State:
        """Return everything that changes while training."""
        return cast(
            State,
            plain_copy(
                {
                    "step": self.step,
                    "learning_rate": self.options.learning_rate,
                    "paintings": self.digest,
                    "network": self.network.state_dict(),
                    "average": self.average.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "random": self.random.get_state(),
                }
            ),
        )

    def restore(self, state: State) -> None:
        """Take over a state, but for the rate asked for now. Raises `TrainingError` if it knows other paintings."""
        if state.get("paintings") != self.digest:
            raise TrainingError("the run was started with other paintings", fix="give the same paintings and --size")
        self.step = cast(int, state["step"])
        self.random.set_state(cast(Tensor, state["random"]))
        for name in ("network", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        asked = self.options.learning_rate
        scale_rates(self.optimizer, asked / cast(float, state.get("learning_rate", asked)))

    def slow_down(self) -> None:
        """Halve the learning rates."""
        scale_rates(self.optimizer, 0.5)

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        """Write the averaged network, with the eye that it needs, as ``stylizer.*`` with the configuration."""
        seen = {
            "steps": self.step,
            "pictures_seen": self.seen,
            "seed": self.options.seed,
            "paintings": len(self.paintings.pixels),
            "paintings_held_out": len(self.held),
        }
        config = {
            "family": "ganplugin-any-painting",
            "options": asdict(self.options),
            "training": {**self.provenance, **seen, "minutes": round(minutes, 1)},
        }
        save_checkpoint(path, prefixed("stylizer", self.average.state_dict()), config)

    @torch.no_grad()
    def write_samples(self, path: Path) -> None:
        """Write a sheet: paintings above, photos at the left, and each photo in each manner; unknown paintings last."""
        side = 2 * self.options.crop
        photos = self.crops.middles(_SHOWN, side).to(self.device)
        shown = torch.cat([self.paintings.whole(_SHOWN), *self.held[:_SHOWN]]).to(self.device)
        manners = [self.average.manner_of(one[None]) for one in shown]
        scaled = torch.nn.functional.interpolate(shown, size=(side, side), mode="bilinear", align_corners=False)
        cells = [torch.ones_like(photos[:1]), scaled]
        for photo in photos[:, None]:
            cells += [photo, *(self.average.paint(photo, manner) for manner in manners)]
        save_grid(path, torch.cat(cells), columns=1 + len(manners))


def _marks(looked: Views) -> Tensor:
    """Return what the eye sees of paintings, out of all that the features see."""
    return marks_of([layer for view in looked for layer in view[:EYE_DEPTH]])


def _eye_of(features: VggFeatures) -> VggFeatures:
    """Return a copy of the first blocks of the feature network, which the painting network takes along."""
    convs = [(conv.weight, conv.bias) for block in features.blocks[:EYE_DEPTH] for conv in block]  # type: ignore[attr-defined]
    divide = 64 // convs[0][0].shape[0]
    return VggFeatures(convs, mean=features.mean, std=features.std, blocks=EYE_DEPTH, divide=divide)
