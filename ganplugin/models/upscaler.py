"""Upscalers and restorers of the ESRGAN kind, built by spandrel (an optional package, MIT licence).

ESRGAN's RRDB network (Wang et al. 2018) in its three key layouts, with ESRGAN+'s extra paths (Rakotonirina and
Rasoanaivo 2020) or Real-ESRGAN's pixel unshuffling (Wang et al. 2021), and Real-ESRGAN's compact network (SRVGG).
spandrel is given the state dict that our reader made, never a file, so nothing of a checkpoint runs. Its other
architectures are left out: they have not been tried, or torch cannot convert them.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError, DependencyError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Family, GraphInput, Network, StateDict, eval_mode
from ganplugin.models.rebuilding import picture_channels, rebuilding

__all__ = ["FAMILIES"]

_KERNEL: Final = 4
_VECTOR: Final = 1
_NUMBER: Final = re.compile(r"(?<=\.)\d+(?=\.)")
_RGB: Final = 3
_MOST_LAYERS: Final = 512


@dataclass(frozen=True)
class _Architecture:
    """An architecture that spandrel builds under the id ``name``; each signature gives keys their number of axes."""

    name: str
    title: str
    signatures: tuple[Mapping[str, int], ...]

    def fits(self, state: StateDict) -> bool:
        return any(
            all(key in state and state[key].ndim == axes for key, axes in signature.items())
            for signature in self.signatures
        )


def _kernels(*keys: str) -> Mapping[str, int]:
    return dict.fromkeys(keys, _KERNEL)


_RRDB: Final = _Architecture(
    "ESRGAN",
    "an ESRGAN upscaler",
    (
        _kernels("conv_first.weight", "body.0.rdb1.conv1.weight", "conv_body.weight", "conv_last.weight"),
        _kernels("conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight", "trunk_conv.weight", "conv_last.weight"),
        _kernels("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"),
    ),
)
_COMPACT: Final = _Architecture(
    "Compact",
    "a compact Real-ESRGAN upscaler",
    ({"body.0.weight": _KERNEL, "body.1.weight": _VECTOR, "body.2.weight": _KERNEL},),
)


class _Upscaler(nn.Module):
    """Pictures 0..1 [batch, 3, h, w] to larger or cleaner ones, clamped."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, content: Tensor) -> Tensor:
        larger: Tensor = self.network(content)
        return larger.clamp(0, 1)


def _spandrel() -> Any:  # noqa: ANN401 - a package that may be missing has no types here
    """Return the package. Raises `DependencyError` if it is missing or does not start."""
    try:
        import spandrel
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        if isinstance(error, ImportError) and error.name == "spandrel":
            raise DependencyError(
                "upscalers are built by spandrel, which is not installed", fix="run: pip install 'ganplugin[upscale]'"
            ) from error
        # It imports torchvision, whose wheels fit one torch each and of one place alone.
        raise DependencyError(
            f"upscalers are built by spandrel, which does not start: {error}",
            fix="install torch and torchvision together, from the same place",
        ) from error
    return spandrel


def _check_layers(state: StateDict) -> None:
    """Refuse numbers in names that no such network has: spandrel makes as many layers, whatever tensors there are."""
    for key in state:
        if any(int(number) > _MOST_LAYERS for number in _NUMBER.findall(key)):
            raise ValueError(f"it names a layer past the last: {key[:80]}")


def _built(architecture: _Architecture, state: StateDict) -> Any:  # noqa: ANN401 - spandrel's ImageModelDescriptor
    """Return spandrel's description of the network with its weights loaded, every one of them."""
    load = _spandrel().MAIN_REGISTRY[architecture.name].architecture.load
    with rebuilding(architecture.title, state):
        _check_layers(state)
        try:
            with torch.device("meta"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                load(dict(state))  # shapes that do not fit end here, before they cost memory
            found = load(dict(state))
        except AssertionError as error:
            raise ValueError(str(error)) from error
        built = found.model.state_dict()
        if sum(tensor.numel() for tensor in built.values()) != sum(tensor.numel() for tensor in state.values()):
            raise ValueError(f"{len(state)} tensors are there, of which the network has {len(built)}")
    return found


def _rebuild(architecture: _Architecture, state: StateDict, _: Mapping[str, object]) -> Network:
    if not architecture.fits(state):
        raise CheckpointError(f"is not {architecture.title}")
    found = _built(architecture, state)
    if found.input_channels != _RGB:
        raise CheckpointError(
            f"takes pictures of {found.input_channels} channels", fix="only upscalers of RGB pictures can be exported"
        )
    if found.scale < 1:
        raise CheckpointError("returns pictures that are smaller than they came in")
    sizes = found.size_requirements
    facts = {
        "channels": picture_channels(found.output_channels),
        "scale": found.scale,
        "size_multiple": sizes.multiple_of,
        "minimum_size": max(1, sizes.minimum),
    }
    inferred = (
        HyperParameter(name="architecture", value=" ".join((found.architecture.name, *found.tags)), origin="tensor"),
        HyperParameter(name="scale", value=found.scale, origin="tensor"),
        HyperParameter(name="network code", value=f"spandrel {_spandrel().__version__}", origin="metadata"),
    )
    return Network(
        kind="style",
        module=eval_mode(_Upscaler(found.model)),
        inputs=(GraphInput("content", ("batch", 3, "height", "width")),),
        outputs=("image",),
        facts=facts,
        inferred=inferred,
    )


FAMILIES: Final = (
    Family(
        id="esrgan",
        title="ESRGAN upscaler",
        kind="style",
        licence=(
            "The code of ESRGAN is Apache-2.0, Real-ESRGAN's with its weights BSD-3-Clause; many upscalers that people"
            " share are for non-commercial use: ask whoever trained it."
        ),
        detect=_RRDB.fits,
        rebuild=partial(_rebuild, _RRDB),
    ),
    Family(
        id="realesrgan-compact",
        title="compact Real-ESRGAN upscaler",
        kind="style",
        licence=(
            "Real-ESRGAN's code and weights are BSD-3-Clause; many upscalers that people share are for non-commercial"
            " use: ask whoever trained it."
        ),
        detect=_COMPACT.fits,
        rebuild=partial(_rebuild, _COMPACT),
    ),
)
"""The families of this file, in the order in which they are tried."""
