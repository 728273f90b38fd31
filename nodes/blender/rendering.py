"""One render of a tree: begun and shown in Blender's own thread, computed in another."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy

from ganplugin.errors import GanPluginError, InputError
from ganplugin.nodes.blender.drawing import Drawing, inputs_drawn, read_tree
from ganplugin.nodes.blender.images import export_image, show_picture, show_sequence
from ganplugin.nodes.blender.job import Job, Progress
from ganplugin.nodes.blender.preferences import model_folders
from ganplugin.nodes.blender.work import Picture, Result, render
from ganplugin.nodes.context import Context, Folders

__all__ = ["Rendering", "rendering_of", "stop_all"]

_running: dict[str, Rendering] = {}
"""The renders that are under way, by the names of their trees."""


class Rendering:
    """A render that is under way since it was made.

    Making one reads the tree and the images that it uses; afterwards the tree may be edited, or be gone.
    Raises `GanPluginError` if the tree cannot be rendered.
    """

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        if tree.name in _running:
            raise InputError("is being rendered already", where=tree.name, fix="wait, or cancel it")
        self.tree = str(tree.name)
        self._inputs = tempfile.TemporaryDirectory(prefix="ganplugin-", dir=bpy.app.tempdir)
        try:
            self._job = self._start(tree)
        except GanPluginError:
            self._inputs.cleanup()
            raise
        _running[self.tree] = self

    def _start(self, tree: bpy.types.NodeTree) -> Job[Result]:
        pictures = {}
        for number, node in enumerate(inputs_drawn(tree)):
            folder = Path(self._inputs.name, str(number))
            pictures[node.name] = export_image(node.image, folder, where=node.name)
        drawing = read_tree(tree, pictures, bpy.path.abspath)
        folders = _folders(tree, drawing)

        def work(job: Job[Result]) -> None:
            context = Context(reporter=job, cancelled=job.cancelled, folders=folders, existing="number")
            render(drawing, context, job.deliver)

        return Job(work)

    @property
    def progress(self) -> Progress:
        """What is being done."""
        return self._job.progress

    @property
    def done(self) -> bool:
        """Whether nothing more will come."""
        return self._job.done

    def cancel(self) -> None:
        """Stop before the next picture; those that are finished stay."""
        self._job.cancel()

    def abandon(self) -> None:
        """Cancel it and show nothing more of it: the .blend that it was for is closed."""
        self._job.cancel()
        _running.pop(self.tree, None)

    def wait(self, seconds: float) -> None:
        """Wait for the end, but no longer than this."""
        self._job.wait(seconds)

    def show(self) -> list[str]:
        """Put what was finished since the last call into Blender's images and return what is to be told."""
        tree = bpy.data.node_groups.get(self.tree)
        for result in self._job.results():
            node = tree.nodes.get(result.node) if tree else None
            if node is None:
                continue
            if isinstance(result, Picture):
                show_picture(node, result)
            else:
                show_sequence(node, result)
        return list(self._job.messages())

    def close(self) -> None:
        """End a render that is `done`. Raises what it failed with."""
        _running.pop(self.tree, None)
        self._inputs.cleanup()
        self._job.check()


def rendering_of(tree: bpy.types.NodeTree) -> Rendering | None:
    """Return the render of a tree that is under way, if any."""
    return _running.get(tree.name)


def stop_all() -> None:
    """Cancel every render that is under way, and wait until its thread has ended."""
    for rendering in list(_running.values()):
        rendering.cancel()
        while not rendering.done:
            rendering.wait(1)
    _running.clear()


def _folders(tree: bpy.types.NodeTree, drawing: Drawing) -> Folders:
    """Return where names lead: files to read lie beside the .blend, files to write below the folder of the tree."""
    home, outputs = bpy.path.abspath("//"), bpy.path.abspath(tree.folder)
    if drawing.writes and not Path(outputs).is_absolute():
        raise InputError(
            "the .blend has no folder yet to write to", where=tree.name, fix="save it, or give the tree a folder"
        )
    inputs = (Path(home),) if home else ()
    return Folders(models=model_folders(), inputs=inputs, outputs=Path(outputs or bpy.app.tempdir))
