"""Generators and discriminators of a translation at play, the averages of the generators, and all that changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np
import torch
from torch import Tensor, nn

from ganplugin.errors import TrainingError
from ganplugin.models.players.translators import Translator
from ganplugin.train.augment import pipeline
from ganplugin.train.ema import follow, frozen_copy
from ganplugin.train.pictures.sampling import Sampler
from ganplugin.train.precision import Precision, autocast
from ganplugin.train.recipes.recipe import Averaging
from ganplugin.train.state import State, plain_copy
from ganplugin.train.translate.distances import telling
from ganplugin.train.translate.games import Deal, Players, Turn, Weights
from ganplugin.train.translate.methods import Method
from ganplugin.train.translate.sides import Frame, Sides, pieces
from ganplugin.train.workers import ALONE, Workers, share

__all__ = ["Duel", "DuelOptions"]

_AVERAGING: Final = Averaging(kimg=2.0)
_SCALARS: Final = ("step", "retries", "slowdown")


@dataclass(frozen=True)
class DuelOptions:
    """What decides a run beside its method. Adam with 0.5 and 0.999, as all three papers have it, and 2e-4."""

    weights: Weights
    batch: int = 1
    learning_rate: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    changes: tuple[str, ...] = ()
    seed: int = 0
    precision: Precision = "fp32"


class Duel:
    """The networks of a method, learning. Chance comes from the seed and the number of the step alone."""

    def __init__(
        self,
        method: Method,
        players: Players,
        sides: Sides,
        frame: Frame,
        options: DuelOptions,
        device: torch.device,
        workers: Workers = ALONE,
    ) -> None:
        self.method, self.players, self.sides, self.frame = method, players, sides, frame
        self.options, self.device, self.workers = options, device, workers
        self.share = share(options.batch, workers)
        self.photo_rows = Sampler(len(sides.photos), options.batch, options.seed)
        self.style_rows = Sampler(len(sides.styles), options.batch, options.seed + 1)
        for module in players.modules().values():
            module.to(device)
        workers.same(players.modules().values())
        self.averages: dict[str, Translator] = {
            name: frozen_copy(generator) for name, generator in players.generators.items()
        }
        makers = [*players.generators.values(), *([players.heads] if players.heads is not None else [])]
        self.makers: list[nn.Parameter] = [one for module in makers for one in module.parameters()]
        self.tellers: list[nn.Parameter] = [one for judge in players.judges.values() for one in judge.parameters()]
        self.optimizers = {"generators": self._adam(self.makers), "scorers": self._adam(self.tellers)}
        self.step, self.retries, self.slowdown = 0, 0, 1.0
        self.order = torch.contiguous_format
        self.own = torch.Generator()

    def _adam(self, parameters: list[nn.Parameter]) -> torch.optim.Adam:
        return torch.optim.Adam(parameters, lr=self.options.learning_rate, betas=self.options.betas)

    def computing(self, precision: Precision, *, channels_last: bool) -> Duel:
        """Choose the precision, and the order of maps in memory, which changes speed alone (and the last bits)."""
        self.options = replace(self.options, precision=precision)
        self.order = torch.channels_last if channels_last else torch.contiguous_format
        for module in (*self.players.modules().values(), *self.averages.values()):
            module.to(memory_format=self.order)  # type: ignore[call-overload]
        return self

    # The step

    def advance(self, part: float) -> Mapping[str, float]:
        """Do one step when ``part`` (0..1) of the run is done, and return its losses."""
        self._tune(part)
        with self._chance() as random:
            turn = self._generators_learn(self._deal(random))
            scorer = self._scorers_learn(turn)
        self.step += 1
        decay = _AVERAGING.decay(self.seen, self.options.batch)
        for name, average in self.averages.items():
            follow(average, self.players.generators[name], decay=decay)
        return self._told({"scorer": scorer, **turn.terms})

    def _tune(self, part: float) -> None:
        """Let the rates stay for half of the run and fall to zero in the other (Zhu et al. 2017, section 4)."""
        rate = self.options.learning_rate * self.slowdown * min(1.0, 2 * (1 - part))
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate

    @contextmanager
    def _chance(self) -> Iterator[torch.Generator]:
        """Give the random generator that all processes share; torch's own and `own` are this process's."""
        seeds = np.random.SeedSequence([self.options.seed, self.step, self.retries]).spawn(1 + self.workers.count)
        numbers = [int(seed.generate_state(1, np.uint64)[0] >> np.uint64(1)) for seed in seeds]
        self.own.manual_seed(numbers[1 + self.workers.rank])
        yield torch.Generator().manual_seed(numbers[0])

    def _deal(self, random: torch.Generator) -> Deal:
        batch, sides = self.options.batch, self.sides
        photo_rows, places = next(self.photo_rows), torch.rand(batch, 3, generator=random)
        styles, style_places = photo_rows, places
        if not sides.paired:
            styles, style_places = next(self.style_rows), torch.rand(batch, 3, generator=random)
        mine = self.share
        photos = pieces(sides.photos, photo_rows[mine], places[mine], self.frame)
        truths = pieces(sides.styles, styles[mine], style_places[mine], self.frame)
        return Deal(self._floats(photos), self._floats(truths), random, self.look)

    def _floats(self, levels: Tensor) -> Tensor:
        return (levels.to(self.device).float() / 255).contiguous(memory_format=self.order)

    def look(self, pictures: Tensor) -> Tensor:
        """Return pictures as a discriminator sees them: changed at random, where that was asked for."""
        return pipeline(pictures, self.own, self.options.changes)

    def _generators_learn(self, deal: Deal) -> Turn:
        for parameter in self.tellers:
            parameter.requires_grad_(False)
        with autocast(self.options.precision, self.device):
            turn = self.method.play(self.players, self.options.weights, deal)
        self._learn("generators", self.makers, torch.stack(list(turn.terms.values())).sum())
        for parameter in self.tellers:
            parameter.requires_grad_(True)
        return turn

    def _scorers_learn(self, turn: Turn) -> Tensor:
        losses = []
        with autocast(self.options.precision, self.device):
            for name, (real, made) in turn.shown.items():
                judge = self.players.judges[name]
                losses.append(telling(judge(self.look(real)).float(), judge(self.look(made.detach())).float()))
        loss = torch.stack(losses).sum()
        self._learn("scorers", self.tellers, loss)
        return loss

    def _learn(self, name: str, parameters: list[nn.Parameter], loss: Tensor) -> None:
        self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.workers.average([one.grad for one in parameters if one.grad is not None])
        self.optimizers[name].step()

    def _told(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        values = torch.stack([term.detach() for term in terms.values()])
        self.workers.average([values])
        return dict(zip(terms, values.tolist(), strict=True))

    # The state

    @property
    def seen(self) -> int:
        """How many photos were translated."""
        return self.step * self.options.batch

    @property
    def shape(self) -> dict[str, object]:
        """What must be the same when a state is taken over."""
        return {"method": self.method.name, "width": self.frame.width, "height": self.frame.height}

    def _networks(self) -> dict[str, nn.Module]:
        averages: dict[str, nn.Module] = {f"average_{name}": one for name, one in self.averages.items()}
        return {**self.players.modules(), **averages}

    def slow_down(self) -> None:
        """Halve both rates from now on, and draw others than before."""
        self.slowdown, self.retries = self.slowdown / 2, self.retries + 1

    def state(self) -> State:
        """Return everything that changes while training."""
        found = {
            "translation": self.shape,
            **{name: getattr(self, name) for name in _SCALARS},
            "photo_rows": self.photo_rows.state(),
            "style_rows": self.style_rows.state(),
            "pools": {name: list(pool.pictures) for name, pool in self.players.pools.items()},
            "networks": {name: one.state_dict() for name, one in self._networks().items()},
            "optimizers": {name: one.state_dict() for name, one in self.optimizers.items()},
        }
        return cast(State, plain_copy(found))

    def restore(self, state: State) -> None:
        """Take over a state. Raises `TrainingError` if it is that of another method, size or networks."""
        if state.get("translation") != self.shape:
            raise TrainingError(
                "the run was started with another method or size", fix="give the same options as before"
            )
        try:
            for kind, owners in (("networks", self._networks()), ("optimizers", self.optimizers)):
                for name, owner in owners.items():
                    owner.load_state_dict(cast("dict[str, dict[str, object]]", state[kind])[name])
        except (RuntimeError, ValueError, KeyError) as error:
            raise TrainingError("the run was started with other networks", fix="give the same as before") from error
        for name in _SCALARS:
            setattr(self, name, state[name])
        self.photo_rows.restore(cast("dict[str, int]", state["photo_rows"]))
        self.style_rows.restore(cast("dict[str, int]", state["style_rows"]))
        for name, pool in self.players.pools.items():
            kept = cast("dict[str, list[Tensor]]", state["pools"])[name]
            pool.pictures = [picture.to(self.device) for picture in kept]
