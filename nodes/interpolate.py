"""A walk through latent space as pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.limits import MAX_FRAMES
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.synthesis import NoiseMode, SeedShift, Synthesis, check_latents, shifted_seeds, synthesis
from ganplugin.nodes.values import Images, LatentBatch, LoadedModel, Origin, RenderBoth
from ganplugin.seeds import seed_latents

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.latents import Walk, WalkMethod

Curve = Literal["auto", "straight", "spline", "circle"]
Easing = Literal["linear", "smooth", "ease-in", "ease-out", "ease-in-out", "sine"]


class InterpolateOutputs(NodeOutputs):
    """One picture and one latent a frame."""

    images: Images = Field(description="one picture a frame")
    latents: LatentBatch = Field(description="one latent a frame")


class Interpolate(Node):
    """Walk from key latent to key latent; frames are rendered as they are looked at, so a walk may be long."""

    id: ClassVar[str] = "GanPluginInterpolate"
    title: ClassVar[str] = "Interpolate"
    computes: ClassVar[bool] = True
    Outputs: ClassVar[type[NodeOutputs]] = InterpolateOutputs

    model: LoadedModel = Field(description="a generator")
    seeds: str = Field(default="0-5", description="seeds of the key pictures, such as 3,14,15; at least two")
    frames: int = Field(default=180, ge=2, le=MAX_FRAMES, description="pictures in all")
    easing: Easing = Field(default="linear", description="how speed changes between two keys")
    loop: bool = Field(default=True, description="return to the first key, so that the last frame meets the first")
    space: Literal["auto", "z", "w"] = Field(
        default="auto", description="walk in z (on the sphere) or in w; auto takes w where the network has it"
    )
    truncation: float = Field(
        default=1.0, ge=-2.0, le=2.0, description="1 is as trained, towards 0 is tamer (needs a W space)"
    )
    curve: Curve = Field(
        default="auto",
        description="straight lines, a smooth spline, or a circle through the keys; auto is spline in w, straight in z",
    )
    label: str = Field(default="", description="class name or number, for conditional networks")
    noise: NoiseMode = Field(default="constant", description="noise maps: constant as stored, or none")
    truncation_cutoff: int = Field(default=0, ge=0, le=64, description="truncate only so many layers; 0 means all")
    latents: LatentBatch | None = Field(default=None, description="walk through these instead of the seeds' latents")
    seed: SeedShift = 0

    def run(self, context: Context) -> InterpolateOutputs:
        """Check the request and lay out the walk."""
        if self.noise == "seeded":
            raise InputError("flickers from frame to frame", where="noise seeded", fix="choose constant or none")
        made = synthesis(
            self.model,
            context,
            truncation=self.truncation,
            cutoff=self.truncation_cutoff,
            label=self.label,
            noise=self.noise,
        )
        space = self._space()
        walk = self._walk(self._keys(made, space), space)
        latents = LatentBatch(self.frames, space, walk.slice, self.recipe(1), self.model.digest, inputs=self._inputs())
        return InterpolateOutputs(images=self._images(made, latents, context), latents=latents)

    def _inputs(self) -> Mapping[str, str]:
        return {} if self.latents is None else self.latents.inputs

    def _space(self) -> str:
        has_w = self.model.session.manifest.num_ws is not None
        if self.latents is not None and self.latents.space == "w":
            return "w"
        if self.space == "w" and not has_w:
            raise InputError("this network has no W space", where="space w", fix="choose z or auto")
        if self.curve == "circle" and self.space == "auto":
            return "z"
        return ("w" if has_w else "z") if self.space == "auto" else self.space

    def _keys(self, made: Synthesis, space: str) -> NDArray[np.float32]:
        if self.latents is None:
            seeds = shifted_seeds(self.seeds, self.seed)
            keys = seed_latents(seeds, self.model.session.manifest.z_dim or 0)
        else:
            check_latents(self.latents, self.model, truncation=self.truncation)
            keys = self.latents.array()
        if len(keys) < 2:
            raise InputError("a walk needs two keys or more", where="seeds", fix="name them like 3,14,15")
        return made.to_w(keys) if space == "w" and keys.ndim == 2 else keys

    def _walk(self, keys: NDArray[np.float32], space: str) -> Walk:
        from ganplugin.latents import Walk

        methods: dict[Curve, WalkMethod] = {
            "auto": "slerp" if space == "z" else "cubic",
            "straight": "slerp" if space == "z" else "lerp",
            "spline": "cubic",
            "circle": "circle",
        }
        return Walk(keys, self.frames, loop=self.loop, easing=self.easing, method=methods[self.curve])

    def _images(self, made: Synthesis, latents: LatentBatch, context: Context) -> Images:
        recipe = self.recipe()

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            context.check()
            return list(made.pictures(latents.rows(start, stop), latents.space, ()))

        def levels(start: int, stop: int) -> list[NDArray[np.uint8]]:
            context.check()
            return list(made.levels(latents.rows(start, stop), latents.space, ()))

        def origin(index: int) -> Origin:
            made_from = self.model.origin(recipe, name=f"frame-{index:05d}", index=index)
            return replace(made_from, inputs=latents.inputs)

        chunk = context.batch or self.model.session.batch_size
        return Images(self.frames, RenderBoth(render, levels), origin, recipe, chunk)
