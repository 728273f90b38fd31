"""Latents to and from files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context
from ganplugin.nodes.destinations import free_path
from ganplugin.nodes.values import LatentBatch


class LoadLatentsOutputs(NodeOutputs):
    """The latents of the file."""

    latents: LatentBatch


class LoadLatents(Node):
    """Read latents saved here (.npz), by the StyleGAN projector (projected_w.npz) or by numpy (.npy)."""

    id: ClassVar[str] = "GanPluginLoadLatents"
    title: ClassVar[str] = "Load Latents"
    Outputs: ClassVar[type[NodeOutputs]] = LoadLatentsOutputs

    path: str = Field(min_length=1, description="a .npz or .npy file")

    def run(self, context: Context) -> LoadLatentsOutputs:
        """Read the file."""
        from ganplugin.files import file_digest
        from ganplugin.latent_files import load_latents
        from ganplugin.library import portable_name

        places = (folder / self.path for folder in context.folders.inputs)
        home = next((place for place in places if place.is_file()), None)
        file = home or Path(self.path)
        found = load_latents(file)
        name = portable_name(file, None if home is None else home.parent)
        recipe = self.recipe(path=name)
        values = found.values
        batch = LatentBatch(
            len(values),
            found.space,
            lambda start, stop: values[start:stop],
            recipe,
            found.model_sha256 or "",
            found.seeds or (),
            {name: file_digest(file)},
        )
        return LoadLatentsOutputs(latents=batch)


class SaveLatentsOutputs(NodeOutputs):
    """The file that was written."""

    path: str


class SaveLatents(Node):
    """Write latents with the digest of the model that they belong to."""

    id: ClassVar[str] = "GanPluginSaveLatents"
    title: ClassVar[str] = "Save Latents"
    writes: ClassVar[bool] = True
    unrecorded: ClassVar[frozenset[str]] = frozenset({"path", "overwrite"})
    Outputs: ClassVar[type[NodeOutputs]] = SaveLatentsOutputs

    latents: LatentBatch = Field(description="latents to save")
    path: str = Field(default="latents.npz", min_length=1, description="a .npz file")
    overwrite: bool = Field(default=False, description="replace a file that exists")

    def run(self, context: Context) -> SaveLatentsOutputs:
        """Write the file whole or not at all."""
        from ganplugin.latent_files import Latents, Space, save_latents

        batch = self.latents
        space: Space = "w" if batch.space == "w" else "z"
        saved = Latents(space, batch.array(), batch.model_digest or None, batch.seeds or None)
        (path,) = self.destinations(context)
        save_latents(saved, path, overwrite=self.overwrite)
        return SaveLatentsOutputs(path=str(path))

    def destinations(self, context: Context) -> tuple[Path, ...]:
        """Return the file."""
        return (free_path(context.folders.output(self.path), context.existing, overwrite=self.overwrite),)
