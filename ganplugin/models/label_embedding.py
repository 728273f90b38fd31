"""Labels of simple conditional GANs: a row of an embedding beside the latent, or times it, or beside the picture."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError
from ganplugin.models.network import GraphInput, StateDict
from ganplugin.models.setting import Setting

__all__ = ["LABEL_PLACE", "Labelled", "class_facts", "label_inputs", "split_embedding"]

LABEL_PLACE: Final = Setting("label_place", "place of the label", "first", choices=("first", "last"))


class Labelled(nn.Module):
    """What the first layer takes, of so many ``values``, from a label and the ``rest`` of them: a latent, or a picture.

    An embedding as wide as that multiplies the rest (AC-GAN); a narrower one stands before or after it.
    """

    def __init__(self, table: Tensor, values: int, place: str) -> None:
        super().__init__()
        self.table = nn.Parameter(table.float(), requires_grad=False)
        self.place = place
        self.multiplies = table.shape[1] == values
        self.rest = values if self.multiplies else values - table.shape[1]
        if self.rest < 1:
            raise CheckpointError(f"embeds its labels in {table.shape[1]} values, but takes {values} in all")

    def forward(self, given: Tensor, label: Tensor | None) -> Tensor:
        """Return [batch, values] of ``given`` [batch, rest] and ``label`` [batch, classes].

        Raises `ValueError` without a label.
        """
        if label is None:
            raise ValueError("a conditional network needs a label")
        row = label @ self.table
        if self.multiplies:
            return row * given
        return torch.cat((row, given) if self.place == "first" else (given, row), dim=1)


def split_embedding(state: StateDict) -> tuple[StateDict, Tensor | None]:
    """Return the state without its embedding of labels, and that; nothing if it has none or several."""
    modules: dict[str, set[str]] = {}
    for key in state:
        name, _, entry = key.rpartition(".")
        modules.setdefault(name, set()).add(entry)
    found = [
        name
        for name, entries in modules.items()
        if entries == {"weight"} and "emb" in name.lower() and state[f"{name}.weight"].ndim == 2
    ]
    if len(found) != 1:
        return state, None
    key = f"{found[0]}.weight"
    return {other: tensor for other, tensor in state.items() if other != key}, state[key]


def label_inputs(table: Tensor | None) -> tuple[GraphInput, ...]:
    """Return the input of a conditional network; none for another."""
    return () if table is None else (GraphInput("label", ("batch", table.shape[0])),)


def class_facts(table: Tensor | None) -> dict[str, object]:
    """Return the manifest's classes of a conditional network, which have numbers for names."""
    return {} if table is None else {"classes": tuple(map(str, range(table.shape[0])))}
