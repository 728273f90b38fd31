"""The weights of one network alone, as safetensors: its keys without wrappers, and what its file said in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save
from torch import Tensor

from ganplugin.errors import ExportError
from ganplugin.export.cases import cases
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.selection import Choice
from ganplugin.export.unwrap import parts_of
from ganplugin.export.verify import reference
from ganplugin.manifest import METADATA_KEY, Manifest
from ganplugin.models.network import BESIDE

__all__ = ["prove_weights", "weight_bytes"]

_SEPARATOR: Final = f"{BESIDE}."


def weight_bytes(choice: Choice, manifest: Manifest) -> bytes:
    """Return the safetensors file of a network's tensors, as they are stored, and of single tensors beside them.

    Its metadata hold what the family's settings were found to be, so that the file can be exported as well as the
    checkpoint it came from.
    """
    words = {"family": manifest.family, "name": manifest.name, "licence": manifest.licence, **_settings(choice)}
    if manifest.source is not None:
        words |= {"source": manifest.source.file, "source_sha256": manifest.source.sha256}
    # torch's own code and other loaders look for "format".
    return save(_tensors(choice), metadata={"format": "pt", METADATA_KEY: json.dumps(words)})


def _tensors(choice: Choice) -> dict[str, Tensor]:
    beside = choice.match.part.config.get(BESIDE)
    single = beside if isinstance(beside, Mapping) else {}
    found = {**choice.match.part.state, **{_SEPARATOR + str(name): tensor for name, tensor in single.items()}}
    return {name: tensor.detach().contiguous().clone() for name, tensor in found.items()}


def _settings(choice: Choice) -> dict[str, object]:
    facts = {fact.name: fact.value for fact in choice.network.inferred}
    return {
        setting.key or setting.name: facts[setting.title]
        for setting in choice.match.family.settings
        if setting.title in facts
    }


def prove_weights(path: Path, choice: Choice) -> None:
    """Promise that the file holds every tensor bit by bit, and makes the same network.

    Raises `ExportError` that says what differs.
    """
    family, state = choice.match.family, choice.match.part.state
    part = next((part for part in parts_of(load_checkpoint(path)) if family.detect(part.state)), None)
    if part is None or part.state.keys() != state.keys():
        raise ExportError("the weights that were written are not recognised", where=path.name)
    for name, tensor in state.items():
        if not _same_bits(tensor, part.state[name]):
            raise ExportError(f"the tensor {name} that was written differs", where=path.name)
    again = family.rebuild(part.state, part.config)
    case = next(cases(choice.network))
    wanted, found = reference(choice.network, case), reference(again, case)
    if any(wanted[name].tobytes() != found[name].tobytes() for name in wanted):
        raise ExportError("the weights that were written make another network", where=path.name)


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return bool(torch.equal(one.contiguous().view(-1).view(torch.uint8), other.contiguous().view(-1).view(torch.uint8)))
