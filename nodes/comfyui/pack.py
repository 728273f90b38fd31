"""What ComfyUI looks for in a folder of ``custom_nodes``: the V3 entry point, or the V1 tables, never both.

Where it finds V1 tables, ComfyUI does not ask for a V3 entry point.
"""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["WEB_DIRECTORY"]

WEB_DIRECTORY = "./web"
"""Where the help pages are, beside the file that takes everything from here."""


def has_v3() -> bool:
    """Tell whether this ComfyUI has the V3 interface."""
    if find_spec("comfy_api") is None or find_spec("comfy_api.latest") is None:
        return False
    from comfy_api import latest

    return hasattr(latest, "io") and hasattr(latest.io, "ComfyNode") and hasattr(latest, "ComfyExtension")


if has_v3():
    from ganplugin.nodes.comfyui.extension import comfy_entrypoint as comfy_entrypoint

    __all__ += ["comfy_entrypoint"]
else:
    from ganplugin.nodes.comfyui.classic import NODE_CLASS_MAPPINGS as NODE_CLASS_MAPPINGS
    from ganplugin.nodes.comfyui.classic import NODE_DISPLAY_NAME_MAPPINGS as NODE_DISPLAY_NAME_MAPPINGS

    __all__ += ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
