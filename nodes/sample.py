"""Seeds to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.synthesis import NoiseMode, SeedShift, Synthesis, check_latents, shifted_seeds, synthesis
from ganplugin.nodes.values import Images, LatentBatch, LoadedModel, Origin, RenderBoth
from ganplugin.seeds import seed_latents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SampleOutputs(NodeOutputs):
    """One picture and one latent a seed."""

    images: Images = Field(description="one picture a seed, or one a latent")
    latents: LatentBatch = Field(description="the latents of the pictures: the seeds' own, or those that were given")


class Sample(Node):
    """Render one picture a seed, or one a latent where latents are given."""

    id: ClassVar[str] = "GanPluginSample"
    title: ClassVar[str] = "Sample"
    computes: ClassVar[bool] = True
    each: ClassVar[str] = "seeds"
    alone: ClassVar[frozenset[str]] = frozenset({"latents"})
    Outputs: ClassVar[type[NodeOutputs]] = SampleOutputs

    model: LoadedModel = Field(description="a generator")
    seeds: str = Field(default="0-15", description="seeds such as 0-9,42 (each 0 to 4294967295); one picture each")
    truncation: float = Field(
        default=1.0,
        ge=-2.0,
        le=2.0,
        description="1 is as trained, towards 0 is tamer, above 1 is wilder (needs a W space)",
    )
    label: str = Field(default="", description="class name or number, for conditional networks")
    noise: NoiseMode = Field(
        default="constant", description="noise maps: constant as stored, none, or seeded (drawn from each seed)"
    )
    truncation_cutoff: int = Field(default=0, ge=0, le=64, description="truncate only so many layers; 0 means all")
    latents: LatentBatch | None = Field(default=None, description="render these instead of the seeds' own latents")
    seed: SeedShift = 0

    def run(self, context: Context) -> SampleOutputs:
        """Check the request; pictures are rendered when they are looked at."""
        made = synthesis(
            self.model,
            context,
            truncation=self.truncation,
            cutoff=self.truncation_cutoff,
            label=self.label,
            noise=self.noise,
        )
        latents = self._seed_latents() if self.latents is None else self.latents
        check_latents(latents, self.model, truncation=self.truncation)
        return SampleOutputs(images=self._images(made, latents, context), latents=latents)

    def _seed_latents(self) -> LatentBatch:
        seeds = shifted_seeds(self.seeds, self.seed)
        z_dim = self.model.session.manifest.z_dim or 0

        def rows(start: int, stop: int) -> NDArray[np.float32]:
            return seed_latents(seeds[start:stop], z_dim)

        return LatentBatch(len(seeds), "z", rows, self.recipe(1), self.model.digest, seeds)

    def _images(self, made: Synthesis, latents: LatentBatch, context: Context) -> Images:
        def asked(start: int, stop: int) -> tuple[NDArray[np.float32], str, Sequence[int]]:
            context.check()
            return latents.rows(start, stop), latents.space, latents.seeds[start:stop] or range(start, stop)

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            return list(made.pictures(*asked(start, stop)))

        def levels(start: int, stop: int) -> list[NDArray[np.uint8]]:
            return list(made.levels(*asked(start, stop)))

        def origin(index: int) -> Origin:
            if self.latents is not None:
                made_from = self.model.origin(self.recipe(), name=f"sample-{index:05d}", index=index)
                return replace(made_from, inputs=latents.inputs)
            seed = latents.seeds[index]
            return self.model.origin(self.recipe(seeds=str(seed), seed=0), name=f"seed-{seed:04d}", seed=seed)

        chunk = context.batch or self.model.session.batch_size
        return Images(latents.count, RenderBoth(render, levels), origin, self.recipe(), chunk)
