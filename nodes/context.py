"""What a running node may ask of its host: device, progress, previews and whether to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from ganplugin.errors import Cancelled, InputError
from ganplugin.files import contained

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Context", "Existing", "Folders", "Reporter", "SilentReporter", "never"]

Existing = Literal["refuse", "keep", "number"]

Item = TypeVar("Item")


class Reporter(Protocol):
    """How a host shows what is going on."""

    def task(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Open a task of ``total`` steps and give the function that reports how many are done."""

    def preview(self, picture: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Show a picture, float32 [h, w, c], 0..1, or uint8 levels, that was just made."""

    def message(self, text: str) -> None:
        """Tell the user one line that is not an error."""


class SilentReporter:
    """Reports nothing."""

    def task(self, label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Open a task that nobody sees."""
        return nullcontext(lambda done: None)

    def preview(self, picture: NDArray[np.float32] | NDArray[np.uint8]) -> None:
        """Ignore the picture."""

    def message(self, text: str) -> None:
        """Ignore the text."""


def never() -> bool:
    """Say that nobody asked to stop."""
    return False


@dataclass(frozen=True)
class Folders:
    """Where a host keeps things: relative names of models and of files to read are looked for in these first.

    Where there is an ``outputs``, nothing is written anywhere else, whatever a graph asks for.
    """

    models: tuple[Path, ...] = ()
    inputs: tuple[Path, ...] = ()
    outputs: Path | None = None

    def output(self, name: str) -> Path:
        """Return the path to write for a name. Raises `InputError` if it would lie outside of ``outputs``."""
        if self.outputs is None:
            return Path(name)
        plain = PurePath(name)
        if plain.is_absolute() or ".." in plain.parts:
            raise InputError("is outside the output folder", where=repr(name), fix="give a name below it")
        return contained(self.outputs, plain.as_posix()) if plain.parts else self.outputs


@dataclass(frozen=True)
class Context:
    """How nodes run here.

    ``device`` and ``threads`` go to the runtime; ``batch`` is how many pictures are computed together, 0 to let the
    runtime choose; ``cancelled`` is asked before every picture. ``existing`` says what happens to a file that is in the
    way and may not be replaced: refuse, keep it if it is the very picture that was asked for (else refuse), or give the
    new one a number. ``text`` goes into the metadata of everything written, beside its recipe.
    """

    device: str = "auto"
    threads: int = 2
    batch: int = 0
    reporter: Reporter = field(default_factory=SilentReporter)
    cancelled: Callable[[], bool] = never
    folders: Folders = field(default_factory=Folders)
    existing: Existing = "refuse"
    text: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Raise `Cancelled` if the host asked to stop."""
        if self.cancelled():
            raise Cancelled(fix="files already written are whole")

    def track(self, items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        """Yield the items one by one, reporting progress and stopping promptly when cancelled."""
        with self.reporter.task(label, total) as done:
            for number, item in enumerate(items, start=1):
                self.check()
                yield item
                done(number)
            self.check()
