"""What is known of the rights in a network's weights: what its file says, or else what its family's authors do."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["earlier_rights", "rights_of"]


def rights_of(config: Mapping[str, object], family: str) -> str:
    """Return what a file's ``config`` says of the rights in its weights, or its ``family``'s words if it says nothing.

    Weights that were trained here are told of by whoever trained them, and by the file that they went on from; what a
    family's authors say is not about them. Empty if they were told nothing.
    """
    training = config.get("training")
    if isinstance(training, Mapping) and "licence" in training:
        told = (str(training["licence"]), earlier_rights(config))
        return "; ".join(dict.fromkeys(words for words in told if words))
    alone = config.get("licence")
    return alone if isinstance(alone, str) else family


def earlier_rights(config: Mapping[str, object]) -> str:
    """Return what a training that went on from another file noted of the rights in its weights; empty if it did not."""
    return str(config.get("from_rights", ""))
