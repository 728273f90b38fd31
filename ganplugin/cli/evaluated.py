"""What ``ganplugin evaluate`` evaluates: a model and its scorer as plain functions, and the pictures on either side."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray

from ganplugin.builtin import catalog
from ganplugin.cli.terminal import TerminalReporter, terminal_context
from ganplugin.errors import CheckpointError, ExportError, InputError, TrainingError
from ganplugin.library import BUILTIN_PREFIX, CHECKPOINT_SUFFIXES
from ganplugin.manifest import Manifest
from ganplugin.nodes import LoadModel
from ganplugin.nodes.values import LoadedModel
from ganplugin.seeds import seed_latents
from ganplugin.train.classes import drawn_classes
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import gather
from ganplugin.train.pictures.policy import Policy

if TYPE_CHECKING:
    from ganplugin.nodes.context import Context

__all__ = ["Opened", "Pixels", "Sides", "opened", "sides_of"]

Pixels = NDArray[np.float32]

_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_SEEDS = 2**32


@dataclass(frozen=True, eq=False)
class Opened:
    """A generator that is ready to render, and the discriminator that judges its pictures, if there is one."""

    model: LoadedModel
    scorer: LoadedModel | None

    @property
    def manifest(self) -> Manifest:
        """What the generator says of itself."""
        return self.model.session.manifest

    def renderer(self, seed: int, truncation: float | None) -> Callable[[int, int], Pixels]:
        """Return ``(start, count)`` -> pictures [count, h, w, c], 0..1: picture i is that of seed + i.

        A conditional model's classes take turns.
        """
        manifest = self.manifest
        if manifest.z_dim is None:
            raise InputError("says no latent size", where=self.model.name, fix="export it again")
        z_dim, classes = manifest.z_dim, len(manifest.classes)

        def render(start: int, count: int) -> Pixels:
            indices = np.arange(start, start + count)
            z = seed_latents(((seed + indices) % _SEEDS).tolist(), z_dim)
            label = np.eye(classes, dtype=np.float32)[drawn_classes(indices, classes)] if classes else None
            return self.model.session.generate(z, label=label, truncation=truncation)

        return render

    def judge(self) -> Callable[[Pixels], Pixels] | None:
        """Return pictures [n, h, w, c], 0..1 -> the discriminator's scores [n], or None without one that fits."""
        scorer = None if self.scorer is None else self.scorer.session
        return None if scorer is None or scorer.manifest.classes else scorer.score


@contextlib.contextmanager
def opened(model: str, scorer: str | None, device: str, threads: int, batch: int) -> Iterator[Opened]:
    """Open a model file, a builtin or a checkpoint, which is exported to a folder that goes away again."""
    context = terminal_context(device, threads, batch)
    with tempfile.TemporaryDirectory(prefix="ganplugin-") as folder:
        if Path(model).suffix.lower() in CHECKPOINT_SUFFIXES:
            made, judge = _exported(Path(model), Path(folder) / f"{Path(model).stem}.onnx")
        else:
            made, judge = model, _companion(model)
        generator = _loaded(made, context)
        generator.require("generator")
        judge = scorer or judge
        loaded = None if judge is None else _loaded(judge, context)
        if loaded is not None:
            loaded.require("scorer")
            _check_pair(generator.session.manifest, loaded.session.manifest)
        yield Opened(generator, loaded)


def _loaded(model: str, context: Context) -> LoadedModel:
    return LoadModel(model=model).run(context).model


def _check_pair(generator: Manifest, scorer: Manifest) -> None:
    sizes = [(one.width, one.height, one.channels) for one in (generator, scorer)]
    if sizes[0] != sizes[1]:
        raise InputError(f"judges pictures of {sizes[1]}, but the model makes {sizes[0]}", where="--scorer")


def _companion(model: str) -> str | None:
    """Return the discriminator that comes with a builtin, or lies beside a file as NAME-scorer.onnx."""
    if model.startswith(BUILTIN_PREFIX):
        entry = catalog().get(model.removeprefix(BUILTIN_PREFIX))
        return None if entry is None or entry.scorer is None else f"{BUILTIN_PREFIX}{entry.scorer}"
    beside = Path(model).with_name(f"{Path(model).stem}-scorer.onnx")
    return str(beside) if beside.is_file() else None


def _exported(checkpoint: Path, out: Path) -> tuple[str, str | None]:
    from ganplugin.export import ExportOptions, export_checkpoint

    try:
        done = export_checkpoint(checkpoint, out, ExportOptions(with_scorer=True))
        return str(done.path), None if done.scorer is None else str(done.scorer.path)
    except (CheckpointError, ExportError) as error:
        # It has no discriminator, or one that we cannot write: the generator alone is worth its numbers.
        click.echo(f"measured without a discriminator: {error}", err=True)
        return str(export_checkpoint(checkpoint, out).path), None


@dataclass(frozen=True, eq=False)
class Sides:
    """Real pictures to compare with, the training pictures where they are known, and what to say of that."""

    reference: PackedSet
    training: PackedSet | None
    note: str | None


def sides_of(
    manifest: Manifest, data: tuple[Path, ...], training: tuple[Path, ...], held_out: float | None, way: str
) -> Sides:
    """Read the pictures at the model's size and part those that it was trained on from those that it never saw.

    Raises `InputError` if two options contradict each other, and what `gather` and `PackedSet.split` raise.
    """
    if training and held_out is not None:
        raise InputError("--training and --held-out exclude each other", fix="leave one out")
    pictures = _gathered(data, manifest, way)
    if training:
        return Sides(pictures, _gathered(training, manifest, way), None)
    part, seed = held_out or _stated_part(manifest.training), _stated_seed(manifest.training)
    if held_out is None and _of_pieces(manifest.training, pictures):
        return Sides(pictures, None, _PIECES)
    if part is None:
        return Sides(pictures, None, _TRAINED if _trained_on(manifest.training, pictures) else _UNKNOWN)
    trained, unseen = pictures.split(part, seed)
    return Sides(unseen, trained, _doubt(manifest.training, pictures, stated=held_out is None))


_UNKNOWN = (
    "the model does not say which pictures it never saw: if these are its training pictures, every number flatters it "
    "(name unseen ones as DATA and the others with --training)"
)


_TRAINED = (
    "the model was trained on just these pictures and none was held out, so that every number flatters it "
    "(name unseen ones as DATA and these with --training)"
)


_PIECES = (
    "the model was trained on pieces of pictures, perhaps of these, so that no number may be taken for unseen pictures "
    "(name others as DATA and these with --training)"
)


def _of_pieces(training: Mapping[str, str | int | float], pictures: PackedSet) -> bool:
    """Tell whether the model knows pieces, but not whether of these pictures."""
    return training.get("held_out_of") == "pieces" and training.get("data_sha256") != pictures.digest


def _trained_on(training: Mapping[str, str | int | float], pictures: PackedSet) -> bool:
    return training.get("held_out") == 0 and training.get("data_sha256") == pictures.digest


def _stated_part(training: Mapping[str, str | int | float]) -> float | None:
    part = training.get("held_out")
    return float(part) if isinstance(part, int | float) and 0 < part < 1 else None


def _stated_seed(training: Mapping[str, str | int | float]) -> int:
    seed = training.get("held_out_seed", 0)
    return seed if isinstance(seed, int) and seed >= 0 else 0


def _doubt(training: Mapping[str, str | int | float], pictures: PackedSet, *, stated: bool) -> str | None:
    digest = training.get("data_sha256")
    if digest == pictures.digest:
        return None
    if stated and digest is not None:
        return "DATA is not quite what the model was trained on: equal pictures are on the side that they were on then"
    return "the model does not say what it was trained on: that the pictures were held out is taken from the options"


def _gathered(places: tuple[Path, ...], manifest: Manifest, way: str) -> PackedSet:
    if manifest.width is None or manifest.height is None:
        raise TrainingError("says no picture size", where=manifest.name, fix="export it again")
    policy = Policy.model_validate(
        {
            "width": manifest.width,
            "height": manifest.height,
            "way": way,
            "channels": _CHANNELS[manifest.channels],
        }
    )
    with TerminalReporter().task("reading", 0) as progress:
        pictures, _ = gather(places, policy, progress=progress)
    return pictures
