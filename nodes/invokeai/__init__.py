"""The nodes in InvokeAI: an invocation for each, made from its declaration when InvokeAI loads the pack."""

from __future__ import annotations

from ganplugin.nodes.invokeai.registration import register

__all__ = ["register"]
