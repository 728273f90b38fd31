"""The nodes in ComfyUI: made from the declarations for its V3 interface, or for V1 where that is missing.

``pack`` is what the folder in ``custom_nodes`` takes everything from. Only ComfyUI imports this package.
"""

from __future__ import annotations
