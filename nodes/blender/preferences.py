"""What a user sets once for every .blend: where models are."""

from __future__ import annotations

from pathlib import Path

import bpy

from ganplugin.builtin import catalog
from ganplugin.library import builtin_styles, find_model_files

__all__ = ["Preferences", "model_folders", "model_names"]


class Preferences(bpy.types.AddonPreferences):
    """The settings of the extension; Blender finds them by the package name that it gave the extension."""

    bl_idname = ""

    def draw(self, context: bpy.types.Context) -> None:
        """Show the settings."""
        self.layout.prop(self, "models")


Preferences.__annotations__ = {
    "models": bpy.props.StringProperty(
        name="Models", description="Folder with exported models (.onnx), looked in first", subtype="DIR_PATH"
    )
}


def model_folders() -> tuple[Path, ...]:
    """Return the folders that models are looked for in first: the one of the preferences, then the .blend's own."""
    addon = bpy.context.preferences.addons.get(Preferences.bl_idname)
    chosen = addon.preferences.models if addon and addon.preferences else ""
    names = (bpy.path.abspath(chosen), bpy.path.abspath("//"))
    return tuple(Path(name) for name in names if name)


def model_names(node: bpy.types.Node, context: bpy.types.Context, typed: str) -> list[str]:
    """Return the models that can be named, for the field that picks one: builtins, then files."""
    builtins = [f"builtin:{name}" for name, entry in catalog().items() if entry.style is None]
    files = [path.name for folder in model_folders() for path in sorted(folder.glob("*.onnx"))]
    found = [str(path) for path in find_model_files()]
    return list(dict.fromkeys([*builtins, *builtin_styles(), *files, *found]))
