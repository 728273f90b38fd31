"""What a running node asks of its host, asked of InvokeAI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ganplugin.nodes.context import Context, Folders
from ganplugin.nodes.invokeai.gallery import pillow_picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["HOME", "ProgressReporter", "context_of"]

HOME = "ganplugin-files"
"""Our folder below InvokeAI's root: no name that Python could import in place of the package."""

_PREVIEW_SIDE = 512


def context_of(host: Any) -> Context:  # noqa: ANN401 - InvokeAI has no types here
    """Return the context of one invocation.

    Its folders lie in `HOME` below InvokeAI's root, not among InvokeAI's models, which are its to clear; the
    gallery's pictures can be read by their names.
    """
    config = host.config.get()
    home = config.root_path / HOME
    return Context(
        device="cpu" if config.device == "cpu" else "auto",
        reporter=ProgressReporter(host),
        cancelled=host.util.is_canceled,
        folders=Folders((home / "models",), (home / "inputs", config.outputs_path / "images"), home / "outputs"),
        existing="number",
    )


class ProgressReporter:
    """Shows progress and pictures in the node and in the viewer; messages go to the log as well."""

    def __init__(self, host: Any) -> None:  # noqa: ANN401 - as above
        self._host = host
        self._label = "Working"
        self._share: float | None = None

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[int], None]]:
        """Open a task of ``total`` steps and give the function that reports how many are done."""

        def done(steps: int) -> None:
            self._label, self._share = label, steps / max(total, 1)
            self._host.util.signal_progress(label, self._share)

        done(0)
        yield done

    def preview(self, picture: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Show a picture, made small, where InvokeAI shows what is coming."""
        from ganplugin.levels import from_uint8
        from ganplugin.sizing import fit_within, with_channels

        shown = pillow_picture(with_channels(fit_within(from_uint8(picture), _PREVIEW_SIDE), "RGB"))
        height, width = picture.shape[:2]
        self._host.util.signal_progress(self._label, self._share, shown, (width, height))

    def message(self, text: str) -> None:
        """Tell the user one line that is not an error."""
        self._host.logger.info(text)
        self._host.util.signal_progress(text)
