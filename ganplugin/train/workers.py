"""The processes that train together. One alone needs none of this; several average what they have learnt.

Lightning Fabric starts and finds them (torchrun, Slurm, several GPUs of one machine). The networks are not put into its
DistributedDataParallel wrapper: that supports neither `torch.autograd.grad`, which penalties need, nor several passes
before one backward pass. Instead all gradients are averaged once a turn, as one flat tensor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import Tensor, nn

from ganplugin.errors import DependencyError, InputError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["ALONE", "Alone", "Together", "Workers", "launched", "share"]


class Workers(Protocol):
    """Who trains: this is number ``rank`` of ``count``."""

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        ...

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Give every process the mean of these tensors, in place."""
        ...

    def same(self, modules: Iterable[nn.Module]) -> None:
        """Give every process the parameters and buffers of the first."""
        ...

    def agreed(self, numbers: Sequence[float]) -> list[float]:
        """Return the numbers of the first process."""
        ...


@dataclass(frozen=True)
class Alone:
    """One process."""

    rank: int = 0
    count: int = 1

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Change nothing."""

    def same(self, modules: Iterable[nn.Module]) -> None:
        """Change nothing."""

    def agreed(self, numbers: Sequence[float]) -> list[float]:
        """Return them."""
        return list(numbers)


ALONE = Alone()


class Together:
    """Several processes that Fabric has launched."""

    def __init__(self, fabric: Fabric) -> None:
        self.fabric = fabric
        self.rank, self.count = fabric.global_rank, fabric.world_size

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Average by one exchange; see `Workers`."""
        if not tensors:
            return
        together = torch.cat([tensor.reshape(-1) for tensor in tensors])
        flat = cast(Tensor, self.fabric.all_reduce(together, reduce_op="mean"))
        start = 0
        for tensor in tensors:
            tensor.copy_(flat[start : start + tensor.numel()].view_as(tensor))
            start += tensor.numel()

    def same(self, modules: Iterable[nn.Module]) -> None:
        """Broadcast from the first process; see `Workers`."""
        for module in modules:
            for tensor in (*module.parameters(), *module.buffers()):
                tensor.data.copy_(self.fabric.broadcast(tensor.data, src=0))

    def agreed(self, numbers: Sequence[float]) -> list[float]:
        """Broadcast from the first process; see `Workers`."""
        told: Tensor = self.fabric.broadcast(torch.tensor(numbers, dtype=torch.float64), src=0)
        return told.tolist()


def launched(*, devices: int, nodes: int, accelerator: str, strategy: str = "ddp") -> Together:
    """Return the processes of this run, started where they are not yet.

    Raises `DependencyError` without Lightning Fabric.
    """
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError as error:
        raise DependencyError(
            "training in several processes needs Lightning Fabric", fix="pip install 'ganplugin[fabric]'"
        ) from error
    fabric = Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, strategy=strategy)
    fabric.launch()
    return Together(fabric)


def share(batch: int, workers: Workers) -> slice:
    """Return which part of every batch is this process's. Raises `InputError` if it cannot be shared evenly."""
    if batch % workers.count:
        raise InputError(
            f"a batch of {batch} cannot be shared by {workers.count} processes",
            fix=f"use --batch {-(-batch // workers.count) * workers.count}",
        )
    size = batch // workers.count
    return slice(workers.rank * size, (workers.rank + 1) * size)
