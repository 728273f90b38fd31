"""ganplugin in Blender: a node tree of its own, whose pictures become images for materials and the compositor.

Blender's package is imported when Blender calls `register`, so that the parts that need no Blender can be used alone.
"""

from __future__ import annotations

__all__ = ["register", "unregister"]


def register(package: str) -> None:
    """Add everything to Blender; ``package`` is the name under which Blender knows the extension."""
    from ganplugin.nodes.blender.registration import add

    add(package)


def unregister() -> None:
    """Stop what is rendering and remove everything from Blender again."""
    from ganplugin.nodes.blender.registration import remove

    remove()
