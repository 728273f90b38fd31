"""A node: one pydantic class from which every host, the command line and the docs are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ganplugin.errors import InputError
from ganplugin.nodes.context import Context
from ganplugin.nodes.values import Images, LatentBatch, LoadedModel, Recipe, Scalar

__all__ = ["Node", "NodeOutputs"]


class NodeOutputs(BaseModel):
    """The named, typed results of a node, in the order in which hosts show them."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def with_images(self, change: Callable[[Images], Images]) -> NodeOutputs:
        """Return the same outputs, every sequence of pictures among them (masks too) as ``change`` returns it."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        pictures = {name: change(value) for name, value in fields.items() if isinstance(value, Images)}
        return self.model_copy(update=pictures)


class Node(BaseModel):
    """Inputs are fields with range, unit and help; `run` computes the outputs.

    An instance is one call with checked inputs. Wrong inputs raise `InputError` naming node and field.
    ``id`` never changes; inputs are only ever appended; ``version`` is semantic and rises with behaviour.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )

    id: ClassVar[str]
    title: ClassVar[str]
    category: ClassVar[str] = "ganplugin"
    version: ClassVar[str] = "1.0.0"
    writes: ClassVar[bool] = False
    """Whether `run` writes files, so that no recipe found in a picture may run it."""
    computes: ClassVar[bool] = False
    """Whether its pictures are worth keeping: dearer to make again than to read from a store."""
    each: ClassVar[str] = ""
    """The input whose items become the pictures, one for one and each by itself: a longer list gives the pictures of
    two shorter ones, to the byte. Empty where pictures depend on one another."""
    alone: ClassVar[frozenset[str]] = frozenset()
    """Inputs that, where they are linked, take away what `each` promises."""
    unrecorded: ClassVar[frozenset[str]] = frozenset()
    """Inputs that say where to write or compute, not what: they are no part of a picture's recipe."""
    Outputs: ClassVar[type[NodeOutputs]]

    def __init__(self, /, **inputs: object) -> None:
        try:
            super().__init__(**inputs)
        except ValidationError as error:
            raise _input_error(type(self), error) from error

    def run(self, context: Context) -> NodeOutputs:
        """Compute the outputs. Lazy outputs compute when looked at, under the same context."""
        raise NotImplementedError

    def destinations(self, context: Context) -> tuple[Path, ...]:
        """Return the files that `run` would write. Raises `FileError` if one is in the way and may not be replaced."""
        return ()

    def recipe(self, output: int = 0, **instead: Scalar | Recipe) -> Recipe:
        """Return how to make output number ``output`` of this call; ``instead`` narrows inputs to one item."""
        inputs: list[tuple[str, Scalar | Recipe]] = []
        for name in sorted(type(self).model_fields):
            value = instead[name] if name in instead else getattr(self, name)
            if name in self.unrecorded or value is None:
                continue
            inputs.append((name, value.recipe if isinstance(value, (LoadedModel, Images, LatentBatch)) else value))
        return Recipe(self.id, tuple(inputs), output)


def _input_error(node: type[Node], error: ValidationError) -> InputError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    known = ", ".join(node.model_fields)
    fix = f"inputs are {known}" if first["type"] == "extra_forbidden" else None
    return InputError(f"{field}: {first['msg'].lower()}", where=node.id, fix=fix)
