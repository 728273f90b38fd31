"""Pictures in InvokeAI's store: read from there by name, and put there with their provenance."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganplugin.nodes.context import Context
from ganplugin.nodes.provenance import provenance_text
from ganplugin.nodes.values import Images, Masks, Origin

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["picture_paths", "pillow_picture", "put"]


def picture_paths(given: Any, host: Any, folders: Iterable[Path]) -> str:  # noqa: ANN401 - InvokeAI has no types here
    """Return one picture, or a list of them, as lines for `LoadImages`: their names below ``folders``."""
    pictures = given if isinstance(given, list) else [given]
    paths = (Path(host.images.get_path(picture.image_name)) for picture in pictures)
    return "\n".join(_below(path, folders) for path in paths)


def _below(path: Path, folders: Iterable[Path]) -> str:
    home = next((folder for folder in folders if path.is_relative_to(folder)), None)
    return str(path) if home is None else path.relative_to(home).as_posix()


def put(images: Images, invocation: Any, host: Any, context: Context) -> list[Any]:  # noqa: ANN401 - as above
    """Render pictures into the store, showing each, and return what InvokeAI's links carry for them.

    They go to the invocation's board with its metadata and their provenance; masks are no part of the gallery.
    """
    from invokeai.invocation_api import ImageCategory, ImageField

    category = ImageCategory.MASK if isinstance(images, Masks) else ImageCategory.GENERAL
    fields = []
    for index, picture in enumerate(context.track(images, "Rendering", len(images))):
        metadata = _metadata(images.origin(index), invocation)
        saved = host.images.save(pillow_picture(picture), image_category=category, metadata=metadata)
        fields.append(ImageField(image_name=saved.image_name))
        context.reporter.preview(picture)
    return fields


def _metadata(origin: Origin, invocation: Any) -> Any:  # noqa: ANN401 - as above
    from invokeai.invocation_api import MetadataField

    from ganplugin.provenance import TEXT_KEY

    linked = invocation.metadata.root if invocation.metadata is not None else {}
    seed = {} if origin.seed is None else {"seed": origin.seed}
    return MetadataField({**seed, **linked, TEXT_KEY: provenance_text(origin, "png", {})[TEXT_KEY]})


def pillow_picture(picture: NDArray[np.float32]) -> Any:  # noqa: ANN401 - PIL.Image.Image
    """Return float32 [h, w, 1 | 3 | 4], 0..1, as InvokeAI takes pictures: 8 bits a channel."""
    from PIL import Image

    from ganplugin.images import to_uint8

    levels = to_uint8(picture)
    return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
