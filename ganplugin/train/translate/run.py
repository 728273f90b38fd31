"""A whole training of a translation from its options: what ``ganplugin train translate`` calls."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ganplugin.errors import InputError
from ganplugin.models.players.player import reproducible
from ganplugin.models.players.translators import (
    TRANSLATORS,
    PatchJudge,
    Translator,
    fresh_judge,
    fresh_resnet,
    fresh_unet,
    loaded_judge,
    loaded_translator,
)
from ganplugin.train.augment import changes_of
from ganplugin.train.computing import Computing
from ganplugin.train.estimate import Estimate, estimated, require_memory
from ganplugin.train.loop import Schedule, run
from ganplugin.train.precision import worth_trying
from ganplugin.train.run_file import Called, config_of_start, facts_of_same_data, write_facts
from ganplugin.train.translate.contrast import Heads
from ganplugin.train.translate.duel import Duel, DuelOptions
from ganplugin.train.translate.games import BACK, FORWARD, Players
from ganplugin.train.translate.measuring import measure_of
from ganplugin.train.translate.plan import SMALLEST, Plan
from ganplugin.train.translate.pool import Pool
from ganplugin.train.translate.sides import Sides, gather_pairs, gather_sides
from ganplugin.train.translate.trainer import TranslateTrainer
from ganplugin.train.translate.watching import TranslateWatch
from ganplugin.train.tuning import tuned
from ganplugin.train.workers import Workers

__all__ = ["Beginning", "TranslateRun", "train_translation"]

Report = Callable[[str], None]
_LEAST_MAP = 4
_LARGE_PATCHES = 96


@dataclass(frozen=True)
class Beginning:
    """Networks of a file to go on from: a generator's tensors, its family, a discriminator's if there is one.

    ``rights`` is what is known of those in its weights.
    """

    family: str
    generator: Mapping[str, Tensor]
    scorer: Mapping[str, Tensor] | None
    config: Mapping[str, object]
    source: str
    rights: str


@dataclass(frozen=True)
class TranslateRun:
    """Everything that decides what a translation becomes, as the command line gives it.

    ``second`` is missing where the pictures of ``first`` hold both halves of a pair. ``metrics`` tells whether
    translations are measured; ``called`` is how it was asked for, which the run writes down to go on.
    """

    first: Path
    second: Path | None
    out: Path
    plan: Plan
    start: Beginning | None = None
    metrics: bool = True
    computing: Computing = field(default_factory=Computing)
    data: str = ""
    licence: str = ""
    called: Called = field(default_factory=Called)


def train_translation(options: TranslateRun, schedule: Schedule, *, resume: bool, report: Report) -> Path | None:
    """Train and return the checkpoint's path; raises what `run` and the data raise.

    Of several processes only the first reports, measures, and returns a path.
    """
    device = options.computing.begin()
    workers = options.computing.workers(device)
    report = _silent if workers.rank else report
    sides = _sides(options, report)
    duel, config = _duel(options, sides, device, workers)
    report(_words(duel))
    require_memory(sum(one.numel() for one in (*duel.makers, *duel.tellers)), device)
    before = facts_of_same_data(options.out, sides.digest) if resume else {}
    precision, layout = options.computing.ways(before)
    duel, _ = tuned(duel, _measured, precision=precision, layout=layout, report=report)
    provenance = {"data": options.data or _names(options), "licence": options.licence}
    trainer = TranslateTrainer(duel, config, provenance, both=options.plan.both)
    leads = not workers.rank
    if leads and not resume:
        write_facts(options.out, _facts(options, duel))
    checkpoint = run(
        trainer,
        options.out,
        schedule,
        resume=resume,
        measure=measure_of(trainer, report) if leads and options.metrics else None,
        watch=TranslateWatch(trainer) if leads else None,
        workers=workers,
        say=report,
        called=options.called,
    )
    return checkpoint if leads else None


def _silent(words: str) -> None:
    pass


def _sides(options: TranslateRun, report: Report) -> Sides:
    first, second, plan = options.first, options.second, options.plan
    if plan.rules.pairs:
        sides = gather_pairs(first, second, plan.frame, report)
    elif second is not None:
        sides = gather_sides(first, second, plan.frame, report)
    else:
        raise InputError(f"{plan.rules.title} needs two collections", fix="name a second one, or add --paired")
    return sides.swapped() if plan.reverse else sides


def _duel(
    options: TranslateRun, sides: Sides, device: torch.device, workers: Workers
) -> tuple[Duel, dict[str, object]]:
    plan, start = options.plan, options.start
    with reproducible(plan.seed):
        players = _players(plan, start)
    multiple = max(generator.multiple for generator in players.generators.values())
    width, height = plan.size
    if width % multiple or height % multiple:
        what = f"{width} x {height} are no multiples of {multiple}, as these networks need"
        raise InputError(what, fix="change --size")
    duel_options = DuelOptions(
        weights=plan.weights,
        batch=plan.batch,
        learning_rate=plan.learning_rate,
        changes=changes_of("" if plan.augment == "none" else plan.augment),
        seed=plan.seed,
        precision=worth_trying(options.computing.precision, device)[0],
    )
    config = {} if start is None else config_of_start(start.config, start.source, start.rights)
    return Duel(plan.rules, players, sides, plan.frame, duel_options, device, workers), config


def _players(plan: Plan, start: Beginning | None) -> Players:
    """Return the networks, drawn from torch's random state; those of a file are the way forward."""
    method = plan.rules
    directions = (FORWARD, BACK) if method.both_ways else (FORWARD,)
    generators = {name: _generator(plan) for name in directions}
    judges = {name: _judge(plan, 6 if method.pairs else 3) for name in directions}
    if start is not None:
        generators[FORWARD] = loaded_translator(TRANSLATORS[start.family], start.generator, start.config)
        judges[FORWARD] = _loaded_judge(start, judges[FORWARD], plan)
    heads = Heads(generators[FORWARD].widths()) if method.contrastive else None
    return Players(generators, judges, heads, {name: Pool() for name in directions} if method.both_ways else {})


def _generator(plan: Plan) -> Translator:
    if plan.network == "resnet":
        return fresh_resnet(plan.width, plan.blocks)
    halvings = 0
    while math.gcd(*plan.size) % 2 ** (halvings + 1) == 0 and min(plan.size) >> (halvings + 1) >= _LEAST_MAP:
        halvings += 1
    if halvings < 2:
        width, height = plan.size
        what = f"pictures of {width} x {height} cannot be halved twice, as a U-Net does at least"
        raise InputError(what, where="--size", fix="use sides that are multiples of 4, better of 32")
    return fresh_unet(plan.width, halvings)


def _judge(plan: Plan, channels: int) -> PatchJudge:
    """Return a new discriminator; patches of 70 px, as the papers have them, leave little of a small picture."""
    side = min(plan.size)
    halvings = 3 if side >= _LARGE_PATCHES else 2 if side >= 2 * SMALLEST else 1
    return fresh_judge(plan.width, channels, halvings)


def _loaded_judge(start: Beginning, fresh: PatchJudge, plan: Plan) -> PatchJudge:
    """Return the discriminator of a file, or the fresh one where it has none for as many channels.

    Raises `InputError` if its patches are larger than the pictures.
    """
    judge = fresh if start.scorer is None else loaded_judge(start.scorer)
    if judge.channels != fresh.channels:
        return fresh
    try:
        with torch.no_grad():
            judge(torch.zeros(1, judge.channels, plan.size[1], plan.size[0]))
    except (RuntimeError, ValueError) as error:
        what = "its discriminator judges patches that are larger than the pictures"
        raise InputError(what, where=start.source, fix="use a larger --size") from error
    return judge


def _words(duel: Duel) -> str:
    sides, frame = duel.sides, duel.frame
    size = f"{frame.width} x {frame.height}; {duel.method.title}"
    if sides.paired:
        return f"{len(sides.photos)} pairs, {len(sides.unseen_photos)} held out; {size}"
    unseen = f"{len(sides.unseen_photos)} and {len(sides.unseen_styles)} held out"
    return f"{len(sides.photos)} and {len(sides.styles)} pictures, {unseen}; {size}"


def _measured(duel: Duel) -> Estimate:
    """Measure some steps, and leave everything as it was."""
    state, seconds = duel.state(), []
    for _ in range(3):
        start = time.perf_counter()
        duel.advance(0.0)
        seconds.append(time.perf_counter() - start)
    duel.restore(state)
    return estimated(min(seconds), duel.options.batch, duel.device)


def _names(options: TranslateRun) -> str:
    return " to ".join(place.name for place in (options.first, options.second) if place is not None)


def _facts(options: TranslateRun, duel: Duel) -> dict[str, object]:
    """Return what ``run.json`` holds: method, options, the digest of the data."""
    plan = options.plan
    width, height = plan.size
    return {
        "recipe": plan.method,
        **options.called.facts(),
        "picture": {"channels": 3, "height": height, "width": width, "classes": 0},
        "batch": plan.batch,
        "pictures": len(duel.sides.photos),
        "data": options.data or _names(options),
        "data_digest": duel.sides.digest,
        "precision": duel.options.precision,
        "layout": "plain" if duel.order is torch.contiguous_format else "channels-last",
    }
