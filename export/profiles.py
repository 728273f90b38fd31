"""Network variants for programs that want less: no optional inputs, pictures of one size, one picture at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from torch import Tensor, nn

from ganplugin.errors import InputError
from ganplugin.manifest import HyperParameter
from ganplugin.models.network import Network

__all__ = ["Profile", "plain", "profiled", "sized", "static"]

Profile = Literal["full", "plain", "static"]

_W_SPACE: Final = ("w_dim", "num_ws")
_LARGEST: Final = 16384


class _Plain(nn.Module):
    """A module whose optional inputs are fixed at their defaults, and that returns its first output alone."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.module = network.module
        self.optional = [given.default is not None for given in network.inputs]
        for place, given in enumerate(network.inputs):
            if given.default is not None:
                self.register_buffer(f"default_{place}", given.default.detach().clone(), persistent=False)

    def forward(self, *required: Tensor) -> Tensor:
        given = iter(required)
        values = [
            getattr(self, f"default_{place}") if is_optional else next(given)
            for place, is_optional in enumerate(self.optional)
        ]
        found = self.module(*values)
        result: Tensor = found[0] if isinstance(found, (tuple, list)) else found
        return result


def profiled(network: Network, profile: Profile) -> Network:
    """Return the network as a profile wants it. Raises as `static` does."""
    if profile == "full":
        return network
    return static(network) if profile == "static" else plain(network)


def static(network: Network) -> Network:
    """Return the network as `plain` does, for one picture at a time: every axis has a size.

    Raises `InputError` for a style network whose pictures have no size yet.
    """
    bare = plain(network)
    inputs = tuple(
        replace(given, shape=tuple(1 if axis == "batch" else axis for axis in given.shape)) for given in bare.inputs
    )
    if not all(isinstance(axis, int) for given in inputs for axis in given.shape):
        raise InputError("needs the size of the pictures", where="--profile static", fix="add --size, such as 512x512")
    told = HyperParameter(name="profile", value="static", origin="option")
    return replace(bare, inputs=inputs, facts={**bare.facts, "single": True}, inferred=(*network.inferred, told))


def plain(network: Network) -> Network:
    """Return the network with its required inputs and its first output alone; all else stays at its default.

    It loses its W space and the choice among its styles: whatever they would be chosen with is no longer there.
    """
    facts = {name: value for name, value in network.facts.items() if name not in (*_W_SPACE, "styles")}
    told = HyperParameter(name="profile", value="plain", origin="option")
    return replace(
        network,
        module=_Plain(network).eval(),
        inputs=tuple(given for given in network.inputs if given.default is None),
        outputs=network.outputs[:1],
        facts=facts,
        inferred=(*network.inferred, told),
    )


def sized(network: Network, width: int, height: int) -> Network:
    """Return a style network whose pictures have one fixed size, in pixels.

    Raises `InputError` if the network cannot take that size, or always makes pictures of its own size.
    """
    _check_size(network, width, height)
    sides = {"height": height, "width": width}
    inputs = tuple(
        replace(given, shape=tuple(sides.get(axis, axis) if isinstance(axis, str) else axis for axis in given.shape))
        for given in network.inputs
    )
    told = HyperParameter(name="fixed size", value=f"{width} x {height}", origin="option")
    return replace(network, inputs=inputs, facts={**network.facts, **sides}, inferred=(*network.inferred, told))


def _check_size(network: Network, width: int, height: int) -> None:
    if network.kind != "style":
        known = f"{network.facts.get('width')}x{network.facts.get('height')}"
        raise InputError(f"a {network.kind} has one size, {known}", where="--size", fix="leave it out")
    multiple, least = (int(str(network.facts.get(name, 1))) for name in ("size_multiple", "minimum_size"))
    for side in (width, height):
        if not least <= side <= _LARGEST or side % multiple:
            raise InputError(
                f"this network cannot have pictures of {width}x{height}",
                where="--size",
                fix=f"choose multiples of {multiple}, {least} to {_LARGEST}",
            )
