"""What a network that was pickled whole says of its modules in words: classes and plain attributes, by path."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from ganplugin.errors import CheckpointError

__all__ = ["Words", "class_of"]

Attributes = Mapping[str, object]

_TORCH: Final = "torch.nn.modules."
_SEQUENTIAL: Final = "Sequential"
_WITHOUT_EFFECT: Final = frozenset({"Dropout", "Dropout1d", "Dropout2d", "Identity", "Flatten", "Unflatten"})
_RESHAPES: Final = ("reshape", "view", "flatten")


def class_of(attributes: Attributes) -> str:
    """Return the name of a module's class, without its path."""
    return str(attributes.get("class", "")).rpartition(".")[2]


class Words:
    """The entry ``modules`` of a config, in the order of definition.

    A module without tensors is silent in a state dict. In an ``nn.Sequential`` its place is known; an attribute of
    another module is loose: it may be used anywhere, and more than once.
    """

    def __init__(self, config: Mapping[str, object], holders: Collection[str]) -> None:
        """``holders`` are the names of the modules that hold tensors."""
        modules = config.get("modules")
        self._modules: dict[str, Attributes] = {"": config}
        if isinstance(modules, Mapping):
            self._modules |= {str(name): said for name, said in modules.items() if isinstance(said, Mapping)}
        parents = {name.rpartition(".")[0] for name in self._modules if name}
        self._silent = [name for name in self._modules if name not in parents | {""} and name not in holders]

    def of(self, name: str) -> Attributes:
        """Return what is said of a module; nothing if it is not known."""
        return self._modules.get(name, {})

    def number(self, name: str, key: str) -> int | None:
        """Return a whole number that is said of a module, or the one that both sides share.

        Raises `CheckpointError` if the sides differ.
        """
        said = self.of(name).get(key)
        if isinstance(said, (tuple, list)) and said:
            if any(one != said[0] for one in said):
                raise CheckpointError(f"has {name} with a {key} of {said}", fix="only square ones can be rebuilt")
            said = said[0]
        return said if isinstance(said, int) and not isinstance(said, bool) else None

    def silent(self) -> tuple[Attributes, ...]:
        """Return all modules without tensors, in the order of definition."""
        return tuple(self._modules[name] for name in self._silent)

    def between(self, name: str, following: str | None) -> tuple[Attributes, ...] | None:
        """Return the silent modules in a row after ``name`` and before ``following`` (None: up to the end).

        None if nothing is said of that place. Raises `CheckpointError` for a class that nobody here knows.
        """
        places = {known: place for place, known in enumerate(self._modules)}
        if name not in places or (following is not None and following not in places):
            return None
        end = len(places) if following is None else places[following]
        found = [other for other in self._silent if self._in_row(other) and places[name] < places[other] < end]
        one_row = following is not None and self._parent(name) == self._parent(following) and self._in_row(name)
        if not found and not one_row:
            return None
        return tuple(self._modules[other] for other in found if self._acts(other))

    def _parent(self, name: str) -> str:
        return name.rpartition(".")[0]

    def _in_row(self, name: str) -> bool:
        return class_of(self._modules.get(self._parent(name), {})) == _SEQUENTIAL

    def _acts(self, name: str) -> bool:
        said = self._modules[name]
        kind = class_of(said)
        if kind in _WITHOUT_EFFECT or any(word in kind.lower() for word in _RESHAPES):
            return False
        if not str(said.get("class", "")).startswith(_TORCH):
            raise CheckpointError(f"has a module {name} of class {kind}, which is not known here")
        return True
