"""One step of the game between scorer and generator, for any recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import InputError, TrainingError
from ganplugin.models.players.player import Judge, Painter, Picture, StyledPainter
from ganplugin.train.ada import COLOUR, GEOMETRY, Steering, recoloured, resampled, steered
from ganplugin.train.augment import pipeline
from ganplugin.train.ema import follow, frozen_copy
from ganplugin.train.objectives import OBJECTIVES
from ganplugin.train.passes import Passes, compiled_passes, plain_passes
from ganplugin.train.path_length import path_penalty
from ganplugin.train.penalties import Penalties, between, overslope, squared_slope
from ganplugin.train.pictures.batches import load
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.sampling import Sampler
from ganplugin.train.precision import Precision, autocast
from ganplugin.train.recipes.recipe import Pair, Recipe
from ganplugin.train.state import State, plain_copy
from ganplugin.train.workers import ALONE, Workers, share

__all__ = ["Game", "GameOptions"]


@dataclass(frozen=True)
class GameOptions:
    """What a run decides beside its recipe. ``accumulate`` pieces make one batch; ``frozen`` early layers stay."""

    seed: int = 0
    accumulate: int = 1
    frozen: int = 0
    precision: Precision = "fp32"
    channels_last: bool = False


@dataclass(frozen=True)
class _Deal:
    """What one turn plays with: real pictures 0..1, their labels, and latents for as many made ones."""

    real: Tensor
    label: Tensor | None
    z: Tensor
    other: Tensor
    crossover: Tensor


class Game:
    """Two networks at play, the average of one of them, and all that changes while they do.

    Chance comes from the seed and the number of the step alone, so that a state needs no more of it.
    """

    def __init__(
        self,
        recipe: Recipe,
        pair: Pair,
        pictures: PackedSet,
        options: GameOptions,
        device: torch.device,
        workers: Workers = ALONE,
    ) -> None:
        self.recipe, self.options, self.device, self.workers = recipe, options, device, workers
        self.objective, self.pictures = OBJECTIVES[recipe.objective], pictures
        self.picture = Picture(*pictures.shape, len(pictures.classes) if pictures.labels is not None else 0)
        self.penalties = recipe.penalties_of(self.picture)
        self.share = share(recipe.batch, workers)
        if (self.share.stop - self.share.start) % options.accumulate:
            what = f"a batch of {recipe.batch} has no {options.accumulate} equal pieces"
            raise InputError(what, where="--accumulate", fix="use a divisor of the batch, or another --batch")
        self.sampler = Sampler(len(pictures), recipe.batch, options.seed)
        self.painter, self.judge = pair[0].to(device).train(), pair[1].to(device).train()
        workers.same((self.painter, self.judge))
        self.plain = plain_passes(self.painter, self.judge)
        self.compiled: Passes | None = None
        self.frozen = _freeze(self.judge, options.frozen)
        self.average: Painter = frozen_copy(self.painter)
        self.optimizers = {
            "generator": _adam(self.painter, recipe),
            "scorer": _adam(self.judge, recipe),
        }
        self.step, self.turns, self.retries, self.slowdown = 0, 0, 0, 1.0
        self.computing(options.precision, channels_last=options.channels_last)
        self.steering, self.path_mean, self.penalty = Steering(), 0.0, 0.0
        self.own = torch.Generator()

    def computing(self, precision: Precision, *, channels_last: bool) -> Game:
        """Choose the precision of maps, and their order in memory, which changes speed alone (and the last bits)."""
        self.options = replace(self.options, precision=precision, channels_last=channels_last)
        order = torch.channels_last if channels_last else torch.contiguous_format
        for player in (self.painter, self.judge, self.average):
            player.to(memory_format=order)  # type: ignore[call-overload]
        return self

    def compiling(self, wanted: bool) -> Game:
        """Compile the networks, or no longer; that changes speed alone (and the last bits)."""
        self.compiled = compiled_passes(self.painter, self.judge) if wanted else None
        return self

    def _passes(self, *, sloped: bool) -> Passes:
        """Return how to ask the networks; ``sloped`` where slopes are to be learnt from."""
        return self.plain if sloped or self.compiled is None else self.compiled

    # The step

    def advance(self, part: float) -> Mapping[str, float]:
        """Do one step when ``part`` (0..1) of the run is done, and return its losses."""
        self._tune(part)
        with self._chance() as shared:
            for _ in range(self.recipe.scorer_steps):
                deal = self._deal(shared)
                scorer_loss, real, made = self._scorer_turn(deal, part)
            generator_loss = self._generator_turn(self._again(deal, shared))
        self.step += 1
        batch = self.recipe.batch
        follow(self.average, self.painter, decay=self.recipe.averaging.decay(self.step * batch, batch))
        return self._told(scorer_loss, generator_loss, real, made)

    def _tune(self, part: float) -> None:
        """Bring rates, betas and the probability of changes to where they are at this part of the run."""
        rates = {"generator": self.recipe.generator_rate, "scorer": self.recipe.scorer_rate}
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rates[name].at(part) * self.slowdown
                group["betas"] = (self.recipe.beta1, self.recipe.beta2.at(part))
        if not self.recipe.steered:
            self.steering = replace(self.steering, probability=self.recipe.chance.at(part))

    @contextmanager
    def _chance(self) -> Iterator[torch.Generator]:
        """Give the random generator that all processes share; torch's own and `own` are this process's."""
        seeds = np.random.SeedSequence([self.options.seed, self.step, self.retries]).spawn(1 + self.workers.count)
        numbers = [int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)) for seed in seeds]
        mine = numbers[1 + self.workers.rank]
        self.own.manual_seed(mine)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(mine)
            yield torch.Generator().manual_seed(numbers[0])

    def _deal(self, shared: torch.Generator) -> _Deal:
        indices = next(self.sampler)
        mirrored = torch.rand(len(indices), 1, 1, 1, generator=shared) < 0.5
        mine = indices[self.share]
        real = load(self.pictures, mine).to(self.device, torch.float32) / 255
        if self.recipe.flip:
            real = torch.where(mirrored[self.share].to(self.device), real.flip(3), real)
        return self._again(_Deal(real, self._label(mine), *[real] * 3), shared)

    def _again(self, deal: _Deal, shared: torch.Generator) -> _Deal:
        """Return the same real pictures beside new latents."""
        batch, z_dim = self.recipe.batch, self.painter.z_dim
        z, other = (torch.randn(batch, z_dim, generator=shared)[self.share].to(self.device) for _ in range(2))
        layers = self.painter.num_ws if isinstance(self.painter, StyledPainter) else 1
        crossover = torch.randint(1, max(2, layers), (batch, 1), generator=shared)
        mixed = torch.rand(batch, 1, generator=shared) < self.recipe.mixing
        crossover = torch.where(mixed, crossover, layers)[self.share].to(self.device)
        return replace(deal, z=z, other=other, crossover=crossover)

    def _label(self, indices: np.ndarray) -> Tensor | None:
        if not self.picture.classes or self.pictures.labels is None:
            return None
        numbers = torch.from_numpy(self.pictures.labels[indices])
        return F.one_hot(numbers, self.picture.classes).to(self.device, torch.float32)

    def _pieces(self, deal: _Deal) -> Iterator[_Deal]:
        size = len(deal.real) // self.options.accumulate
        for start in range(0, len(deal.real), size):
            piece = slice(start, start + size)
            label = None if deal.label is None else deal.label[piece]
            yield _Deal(deal.real[piece], label, deal.z[piece], deal.other[piece], deal.crossover[piece])

    def _made(self, deal: _Deal, passes: Passes) -> tuple[Tensor, Tensor | None]:
        """Return pictures, float32 in any precision, and the ws that they are made of where there are any."""
        if not isinstance(self.painter, StyledPainter):
            return passes.draw(deal.z, deal.label).float(), None
        layer = torch.arange(self.painter.num_ws, device=self.device)[None, :, None]
        first, second = self.painter.map(deal.z, deal.label), self.painter.map(deal.other, deal.label)
        ws = torch.where(layer < deal.crossover[:, :, None], first[:, None], second[:, None])
        return passes.draw(ws).float(), ws

    def _seen(self, images: Tensor) -> Tensor:
        """Return pictures as the scorer sees them: changed at random."""
        chance, names = self.steering.probability, self.recipe.ada
        images = resampled(images, chance, self.own, [name for name in names if name in GEOMETRY])
        images = recoloured(images, chance, self.own, [name for name in names if name in COLOUR])
        images = pipeline(images, self.own, self.recipe.changes)
        return images.contiguous(memory_format=torch.channels_last) if self.options.channels_last else images

    def _scorer_turn(self, deal: _Deal, part: float) -> tuple[Tensor, Tensor, Tensor]:
        """Let the scorer learn; return its loss, and the mean scores of real and made pictures."""
        due = self.penalties.scaled(self.recipe.fade.at(part)) if self.penalties.due(self.turns) else None
        self.optimizers["scorer"].zero_grad(set_to_none=True)
        reports = [self._scorer_piece(piece, due) for piece in self._pieces(deal)]
        self._learn("scorer", self.judge)
        if self.objective.clip:
            _clip(self.judge, self.objective.clip)
        self.turns += 1
        loss, real, made, certainty = (torch.stack(column).mean() for column in zip(*reports, strict=True))
        if self.recipe.steered:
            self.workers.average([certainty])
            self.steering = steered(self.steering, float(certainty), self.recipe.batch)
        return loss, real, made

    def _scorer_piece(self, deal: _Deal, due: Penalties | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        passes = self._passes(sloped=due is not None)
        with autocast(self.options.precision, self.device):
            with torch.no_grad():
                made = self._seen(self._made(deal, passes)[0])
            real = self._seen(deal.real)
            real.requires_grad_(due is not None and due.r1 > 0)
            made.requires_grad_(due is not None and due.r2 > 0)
            real_score, missed = self._judged(real, deal.label, passes)
            made_score = passes.judge(made, deal.label).float()
            loss = self.objective.scorer(real_score, made_score)
            total = loss if missed is None else loss + missed
            if due is not None:
                total = total + self._penalty(due, deal, (real, real_score), (made, made_score))
        (total / self.options.accumulate).backward()  # type: ignore[no-untyped-call]
        real_score, made_score = real_score.detach(), made_score.detach()
        certainty = self.objective.certainty(real_score, made_score)
        return loss.detach(), real_score.mean(), made_score.mean(), certainty

    @staticmethod
    def _judged(real: Tensor, label: Tensor | None, passes: Passes) -> tuple[Tensor, Tensor | None]:
        """Return the scores of real pictures, and how far the scorer is from drawing them again, if it tries that."""
        if passes.judge_and_rebuild is None:
            return passes.judge(real, label).float(), None
        score, missed = passes.judge_and_rebuild(real, label)
        return score.float(), missed

    def _penalty(self, due: Penalties, deal: _Deal, real: tuple[Tensor, Tensor], made: tuple[Tensor, Tensor]) -> Tensor:
        edge = None
        if due.gp:
            points = between(real[0], made[0], self.own)
            edge = overslope(self.judge(points, deal.label), points)
        slopes = [
            squared_slope(score, image) if weight else None
            for weight, (image, score) in ((due.r1, real), (due.r2, made))
        ]
        penalty = due.of_slopes(slopes[0], slopes[1], edge)
        self.penalty = float(penalty.detach()) / due.every
        return penalty

    def _generator_turn(self, deal: _Deal) -> Tensor:
        """Let the generator learn from what the scorer says; return its loss."""
        self.optimizers["generator"].zero_grad(set_to_none=True)
        with self._resting_scorer():
            losses = [self._generator_piece(piece) for piece in self._pieces(deal)]
        self._learn("generator", self.painter)
        if self.recipe.path is not None:
            self.path_mean = self._agreed(self.path_mean)
        return torch.stack(losses).mean()

    @contextmanager
    def _resting_scorer(self) -> Iterator[None]:
        """Work out no gradients of the scorer's weights; it learns again afterwards, even if a step breaks off."""
        self.judge.requires_grad_(False)
        try:
            yield
        finally:
            self.judge.requires_grad_(True)
            for parameter in self.frozen:
                parameter.requires_grad_(False)

    def _generator_piece(self, deal: _Deal) -> Tensor:
        path = self.recipe.path
        measured = path is not None and self.step % path.every == 0
        judge = self._passes(sloped=False).judge
        with autocast(self.options.precision, self.device):
            images, ws = self._made(deal, self._passes(sloped=measured))
            made = judge(self._seen(images), deal.label).float()
            real = made
            if self.objective.needs_real:
                with torch.no_grad():
                    real = judge(self._seen(deal.real), deal.label).float()
            loss = self.objective.generator(real, made)
            total = loss
            if path is not None and ws is not None and measured:
                penalty, self.path_mean = path_penalty(images, ws, self.path_mean, path)
                total = loss + penalty
        (total / self.options.accumulate).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _agreed(self, value: float) -> float:
        mean = torch.tensor([value], dtype=torch.float64)
        self.workers.average([mean])
        return float(mean)

    def _learn(self, name: str, player: nn.Module) -> None:
        self.workers.average([one.grad for one in player.parameters() if one.grad is not None])
        self.optimizers[name].step()

    def _told(self, *numbers: Tensor) -> dict[str, float]:
        values = torch.stack(numbers)
        self.workers.average([values])
        names = ("scorer", "generator", "real", "made")
        told = dict(zip(names, values.tolist(), strict=True))
        return {**told, "penalty": self.penalty, "chance": self.steering.probability}

    # What others look at

    def changed(self, images: Tensor) -> Tensor:
        """Return pictures 0..1 changed at random as the scorer sees them in training; ``own`` gives the chance."""
        return self._seen(images)

    # The state

    @property
    def seen(self) -> int:
        """Pictures that the generator has learnt from; a critic was shown several times as many real ones."""
        return self.step * self.recipe.batch

    def slow_down(self) -> None:
        """Halve both rates from now on, and draw other latents than before."""
        self.slowdown, self.retries = self.slowdown / 2, self.retries + 1

    def state(self) -> State:
        """Return everything that changes while training, but for the statistics that each save measures anew."""
        players = {"generator": self.painter, "scorer": self.judge, "average": self.average}
        return cast(
            State,
            plain_copy(
                {
                    "recipe": self.recipe.name,
                    "picture": asdict(self.picture),
                    "step": self.step,
                    "turns": self.turns,
                    "retries": self.retries,
                    "slowdown": self.slowdown,
                    "sampler": self.sampler.state(),
                    "steering": asdict(self.steering),
                    "path_mean": self.path_mean,
                    "penalty": self.penalty,
                    **{name: player.state_dict() for name, player in players.items()},
                    **{f"{name}_optimizer": one.state_dict() for name, one in self.optimizers.items()},
                }
            ),
        )

    def restore(self, state: State) -> None:
        """Take over a state. Raises `TrainingError` if it is that of another recipe, or of other networks."""
        found = (state.get("recipe"), state.get("picture"))
        if found != (self.recipe.name, asdict(self.picture)):
            raise TrainingError(
                "the run was started with another recipe, size or number of channels or classes",
                fix="give the same options as before",
            )
        try:
            for name, player in (("generator", self.painter), ("scorer", self.judge), ("average", self.average)):
                player.load_state_dict(cast(Mapping[str, Tensor], state[name]))
            for name, optimizer in self.optimizers.items():
                optimizer.load_state_dict(cast(dict[str, object], state[f"{name}_optimizer"]))
        except (RuntimeError, ValueError) as error:
            raise TrainingError(
                "the run was started with other networks",
                fix="give the same --width; the scorer of a dcgan has batch norms unless it was begun with a penalty",
            ) from error
        self.step, self.turns, self.retries = (cast(int, state[name]) for name in ("step", "turns", "retries"))
        self.slowdown, self.path_mean, self.penalty = (
            cast(float, state[name]) for name in ("slowdown", "path_mean", "penalty")
        )
        self.steering = Steering(**cast(dict[str, float], state["steering"]))  # type: ignore[arg-type]
        if state["sampler"] is not None:
            self.sampler.restore(cast(dict[str, int], state["sampler"]))


def _adam(player: nn.Module, recipe: Recipe) -> torch.optim.Adam:
    betas = (recipe.beta1, recipe.beta2.start)
    return torch.optim.Adam(player.parameters(), lr=recipe.generator_rate.start, betas=betas, eps=recipe.epsilon)


def _freeze(judge: Judge, count: int) -> list[nn.Parameter]:
    """Freeze the first ``count`` layers of the scorer. Raises `InputError` if it has fewer."""
    layers = judge.early()
    if count > len(layers):
        raise InputError(f"this scorer has {len(layers)} layers that can be frozen, not {count}")
    frozen = [parameter for layer in layers[:count] for parameter in layer.parameters()]
    for parameter in frozen:
        parameter.requires_grad_(False)
    return frozen


@torch.no_grad()
def _clip(judge: nn.Module, limit: float) -> None:
    for parameter in judge.parameters():
        parameter.clamp_(-limit, limit)
