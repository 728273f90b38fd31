"""Progress, previews and messages in ComfyUI's window, and its button that stops."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

__all__ = ["NodeReporter", "interrupted", "show_text", "stop_if_interrupted"]

_PREVIEW_SIDE = 512
_PAUSE_SECONDS = 0.1
"""Encoding and sending a preview for every picture would hold up fast networks."""
_LOG = logging.getLogger("ganplugin")


class NodeReporter:
    """Shows the progress of one node on the node itself, with the last picture made."""

    def __init__(self, node_id: str | None) -> None:
        self._node_id = node_id
        self._picture: NDArray[np.float32] | NDArray[np.uint8] | None = None
        self._shown = 0.0

    @contextlib.contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Give the function that moves the node's bar."""
        from comfy.utils import ProgressBar

        bar = ProgressBar(total)

        def done(number: int) -> None:
            if number == total or time.monotonic() - self._shown > _PAUSE_SECONDS:
                bar.update_absolute(number, total, self._preview())
                self._shown = time.monotonic()

        yield done

    def _preview(self) -> tuple[str, Image.Image, int] | None:
        picture, self._picture = self._picture, None
        return None if picture is None else ("JPEG", _as_pillow(picture), _PREVIEW_SIDE)

    def preview(self, picture: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Show a picture with the next step of the bar."""
        self._picture = picture

    def message(self, text: str) -> None:
        """Show one line on the node."""
        show_text(self._node_id, text)


def _as_pillow(picture: NDArray[np.float32] | NDArray[np.uint8]) -> Image.Image:
    from PIL import Image

    from ganplugin.levels import from_uint8, to_uint8
    from ganplugin.sizing import with_channels

    return Image.fromarray(to_uint8(with_channels(from_uint8(picture), "RGB")))


def show_text(node_id: str | None, text: str) -> None:
    """Write a line below a node; where this ComfyUI cannot, into its log."""
    from server import PromptServer

    send = getattr(getattr(PromptServer, "instance", None), "send_progress_text", None)
    if node_id is None or send is None:
        _LOG.info(text)
        return
    send(text, node_id)


def interrupted() -> bool:
    """Tell whether someone pressed the button that stops."""
    from comfy import model_management

    return bool(model_management.processing_interrupted())


def stop_if_interrupted() -> None:
    """Raise ComfyUI's own exception if someone pressed it, so that the run ends as stopped, not as failed."""
    from comfy import model_management

    model_management.throw_exception_if_processing_interrupted()
