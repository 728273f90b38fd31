"""ComfyUI's own Load Image gives tensors without a name; here they are recognised, so that recipes hold the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganplugin.errors import GanPluginError
from ganplugin.nodes.comfyui.origins import picture_digest, remember_origin, remember_recipe
from ganplugin.nodes.context import Context
from ganplugin.nodes.core_nodes import LoadImage
from ganplugin.nodes.values import Images

__all__ = ["recognise"]


def recognise(prompt: Mapping[str, Any], node_id: str | None, context: Context) -> None:
    """Note the pictures of every Load Image node that is linked to a node, as reading its file again gives them."""
    inputs = prompt.get(str(node_id), {}).get("inputs", {})
    for value in inputs.values():
        source = prompt.get(value[0], {}) if isinstance(value, list) and len(value) == 2 else {}
        if source.get("class_type") == LoadImage.id:
            _note_file(str(source.get("inputs", {}).get("image")), context)


def _note_file(image: str, context: Context) -> None:
    try:
        loaded = LoadImage(image=image).run(context)
    except GanPluginError:
        return  # the pictures are there; only their name is not
    for images in (loaded.images, loaded.masks):
        _note(images)


def _note(images: Images) -> None:
    digests = []
    for index, picture in enumerate(images):
        values = picture[..., 0] if picture.shape[2] == 1 else picture
        digests.append(picture_digest(values))
        remember_origin(digests[-1], images.origin(index))
    remember_recipe(digests, images.recipe)
