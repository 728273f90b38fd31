"""What a person wants of an export, checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ganplugin.errors import InputError
from ganplugin.export.opset import DEFAULT_OPSET, check_opset
from ganplugin.export.profiles import Profile
from ganplugin.manifest import Precision

__all__ = ["LONGEST_NAME", "ExportOptions", "Format", "check_name"]

Format = Literal["onnx", "safetensors"]

LONGEST_NAME: Final = 100
"""Letters that a model's name may have."""


@dataclass(frozen=True)
class ExportOptions:
    """Every choice of an export has a default.

    ``part`` is ``generator`` (or style network), ``scorer``, or where in the file a network is, as ``inspect`` shows
    it; by default the first generator, averaged weights first, else the scorer. ``family`` is an id where several fit.
    ``settings`` gives what tensors do not tell, by the names of the family's settings. ``size`` is (width, height) in
    pixels of a style network for one size. Raises `InputError` for an impossible name or operator set.
    """

    part: str | None = None
    family: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    licence: str | None = None
    format: Format = "onnx"
    profile: Profile = "full"
    size: tuple[int, int] | None = None
    precision: Precision = "fp32"
    opset: int = DEFAULT_OPSET
    with_scorer: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        check_opset(self.opset)
        if self.format == "safetensors" and self.shapes_the_graph:
            raise InputError(
                "weights alone have no graph to shape", where="--format safetensors", fix="use --format onnx"
            )

    @property
    def shapes_the_graph(self) -> bool:
        """Whether anything is asked for that only a graph has."""
        return (self.profile, self.size, self.precision, self.opset) != ("full", None, "fp32", DEFAULT_OPSET)


def check_name(name: str | None) -> None:
    """Raise `InputError` unless a model can have this name (None: it is made from the file's)."""
    if name is not None and not 1 <= len(name) <= LONGEST_NAME:
        raise InputError(f"has {len(name)} letters", where="--name", fix=f"choose 1 to {LONGEST_NAME}")
