"""The checkpoint that a training writes, to be exported: safetensors with its configuration inside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ganplugin.errors import TrainingError
from ganplugin.files import atomic_write
from ganplugin.manifest import METADATA_KEY
from ganplugin.train.state import digest_of

__all__ = ["prefixed", "read_checkpoint", "save_checkpoint"]


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors with ``prefix.`` before each key."""
    return {f"{prefix}.{key}": value for key, value in state.items()}


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], config: Mapping[str, object]) -> None:
    """Write a safetensors file whose metadata key ``ganplugin`` holds ``config`` as JSON; an old file is replaced.

    ``digest``, that of the tensors, is added to the configuration.
    """
    plain = {key: value.detach().to("cpu").contiguous().clone() for key, value in tensors.items()}
    text = json.dumps({**config, "digest": digest_of(_sorted(plain))}, sort_keys=True)
    with atomic_write(path, overwrite=True) as part:
        # Not save_file: it makes files that nobody but their owner may read.
        part.write_bytes(save(plain, metadata={METADATA_KEY: text}))


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Return the tensors and the config that `save_checkpoint` wrote.

    Raises `TrainingError` if it is no such file, or does not hold what was written.
    """
    try:
        with safe_open(path, framework="pt") as stream:
            config = json.loads((stream.metadata() or {})[METADATA_KEY])
            tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError("is not a checkpoint of ganplugin train", where=path) from error
    if config.pop("digest", None) not in (None, digest_of(_sorted(tensors))):
        raise TrainingError("is damaged: it does not hold what was written", where=path)
    return tensors, config


def _sorted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return dict(sorted(tensors.items()))
