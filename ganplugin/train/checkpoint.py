"""What a training writes: the checkpoint to export, and the state to go on from. Both whole or not at all."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ganplugin.errors import TrainingError
from ganplugin.files import atomic_write
from ganplugin.manifest import METADATA_KEY

__all__ = ["load_state", "plain_copy", "prefixed", "read_checkpoint", "save_checkpoint", "save_state"]

State = dict[str, object]


def prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """Return the module's state with ``prefix.`` before each key."""
    return {f"{prefix}.{key}": value for key, value in module.state_dict().items()}


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], config: Mapping[str, object]) -> None:
    """Write a safetensors file whose metadata key ``ganplugin`` holds ``config`` as JSON; an old file is replaced."""
    plain = {key: value.detach().to("cpu").contiguous().clone() for key, value in tensors.items()}
    with atomic_write(path, overwrite=True) as part:
        # Not save_file: it makes files that nobody but their owner may read.
        part.write_bytes(save(plain, metadata={METADATA_KEY: json.dumps(config, sort_keys=True)}))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Return the tensors and the config that `save_checkpoint` wrote. Raises `TrainingError` if it is not one."""
    try:
        with safe_open(path, framework="pt") as stream:
            config = json.loads((stream.metadata() or {})[METADATA_KEY])
            return {key: stream.get_tensor(key) for key in stream.keys()}, config  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError("is not a checkpoint of ganplugin train", where=path) from error


def save_state(path: Path, state: State) -> None:
    """Write all that a run needs to go on exactly where it was (tensors, numbers, dictionaries)."""
    with atomic_write(path, overwrite=True) as part:
        torch.save(state, part)


def load_state(path: Path) -> State:
    """Return what `save_state` wrote, read without running code from the file.

    Raises `TrainingError` if the file is missing or damaged.
    """
    if not path.is_file():
        raise TrainingError("holds no state to resume", where=path.parent, fix="leave out --resume to start a new run")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainingError("is damaged", where=path, fix="start a new run with another --out") from error
    if not isinstance(state, dict):
        raise TrainingError("is not the state of a run", where=path, fix="start a new run with another --out")
    return state


def plain_copy(value: object) -> object:
    """Return a deep copy of nested state whose tensors are detached clones on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, Mapping):
        return {key: plain_copy(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain_copy(entry) for entry in value)
    return value
