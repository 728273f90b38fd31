"""Latents to pictures: the part that sampling and interpolation share."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.limits import MAX_SEED
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import LatentBatch, LoadedModel
from ganplugin.registry import did_you_mean
from ganplugin.seeds import parse_seeds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "NoiseMode",
    "SeedShift",
    "Synthesis",
    "check_latents",
    "class_vector",
    "shifted_seeds",
    "synthesis",
]

Made = TypeVar("Made")
NoiseMode = Literal["constant", "none", "seeded"]

SeedShift = Annotated[
    int,
    Field(
        ge=0,
        le=MAX_SEED,
        description="added to each of the seeds; hosts that count up from run to run count this",
        json_schema_extra={"widget": "seed"},
    ),
]
"""The input by which a host counts a node's seeds up."""


@dataclass(frozen=True)
class Synthesis:
    """A generator with all that is the same for every picture of a request."""

    model: LoadedModel
    truncation: NDArray[np.float32] | None
    label: NDArray[np.float32] | None
    noise: NoiseMode

    def pictures(self, latents: NDArray[np.float32], space: str, seeds: Sequence[int]) -> NDArray[np.float32]:
        """Render z [n, z_dim] or w [n, num_ws, w_dim] as float32 [n, h, w, c], 0..1.

        ``seeds``, one a row, draw the noise maps in seeded mode and are not looked at otherwise. W latents are final:
        truncation is not applied to them again.
        """
        return self._made(self.model.session.generate, latents, space, seeds)

    def levels(self, latents: NDArray[np.float32], space: str, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """Render as `pictures` does, as uint8 [n, h, w, c]."""
        return self._made(self.model.session.generate_levels, latents, space, seeds)

    def _made(
        self, generate: Callable[..., Made], latents: NDArray[np.float32], space: str, seeds: Sequence[int]
    ) -> Made:
        import numpy as np

        count = len(latents)
        label, strength = self.labels(count), 0.0 if self.noise == "none" else None
        noise = self._noise_maps(seeds) if self.noise == "seeded" else None
        if space == "z":
            return generate(latents, label=label, truncation=self.truncation, noise_strength=strength, noise=noise)
        manifest = self.model.session.manifest
        # Not zeros: networks that scale z to unit length divide by its length.
        blank = np.ones((count, manifest.z_dim or 1), np.float32)
        everything = np.ones(manifest.num_ws or 1, np.float32)
        return generate(blank, label=label, ws=latents, mix=everything, noise_strength=strength, noise=noise)

    def to_w(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map z [n, z_dim] to truncated w [n, num_ws, w_dim]."""
        return self.model.session.map_latents(z, label=self.labels(len(z)), truncation=self.truncation)

    def labels(self, count: int) -> NDArray[np.float32] | None:
        """Return the class as one row a picture, or None for an unconditional network."""
        import numpy as np

        return None if self.label is None else np.repeat(self.label[None], count, axis=0)

    def _noise_maps(self, seeds: Sequence[int]) -> dict[str, NDArray[np.float32]]:
        import numpy as np

        shapes = self.model.session.noise_shapes
        return {name: np.stack([_noise_map(name, seed, size) for seed in seeds]) for name, size in shapes.items()}


def _noise_map(name: str, seed: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """Draw the noise of one layer for one seed, independent of every other layer and seed: float32 [1, h, w]."""
    import numpy as np

    random = np.random.RandomState([seed, zlib.crc32(name.encode())])
    return random.randn(1, *size).astype(np.float32)


def shifted_seeds(seeds: str, seed: int) -> tuple[int, ...]:
    """Read seeds such as ``0-9,42`` and add ``seed`` to each. Raises `InputError` if one grows beyond the largest."""
    shifted = tuple(first + seed for first in parse_seeds(seeds))
    if max(shifted, default=0) > MAX_SEED:
        raise InputError(f"{max(shifted)} is above {MAX_SEED}", where=f"seed {seed}", fix="choose a smaller seed")
    return shifted


def synthesis(
    model: LoadedModel, context: Context, *, truncation: float, cutoff: int, label: str, noise: NoiseMode
) -> Synthesis:
    """Check a request against what the generator has and fix what is common to all of its pictures.

    Raises `InputError` for an option that the network cannot honour (truncation without a W space, a label for an
    unconditional network, noise modes without noise).
    """
    model.require("generator")
    manifest = model.session.manifest
    if noise != "constant" and not model.session.noise_shapes:
        raise InputError("this network has no noise inputs", where="noise", fix="leave noise at constant")
    return Synthesis(
        model,
        _truncation(manifest.num_ws, truncation, cutoff),
        class_vector(manifest.classes, label, context),
        noise,
    )


def _truncation(num_ws: int | None, psi: float, cutoff: int) -> NDArray[np.float32] | None:
    if psi == 1.0:
        return None
    if num_ws is None:
        raise InputError("this network has no W space", where="truncation", fix="leave truncation at 1")
    from ganplugin.latents import truncation_vector

    return truncation_vector(psi, num_ws, cutoff or None)


def class_vector(classes: tuple[str, ...], label: str, context: Context) -> NDArray[np.float32] | None:
    """Return a class, named or by its number, as float32 [classes] with a single 1; None where there are no classes.

    Without a label the first class is taken, and the user told. Raises `InputError` for a class that is not known.
    """
    if not classes:
        if label:
            raise InputError("this network knows no classes", where=f"label {label!r}", fix="leave the label out")
        return None
    if not label:
        context.reporter.message(f"no label given: using {classes[0]!r} of {', '.join(classes[:8])}")
    import numpy as np

    vector = np.zeros(len(classes), np.float32)
    vector[_class_index(classes, label or classes[0])] = 1.0
    return vector


def _class_index(classes: tuple[str, ...], label: str) -> int:
    if label in classes:
        return classes.index(label)
    if label.isascii() and label.isdigit() and len(label) < 10 and int(label) < len(classes):
        return int(label)
    raise InputError(f"there is no class {label!r}", where="label", fix=did_you_mean(label, classes))


def check_latents(latents: LatentBatch, model: LoadedModel, *, truncation: float = 1.0) -> None:
    """Raise `InputError` unless the latents belong to this model, or to none and have its shape.

    W latents are final, so a ``truncation`` other than 1 is refused for them.
    """
    if latents.space == "w" and truncation != 1.0:
        raise InputError("w latents are truncated already", where="truncation", fix="leave truncation at 1")
    manifest = model.session.manifest
    if latents.model_digest and latents.model_digest != model.digest:
        raise InputError("the latents belong to another model", where=model.name, fix="load the model they came from")
    if latents.space == "w" and manifest.num_ws is None:
        raise InputError("has no W space, but these are w latents", where=model.name, fix="give it z latents")
    expected = (manifest.z_dim,) if latents.space == "z" else (manifest.num_ws, manifest.w_dim)
    actual = latents.rows(0, 1).shape[1:]
    if actual != expected:
        raise InputError(f"has {latents.space} of shape {expected}, the latents {actual}", where=model.name)
