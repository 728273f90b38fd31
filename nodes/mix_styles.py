"""The coarse form of one latent with the fine detail of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.synthesis import Synthesis, check_latents, synthesis
from ganplugin.nodes.values import LatentBatch, LoadedModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class MixStylesOutputs(NodeOutputs):
    """The mixed latents, in W space."""

    latents: LatentBatch = Field(description="one mixed latent for each of a, in W space")


class MixStyles(Node):
    """Take the named layers from ``b`` and the rest from ``a``, pair by pair; a single ``b`` serves every ``a``."""

    id: ClassVar[str] = "GanPluginMixStyles"
    title: ClassVar[str] = "Mix Styles"
    Outputs: ClassVar[type[NodeOutputs]] = MixStylesOutputs

    model: LoadedModel = Field(description="a generator with a W space")
    a: LatentBatch = Field(description="latents that give the layers which are not named")
    b: LatentBatch = Field(description="latents that give the named layers; one, or as many as a")
    layers: str = Field(default="fine", description="coarse, middle, fine, or layer numbers such as 0-3,7")
    truncation: float = Field(
        default=1.0, ge=-2.0, le=2.0, description="of z latents: 1 is as trained, towards 0 is tamer"
    )
    truncation_cutoff: int = Field(default=0, ge=0, le=64, description="truncate only so many layers; 0 means all")
    label: str = Field(default="", description="class name or number, for conditional networks and z latents")

    def run(self, context: Context) -> MixStylesOutputs:
        """Mix the latents."""
        import numpy as np

        from ganplugin.latents import mix_vector

        self.model.require("generator")
        manifest = self.model.session.manifest
        if manifest.num_ws is None:
            raise InputError("this network has no W space to mix in", where=self.model.name, fix="leave mixing out")
        made = self._synthesis(context)
        for latents in (self.a, self.b):
            check_latents(latents, self.model)
        if len(self.b) not in (1, len(self.a)):
            raise InputError(
                f"{len(self.b)} latents cannot pair with {len(self.a)}", where="b", fix="give one or as many"
            )
        chosen = mix_vector(self.layers, manifest.num_ws)[None, :, None]

        def rows(start: int, stop: int) -> NDArray[np.float32]:
            other = _to_w(made, self.b, 0, 1) if len(self.b) == 1 else _to_w(made, self.b, start, stop)
            return np.where(chosen > 0, other, _to_w(made, self.a, start, stop))

        inputs = {**self.a.inputs, **self.b.inputs}
        mixed = LatentBatch(len(self.a), "w", rows, self.recipe(), self.model.digest, self.a.seeds, inputs)
        return MixStylesOutputs(latents=mixed)

    def _synthesis(self, context: Context) -> Synthesis:
        return synthesis(
            self.model,
            context,
            truncation=self.truncation,
            cutoff=self.truncation_cutoff,
            label=self.label,
            noise="constant",
        )


def _to_w(made: Synthesis, latents: LatentBatch, start: int, stop: int) -> NDArray[np.float32]:
    values = latents.rows(start, stop)
    return values if latents.space == "w" else made.to_w(values)
