"""Every error a user can cause or meet, as one tree.

::

    GanPluginError                 exit code 1
    ├── InputError                 2   a value is malformed, out of range or of the wrong type
    ├── FileError                  3   a file or folder is missing, unreadable, unwritable or in the way
    ├── ImageError                 4   a picture cannot be read or written as one
    ├── ModelError                 5   an ONNX file is not ours, is damaged or breaks the contract
    ├── CheckpointError            6   a checkpoint is refused or not recognised
    ├── ExportError                7   a converted model does not equal its checkpoint
    ├── ProviderError              8   the demanded device did not come up
    ├── DependencyError            9   an optional package is missing
    ├── TrainingError              10  training cannot start or go on
    ├── SeriesError                11  a series ended with pieces that could not be made, or are damaged
    └── Cancelled                  130 the user or the host asked to stop
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Cancelled",
    "CheckpointError",
    "DependencyError",
    "ExportError",
    "FileError",
    "GanPluginError",
    "ImageError",
    "InputError",
    "ModelError",
    "ProviderError",
    "SeriesError",
    "TrainingError",
]


class GanPluginError(Exception):
    """Something a person can mend: says what happened, where, and what to do.

    ``what`` names the problem, ``where`` the file, option or field, ``fix`` the next step.
    ``str(error)`` is one line made of the three.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: object = None, fix: str | None = None) -> None:
        self.what = " ".join(what.split())
        self.where = None if where is None else str(where)
        self.fix = None if fix is None else " ".join(fix.split())
        super().__init__(self._one_line())

    def _one_line(self) -> str:
        head = self.what if self.where is None else f"{self.where}: {self.what}"
        line = head if self.fix is None else f"{head} - {self.fix}"
        # A file name may hold line breaks or terminal commands.
        return "".join(character if character.isprintable() else "\ufffd" for character in line)


class InputError(GanPluginError):
    """A value is malformed, out of range or of the wrong type."""

    exit_code = 2


class FileError(GanPluginError):
    """A file or folder is missing, unreadable, unwritable or already there."""

    exit_code = 3


class ImageError(GanPluginError):
    """A picture cannot be decoded, is too large, or cannot be written in the asked format."""

    exit_code = 4


class ModelError(GanPluginError):
    """An ONNX file is not a ganplugin model, is damaged, or breaks its own contract."""

    exit_code = 5


class CheckpointError(GanPluginError):
    """A checkpoint is refused as unsafe, is damaged, or belongs to no known family."""

    exit_code = 6


class ExportError(GanPluginError):
    """A converted model could not be written or does not equal the network it came from."""

    exit_code = 7


class ProviderError(GanPluginError):
    """The demanded device or execution provider did not really come up."""

    exit_code = 8


class DependencyError(GanPluginError):
    """An optional package is missing; ``fix`` holds the install line."""

    exit_code = 9


class TrainingError(GanPluginError):
    """Training cannot start or cannot go on."""

    exit_code = 10


class SeriesError(GanPluginError):
    """A series ended with pieces that could not be made, or holds files that are missing or changed."""

    exit_code = 11


class Cancelled(GanPluginError):  # noqa: N818 - a request, not a failure
    """The user or the host asked to stop; whole files are kept, nothing is half written."""

    exit_code = 130

    def __init__(self, what: str = "stopped", *, where: object = None, fix: str | None = None) -> None:
        super().__init__(what, where=where, fix=fix)
