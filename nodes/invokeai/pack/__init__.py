"""What InvokeAI loads from its folder of node packs; the nodes themselves are in the installed package."""

from __future__ import annotations

from ganplugin.nodes.invokeai import register

register(__name__)
