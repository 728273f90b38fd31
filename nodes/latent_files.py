"""Latents to and from files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ganplugin.errors import GanPluginError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context, Folders
from ganplugin.nodes.destinations import free_path
from ganplugin.nodes.values import LatentBatch

if TYPE_CHECKING:
    from ganplugin.latent_files import Latents


class LoadLatentsOutputs(NodeOutputs):
    """The latents of the file."""

    latents: LatentBatch = Field(description="the latents of the file")


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

        file, home = found_latents(self.path, context.folders)
        found = load_latents(file)
        name = portable_name(file, home)
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


def found_latents(text: str, folders: Folders) -> tuple[Path, Path | None]:
    """Return the file that a text names, and the input folder that it was found in, if any."""
    from ganplugin.files import os_errors

    with os_errors(text):
        home = next((folder for folder in folders.inputs if (folder / text).is_file()), None)
    return (home or Path()) / text, home


class SaveLatentsOutputs(NodeOutputs):
    """The file that was written."""

    path: str = Field(description="the file that was written")


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
        from ganplugin.latent_files import save_latents

        places = self.destinations(context)
        if not places:
            context.reporter.message(f"{self.path} is there already, as asked")
        for path in places:
            save_latents(self._latents(), path, overwrite=self.overwrite)
        return SaveLatentsOutputs(path=str(*places or (context.folders.output(self.path),)))

    def destinations(self, context: Context) -> tuple[Path, ...]:
        """Return the file, or nothing if these very latents lie there already and the host wants them kept.

        Raises `InputError` for another suffix than ``.npz``.
        """
        from ganplugin.latent_files import check_target

        path = context.folders.output(self.path)
        check_target(path)
        if context.existing == "keep" and self._are_in(path):
            return ()
        return (free_path(path, context.existing, overwrite=self.overwrite),)

    def _are_in(self, path: Path) -> bool:
        import numpy as np

        from ganplugin.latent_files import load_latents

        try:
            there = load_latents(path)
        except GanPluginError:
            return False
        mine = self._latents()
        same = (there.space, there.model_sha256, there.seeds) == (mine.space, mine.model_sha256, mine.seeds)
        return same and np.array_equal(there.values, mine.values)

    def _latents(self) -> Latents:
        from ganplugin.latent_files import Latents, Space

        batch = self.latents
        space: Space = "w" if batch.space == "w" else "z"
        return Latents(space, batch.array(), batch.model_digest or None, batch.seeds or None)
