"""A page that shows what a network would see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ganplugin.images import from_uint8
from ganplugin.sheets import contact_sheet
from ganplugin.train.pictures.packing import pack_in_memory
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import Entry

__all__ = ["sheet_of"]

_SHOWN = 48


def sheet_of(entries: Sequence[Entry], policy: Policy) -> NDArray[np.float32]:
    """Return a contact sheet, float32 [h, w, 3], of up to 48 pictures from all over a collection, cut by a policy."""
    chosen = np.unique(np.linspace(0, len(entries) - 1, min(_SHOWN, len(entries))).round().astype(np.int64))
    fewer = policy.model_copy(update={"count": min(policy.count, _SHOWN), "classes": False})
    shown, _ = pack_in_memory([entries[index] for index in chosen.tolist()], fewer)
    return contact_sheet([from_uint8(frame.transpose(1, 2, 0)) for frame in shown.pixels])
