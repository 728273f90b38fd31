"""Training of a quick generator and its scorer on squares of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from ganplugin.errors import TrainingError
from ganplugin.models.quick import QuickConfig, QuickDiscriminator, QuickGenerator
from ganplugin.train.augment import augment
from ganplugin.train.checkpoint import State, plain_copy, prefixed, save_checkpoint
from ganplugin.train.data import PictureSet
from ganplugin.train.ema import frozen_copy, recalibrate, update_average
from ganplugin.train.grid import save_grid
from ganplugin.train.losses import discriminator_hinge, generator_hinge
from ganplugin.train.precision import Precision, autocast

__all__ = ["GeneratorOptions", "GeneratorTrainer"]

_SAMPLES = 64
AnyModule = TypeVar("AnyModule", bound=nn.Module)


@dataclass(frozen=True)
class GeneratorOptions:
    """How to train. Learning rates are Adam's; ``decay`` is the EMA's a step; ``mixing`` the part of mixed styles."""

    batch: int = 32
    seed: int = 0
    learning_rate: float = 1.5e-4
    scorer_learning_rate: float = 4.5e-4
    decay: float = 0.999
    mixing: float = 0.1
    recolour: float = 0.0
    flip: bool = True
    precision: Precision = "fp32"


class GeneratorTrainer:
    """Two networks at play: the scorer learns to tell pictures apart, the generator to be taken for real.

    The hinge game with spectral norm (Miyato et al. 2018), differentiable augmentation (Zhao et al. 2020) and an
    average of the generator's weights. All chance comes from one generator seeded by ``options.seed``.
    """

    def __init__(
        self,
        pictures: PictureSet,
        config: QuickConfig,
        options: GeneratorOptions,
        provenance: Mapping[str, str],
        device: torch.device,
    ) -> None:
        self.config, self.options, self.provenance, self.device = config, options, provenance, device
        self.pictures = torch.from_numpy(pictures.pixels)
        self.random = torch.Generator().manual_seed(options.seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            self.generator = _placed(QuickGenerator(config), device)
            self.scorer = _placed(QuickDiscriminator(config), device)
        self.average = frozen_copy(self.generator)
        self.generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=options.learning_rate, betas=(0.0, 0.99)
        )
        self.scorer_optimizer = torch.optim.Adam(
            self.scorer.parameters(), lr=options.scorer_learning_rate, betas=(0.0, 0.99)
        )
        self.step = 0
        self.calibrated = -1

    def advance(self) -> Mapping[str, float]:
        """Do one step of each network; see `Trainer`."""
        real = self._real_batch()
        with autocast(self.options.precision, self.device):
            fake = self._make()
            real_score = self.scorer(self._changed(real))
            fake_score = self.scorer(self._changed(fake.detach()))
            scorer_loss = discriminator_hinge(real_score, fake_score)
        _minimise(scorer_loss, self.scorer_optimizer)
        self.scorer.requires_grad_(False)
        with autocast(self.options.precision, self.device):
            generator_loss = generator_hinge(self.scorer(self._changed(self._make())))
        _minimise(generator_loss, self.generator_optimizer)
        self.scorer.requires_grad_(True)
        self.step += 1
        update_average(self.average, self.generator, step=self.step, decay=self.options.decay)
        return {
            "scorer": float(scorer_loss.detach()),
            "generator": float(generator_loss.detach()),
            "real": float(real_score.detach().float().mean()),
            "made": float(fake_score.detach().float().mean()),
        }

    def _real_batch(self) -> Tensor:
        chosen = torch.randint(0, len(self.pictures), (self.options.batch,), generator=self.random)
        images = self.pictures[chosen].to(self.device, torch.float32) / 255
        if self.options.flip:
            mirror = torch.rand(len(images), 1, 1, 1, generator=self.random).to(self.device) < 0.5
            images = torch.where(mirror, images.flip(3), images)
        return images

    def _make(self) -> Tensor:
        """Return pictures of random latents, some made of two styles so that the layers learn to be independent."""
        first, second = (self.generator.map(self._latents(self.options.batch)) for _ in range(2))
        layer = torch.arange(self.config.num_ws)[None]
        crossover = torch.randint(1, self.config.num_ws, (self.options.batch, 1), generator=self.random)
        mixed = torch.rand(self.options.batch, 1, generator=self.random) < self.options.mixing
        use_second = ((layer >= crossover) & mixed).to(self.device)[:, :, None]
        return self.generator.synthesize(torch.where(use_second, second[:, None], first[:, None]))

    def _latents(self, count: int) -> Tensor:
        return torch.randn(count, self.config.z_dim, generator=self.random).to(self.device)

    def _changed(self, images: Tensor) -> Tensor:
        images = augment(images, self.random, recolour=self.options.recolour)
        return images.contiguous(memory_format=torch.channels_last)

    def state(self) -> State:
        """Return everything that changes while training."""
        return cast(
            State,
            plain_copy(
                {
                    "step": self.step,
                    "config": asdict(self.config),
                    "random": self.random.get_state(),
                    "generator": self.generator.state_dict(),
                    "scorer": self.scorer.state_dict(),
                    "average": self.average.state_dict(),
                    "generator_optimizer": self.generator_optimizer.state_dict(),
                    "scorer_optimizer": self.scorer_optimizer.state_dict(),
                }
            ),
        )

    def restore(self, state: State) -> None:
        """Take over a state. Raises `TrainingError` if it is that of networks of another shape."""
        if state.get("config") != asdict(self.config):
            raise TrainingError("the run was started with another size or width", fix="give the same options as before")
        self.step = cast(int, state["step"])
        self.random.set_state(cast(Tensor, state["random"]))
        for name in ("generator", "scorer", "average", "generator_optimizer", "scorer_optimizer"):
            getattr(self, name).load_state_dict(state[name])

    def write_checkpoint(self, path: Path, *, minutes: float) -> None:
        """Write ``g_ema.*``, ``g.*`` and ``d.*`` with the configuration and the provenance."""
        self._calibrate()
        training = {**self.provenance, "steps": self.step, "pictures_seen": self.step * self.options.batch}
        config = {
            "family": "ganplugin-quick",
            "config": asdict(self.config),
            "options": asdict(self.options),
            "training": {**training, "minutes": round(minutes, 1), "seed": self.options.seed},
        }
        tensors = prefixed("g_ema", self.average) | prefixed("g", self.generator) | prefixed("d", self.scorer)
        save_checkpoint(path, tensors, config)

    def _calibrate(self) -> None:
        if self.calibrated != self.step:
            recalibrate(self.average, seed=self.options.seed)
            self.calibrated = self.step

    @torch.no_grad()
    def write_samples(self, path: Path) -> None:
        """Write the averaged generator's pictures of 64 latents that never change, a sheet of 8 x 8."""
        self._calibrate()
        z = torch.randn(_SAMPLES, self.config.z_dim, generator=torch.Generator().manual_seed(1)).to(self.device)
        w = self.average.map(z)[:, None].expand(-1, self.config.num_ws, -1)
        save_grid(path, self.average.synthesize(w), columns=8)


def _placed(module: AnyModule, device: torch.device) -> AnyModule:
    module.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return module.train()


def _minimise(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
