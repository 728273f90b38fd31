"""A picture or film, once more, from what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ganplugin.errors import FileError, InputError
from ganplugin.files import existing, file_digest, os_errors
from ganplugin.nodes.catalogue import node_registry
from ganplugin.nodes.context import Context
from ganplugin.nodes.core_nodes import LoadImage
from ganplugin.nodes.graph import Evaluation, Graph
from ganplugin.nodes.graph_checks import Link
from ganplugin.nodes.latent_files import LoadLatents
from ganplugin.nodes.load_images import STANDARD_INPUT, LoadImages
from ganplugin.nodes.load_model import LoadModel
from ganplugin.nodes.load_video import LoadVideo
from ganplugin.nodes.provenance import current_versions, record_text
from ganplugin.nodes.resized_levels import resized_levels
from ganplugin.nodes.save_video import SaveVideo
from ganplugin.nodes.values import Images

if TYPE_CHECKING:
    from ganplugin.provenance import Provenance

__all__ = ["Ingredients", "differences", "render_again"]


@dataclass(frozen=True)
class Ingredients:
    """Where the files that a recipe names may lie, beside the places that it names."""

    folders: tuple[Path, ...] = ()

    def find(self, name: str, sha256: str) -> Path:
        """Return the file of this name whose content is the recorded one.

        Raises `FileError` if there is none, and `InputError` if the only files of that name have other content.
        """
        if name == STANDARD_INPUT:
            raise FileError("came through standard input and is not kept", where="the picture that this was made from")
        found = self._files(name)
        same = next((path for path in found if file_digest(path) == sha256), None)
        if same is not None:
            return same
        fix = "name the folder of the right one with --inputs FOLDER"
        if found:
            raise InputError("is not the file that this was made from: its content differs", where=found[0], fix=fix)
        raise FileError("is missing, and this was made from it", where=name, fix=fix)

    def holds(self, name: str) -> bool:
        """Tell whether there is a file of this name, whatever its content."""
        return bool(self._files(name))

    def _files(self, name: str) -> list[Path]:
        candidates = (Path(name), *(folder / tail for folder in self.folders for tail in (name, Path(name).name)))
        with os_errors(name):
            return [path for path in candidates if path.is_file()]


def differences(old: Provenance, new: Provenance) -> tuple[str, ...]:
    """Return what computed two works differently, package versions and provider, as ``name old -> new``."""
    before, after = ({**record.versions, "provider": record.provider} for record in (old, new))
    names = sorted({*before, *after})
    pairs = ((name, before.get(name, "none"), after.get(name, "none")) for name in names)
    return tuple(f"{name} {was} -> {now}" for name, was, now in pairs if was != now)


def render_again(
    record: Provenance, path: Path, ingredients: Ingredients, context: Context, *, overwrite: bool
) -> None:
    """Render the recorded picture or film into ``path`` with the recorded thread count.

    ``context.text`` is written beside the recipe, as it is.
    Raises `FileError`, `InputError` or `ModelError` naming the first ingredient that is missing or has changed.
    """
    if not overwrite:
        existing((path,))
    graph = Graph.parse(_with_ingredients(record, ingredients))
    here = replace(context, threads=record.threads or context.threads)
    evaluation, link = Evaluation(graph, here), Link(*record.output)
    if graph.calls[link.node].kind is SaveVideo:
        inputs = evaluation.inputs(link.node)
        frames = resized_levels(inputs["images"], record.side, record.enlarge)
        film = SaveVideo(**{**inputs, "images": frames, "path": str(path), "overwrite": overwrite})
        film.write(path, _text(record, film.images, here), here)
        return
    images = evaluation.value(link)
    if not isinstance(images, Images) or record.index >= len(images):
        raise InputError(f"its recipe makes no picture number {record.index}", where=path.name)
    from ganplugin.images import write_picture

    levels = resized_levels(images, record.side, record.enlarge).levels(record.index, record.index + 1)[0]
    write_picture(levels, path, text=_text(record, images, here), overwrite=overwrite, quality=record.quality)


def _text(record: Provenance, images: Images, context: Context) -> dict[str, str]:
    """Say what was recorded, but with the versions and the provider of this run."""
    origin = images.origin(0)
    now = {"versions": dict(current_versions()), "provider": origin.provider, "threads": origin.threads}
    return record_text(record.model_copy(update=now), context.text)


def _with_ingredients(record: Provenance, ingredients: Ingredients) -> dict[str, dict[str, object]]:
    _check_output(record)
    graph: dict[str, dict[str, object]] = {}
    for key, node in record.graph.items():
        inputs: dict[str, object] = dict(node.inputs)
        if node.class_type == LoadModel.id:
            inputs["model"] = _model(str(inputs.get("model")), record.models, ingredients)
        elif node.class_type in (LoadImages.id, LoadLatents.id):
            names = str(inputs.get("path")).split("\n")
            inputs["path"] = "\n".join(str(_input(name, record.inputs, ingredients)) for name in names)
        elif node.class_type == LoadVideo.id:
            inputs["path"] = str(_input(str(inputs.get("path")), record.inputs, ingredients))
        elif node.class_type == SaveVideo.id and inputs.get("audio"):
            inputs["audio"] = _sound(str(inputs["audio"]), record.inputs, ingredients)
        elif node.class_type == LoadImage.id:
            inputs["image"] = str(_input(str(inputs.get("image")), record.inputs, ingredients))
        graph[key] = {"class_type": node.class_type, "inputs": inputs}
    return graph


def _check_output(record: Provenance) -> None:
    """Refuse recipes without their output, and those of strangers that would write files on the way."""
    if record.output[0] not in record.graph:
        raise InputError(f"there is no node {record.output[0]!r}", where="its recipe")
    writers = {kind.id for kind in node_registry() if kind.writes}
    for key, node in record.graph.items():
        film = key == record.output[0] and node.class_type == SaveVideo.id
        if node.class_type in writers and not film:
            raise InputError("would write other files, and is not run", where=f"node {key} of its recipe")


def _input(name: str, recorded: Mapping[str, str], ingredients: Ingredients) -> Path:
    if name not in recorded:
        raise InputError("is named in the recipe without its digest", where=name)
    return ingredients.find(name, recorded[name])


def _sound(text: str, recorded: Mapping[str, str], ingredients: Ingredients) -> str:
    from ganplugin.soundtrack import Sound

    sound = Sound.parse(text)
    return sound.named(str(_input(str(sound.path), recorded, ingredients)))


def _model(name: str, recorded: Mapping[str, str], ingredients: Ingredients) -> str:
    from ganplugin.library import BUILTIN_PREFIX, model_folders, resolve_model, split_style

    if name not in recorded:
        raise InputError("is named in the recipe without its digest", where=name)
    digest = recorded[name]
    if name.startswith(BUILTIN_PREFIX):
        if resolve_model(name).sha256 != digest:
            raise InputError("has changed since this was made", where=name, fix="use the version that made it")
        return name
    file, style = split_style(name)
    places = Ingredients((*ingredients.folders, *model_folders()))
    if style and places.holds(name):  # the file's own name has a # in it
        return str(places.find(name, digest))
    return str(places.find(file, digest)) + (f"#{style}" if style else "")
