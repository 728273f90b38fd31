"""A whole training of a generator from its options: what ``ganplugin train generator`` calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ganplugin.errors import InputError, TrainingError
from ganplugin.models.players.player import Picture, reproducible
from ganplugin.train.compiling import compiled_as_before, compiled_if_faster
from ganplugin.train.computing import Computing
from ganplugin.train.estimate import Estimate, Prospect, check_memory, estimate
from ganplugin.train.game import Game, GameOptions
from ganplugin.train.generator import GeneratorTrainer
from ganplugin.train.held_out import PART, SEED, HeldOut, hold_out
from ganplugin.train.loop import Schedule, run
from ganplugin.train.metrics.reference import statistics_folder
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import gather
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import readable
from ganplugin.train.precision import choose_device, worth_trying
from ganplugin.train.recipes import RECIPES
from ganplugin.train.recipes.choices import Choices, adapted
from ganplugin.train.recipes.recipe import Pair, Recipe
from ganplugin.train.run_file import Called, config_of_start, facts_of_same_data, write_facts
from ganplugin.train.tuning import tuned
from ganplugin.train.watch.looking import Looking, eye_for
from ganplugin.train.watch.watching import GeneratorWatch
from ganplugin.train.workers import Workers

__all__ = ["GeneratorRun", "Start", "default_recipe", "recipe_for", "train_generator"]

_LEAST_PICTURES = 16
_LONG_MINUTES = 60

Report = Callable[[str], None]


@dataclass(frozen=True)
class Start:
    """Networks of a file to go on from: its tensors, what it says beside them, and its family.

    ``shape`` is that of its pictures: channels, height, width, and how many classes. ``rights`` is what is known of
    those in its weights.
    """

    family: str
    generator: Mapping[str, Tensor]
    scorer: Mapping[str, Tensor]
    config: Mapping[str, object]
    shape: tuple[int, int, int, int]
    source: str
    rights: str

    @property
    def picture(self) -> Picture:
        """The shape of the pictures."""
        return Picture(*self.shape)


@dataclass(frozen=True)
class GeneratorRun:
    """Everything that decides what a generator becomes, as the command line gives it.

    ``held_out`` is the part of the pictures that is never trained on; ``metrics`` tells whether samples are measured
    against it. ``called`` is how it was asked for, which the run writes down to go on.
    """

    places: tuple[Path, ...]
    out: Path
    recipe: str = "quick"
    choices: Choices = field(default_factory=Choices)
    policy: Policy = field(default_factory=Policy)
    start: Start | None = None
    seed: int = 0
    accumulate: int = 1
    freeze: int = 0
    computing: Computing = field(default_factory=Computing)
    data: str = ""
    licence: str = ""
    held_out: float = PART
    metrics: bool = True
    called: Called = field(default_factory=Called)

    @property
    def title(self) -> str:
        """What the pictures are: as it is said, or the name of the first place."""
        return self.data or readable(self.places[0].name)


def recipe_for(family: str) -> str:
    """Return the name of the recipe that trains a family. Raises `InputError` if there is none."""
    for recipe in RECIPES:
        if recipe.family == family:
            return recipe.name
    known = ", ".join(recipe.family for recipe in RECIPES)
    raise InputError(f"networks of the family {family!r} cannot be trained here", fix=f"give one of: {known}")


def default_recipe(device: str, minutes: float | None) -> str:
    """Return ``r3-small`` for an hour or more on a GPU, else ``quick``."""
    return "r3-small" if (minutes or 0) >= _LONG_MINUTES and choose_device(device).type == "cuda" else "quick"


def train_generator(
    options: GeneratorRun,
    schedule: Schedule,
    *,
    resume: bool,
    report: Report,
) -> Path | None:
    """Train a generator with its scorer and return the checkpoint's path; raises what `run` and the data raise.

    Of several processes only the first reports, and returns a path.
    """
    device, recipe = options.computing.begin(), adapted(RECIPES[options.recipe], options.choices)
    workers = options.computing.workers(device)
    report = _silent if workers.rank else report
    pictures, broken = _pictures(options)
    for words in broken:
        report(words)
    channels, height, width = pictures.shape
    report(f"{len(pictures)} pictures of {width} x {height}, {channels} channels; {recipe.title}")
    before = facts_of_same_data(options.out, pictures.digest) if resume else {}
    held = _held_out(options, pictures, before, resume=resume)
    report(held.words)
    game, config, found = _fastest_game(options, recipe, held.training, before, device, workers, report)
    if not resume:
        going_on = options.start is not None
        report(str(Prospect.of(recipe, found, minutes=schedule.minutes, steps=schedule.steps, going_on=going_on)))
    provenance = {
        "data": options.title,
        "licence": options.licence,
        **held.provenance,
    }
    trainer = GeneratorTrainer(game, config, provenance)
    watch = None if workers.rank else _watch(options, trainer, held, before, report)
    if watch is not None and not resume:
        _write_facts(options, game, held, watch)
    measure = None if watch is None else watch.measure
    checkpoint = run(
        trainer,
        options.out,
        schedule,
        resume=resume,
        measure=measure,
        watch=watch,
        workers=workers,
        say=report,
        called=options.called,
    )
    return None if workers.rank else checkpoint


def _held_out(options: GeneratorRun, pictures: PackedSet, before: Mapping[str, object], *, resume: bool) -> HeldOut:
    """Part the pictures as asked for, or as a run has parted them before; runs of earlier builds held none out."""
    pieces = options.policy.way == "patches"
    if not resume:
        return hold_out(pictures, options.held_out, pieces=pieces)
    part, seed = float(str(before.get("held_out", 0))), int(str(before.get("held_out_seed", SEED)))
    return hold_out(pictures, part, seed, pieces=pieces)


def _watch(
    options: GeneratorRun, trainer: GeneratorTrainer, held: HeldOut, before: Mapping[str, object], report: Report
) -> GeneratorWatch:
    if not options.metrics:
        return GeneratorWatch(trainer, held, None, options.out)
    eye = eye_for(str(before["backbone"]) if before.get("backbone") else None, trainer.game.device, report)
    report(f"metrics by {eye.name}; it looks at the real pictures now")
    return GeneratorWatch(trainer, held, Looking(held, eye, statistics_folder()), options.out)


def _silent(words: str) -> None:
    pass


def _pictures(options: GeneratorRun) -> tuple[PackedSet, list[str]]:
    pictures, gathered = gather(options.places, options.policy)
    if len(pictures) < _LEAST_PICTURES:
        raise TrainingError(
            f"holds {len(pictures)} readable pictures, at least {_LEAST_PICTURES} are needed",
            where=options.places[0],
            fix="add pictures, or cut many pieces out of few large ones with --crops 10000",
        )
    return pictures, [f"skipped: {one}" for one in gathered.broken]


def _fastest_game(
    options: GeneratorRun,
    recipe: Recipe,
    pictures: PackedSet,
    before: Mapping[str, object],
    device: torch.device,
    workers: Workers,
    report: Report,
) -> tuple[Game, dict[str, object], Estimate]:
    """Return the game, computing as a run did ``before`` or else in the fastest way, its config, and how fast it is."""
    game, config = _game(options, recipe, pictures, device, workers)
    check_memory(game)
    precision, layout = options.computing.ways(before)
    game, found = tuned(game, estimate, precision=precision, layout=layout, report=report)
    if before.get("compiled"):
        found = compiled_as_before(game, found, report=report)
    elif options.computing.compiled and before.get("compiled") is None:
        found = compiled_if_faster(game, found, report=report)
    return game, config, found


def _game(
    options: GeneratorRun, recipe: Recipe, pictures: PackedSet, device: torch.device, workers: Workers
) -> tuple[Game, dict[str, object]]:
    classes = len(pictures.classes) if pictures.labels is not None else 0
    picture = Picture(*pictures.shape, classes)
    start = options.start
    with reproducible(options.seed):
        pair = recipe.make(picture, recipe.width, recipe) if start is None else _loaded(start, recipe, picture)
    config = {"family": recipe.family, **recipe.config(pair[0], picture)}
    if start is not None:
        config = {**config_of_start(start.config, start.source, start.rights), "family": recipe.family}
    game_options = GameOptions(
        seed=options.seed,
        accumulate=options.accumulate,
        frozen=options.freeze,
        precision=worth_trying(options.computing.precision, device)[0],
    )
    return Game(recipe, pair, pictures, game_options, device, workers), config


def _loaded(start: Start, recipe: Recipe, picture: Picture) -> Pair:
    if start.picture != picture:
        raise InputError(
            f"the networks make pictures of {_words(start.picture)}, the data are of {_words(picture)}",
            where=start.source,
            fix=f"use --size {start.picture.width}x{start.picture.height} --channels {start.picture.channels}",
        )
    return recipe.load(start.generator, start.scorer, start.config)


def _words(picture: Picture) -> str:
    classes = f", {picture.classes} classes" if picture.classes else ""
    return f"{picture.width} x {picture.height}, {picture.channels} channels{classes}"


def _write_facts(options: GeneratorRun, game: Game, held: HeldOut, watch: GeneratorWatch) -> None:
    """Write ``run.json``: recipe, options, the digest of the data and what was held out."""
    facts = {
        "recipe": game.recipe.name,
        **options.called.facts(),
        "picture": asdict(game.picture),
        "batch": game.recipe.batch,
        "pictures": len(held.training),
        "data": options.title,
        "data_digest": held.whole.digest,
        "held_out": held.part,
        "held_out_seed": held.seed,
        "held_out_pictures": 0 if held.unseen is None else len(held.unseen),
        "backbone": None if watch.looking is None else watch.looking.eye.key,
        "precision": game.options.precision,
        "compiled": game.compiled is not None if options.computing.compiled else None,
        "layout": "channels-last" if game.options.channels_last else "plain",
    }
    write_facts(options.out, facts)
