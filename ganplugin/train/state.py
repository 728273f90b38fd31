"""The state of a run on disk: versioned, with a digest of all it holds, and older versions brought up to date."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor

from ganplugin.errors import TrainingError
from ganplugin.files import atomic_write

__all__ = ["VERSION", "State", "digest_of", "is_finite", "load_state", "plain_copy", "save_state"]

State = dict[str, object]

VERSION: Final = 2
_ANEW: Final = "start a new run with another --out; a generator's goes on with --from and its checkpoint.safetensors"
_DAMAGED: Final = (
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    pickle.PickleError,
)
"""What torch's reader raises of changed bytes."""


def save_state(path: Path, state: State) -> None:
    """Write all that a run needs to go on exactly where it was (tensors, numbers, dictionaries), whole or not."""
    # Into an open file: of a full disk torch's own writer says no more than that a check of it failed.
    with atomic_write(path, overwrite=True) as part, part.open("wb") as stream:
        torch.save({"version": VERSION, "digest": digest_of(state), **state}, stream)


def load_state(path: Path) -> State:
    """Return what `save_state` wrote, now or in an older version, read without running code from the file.

    Raises `TrainingError` if the file is missing, damaged, or of a newer version.
    """
    if not path.is_file():
        raise TrainingError("holds no state to resume", where=path.parent, fix="leave out --resume to start a new run")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        raise TrainingError("is damaged", where=path, fix=_ANEW) from error
    if not isinstance(state, dict):
        raise TrainingError("is not the state of a run", where=path, fix=_ANEW)
    version, digest = state.pop("version", 1), state.pop("digest", None)
    if not isinstance(version, int) or version > VERSION:
        raise TrainingError(f"was written by a newer ganplugin (state {version})", where=path, fix="update ganplugin")
    if version >= 2 and digest != digest_of(state):
        raise TrainingError("is damaged: it does not hold what was written", where=path, fix=_ANEW)
    try:
        for older in range(version, VERSION):
            state = _UPDATES[older](state)
    except (LookupError, TypeError) as error:
        raise TrainingError("is not the state of a run", where=path, fix=_ANEW) from error
    return cast(State, state)


def digest_of(state: object) -> str:
    """Return the SHA-256 of every leaf of nested state with its place: types, shapes and bytes, in order."""
    digest = hashlib.sha256()
    for place, leaf in _leaves("", state):
        digest.update(f"{place}={type(leaf).__name__}:".encode())
        if isinstance(leaf, Tensor):
            plain = leaf.detach().cpu().contiguous()
            digest.update(f"{plain.dtype}{tuple(plain.shape)}".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().data if plain.numel() else b"")
        else:
            digest.update(repr(leaf).encode())
    return digest.hexdigest()


def _leaves(place: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _leaves(f"{place}/{key}", entry)
    elif isinstance(value, (list, tuple)):
        for index, entry in enumerate(value):
            yield from _leaves(f"{place}/{index}", entry)
    else:
        yield place, value


def is_finite(state: object) -> bool:
    """Tell whether all numbers of nested state are finite."""
    return all(
        bool(torch.isfinite(leaf).all())
        for _, leaf in _leaves("", state)
        if isinstance(leaf, Tensor) and leaf.is_floating_point()
    )


def plain_copy(value: object) -> object:
    """Return a deep copy of nested state whose tensors are detached clones on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, Mapping):
        return {key: plain_copy(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain_copy(entry) for entry in value)
    return value


def _of_first_release(state: State) -> State:
    """Version 1 knew one generator, quick, and drew its pictures with a random generator that is no more."""
    trainer = cast(State, state["trainer"])
    if "styles" in trainer:
        return state
    size = cast(Mapping[str, int], trainer["config"])["size"]
    networks = {name: _inside(cast(State, trainer[name])) for name in ("generator", "scorer", "average")}
    optimizers = {name: trainer[name] for name in ("generator_optimizer", "scorer_optimizer")}
    known = {"recipe": "quick", "picture": {"channels": 3, "height": size, "width": size, "classes": 0}}
    fresh = {"retries": 0, "slowdown": 1.0, "sampler": None, "path_mean": 0.0, "penalty": 0.0}
    steering = {"probability": 0.0, "signs": 0.0, "pictures": 0}
    steps = {"step": trainer["step"], "turns": trainer["step"]}
    return {**state, "trainer": {**known, **fresh, **steps, "steering": steering, **networks, **optimizers}}


def _inside(network: State) -> State:
    return {f"network.{key}": tensor for key, tensor in network.items()}


_UPDATES: Final[Mapping[int, Callable[[State], State]]] = {1: _of_first_release}
"""What brings a state of each older version to the next one."""
