"""ComfyUI's folders, as nodes know them."""

from __future__ import annotations

from pathlib import Path

from ganplugin.nodes.comfyui.model_picker import model_folders
from ganplugin.nodes.context import Folders

__all__ = ["host_folders", "saved_entry", "temporary_folder"]


def host_folders() -> Folders:
    """Return where models, pictures to read and pictures to write are."""
    import folder_paths

    inputs = (Path(folder_paths.get_input_directory()), Path(folder_paths.get_output_directory()))
    return Folders(models=model_folders(), inputs=inputs, outputs=Path(folder_paths.get_output_directory()))


def temporary_folder() -> Path:
    """Return the folder that ComfyUI empties when it starts."""
    import folder_paths

    return Path(folder_paths.get_temp_directory())


def saved_entry(path: Path) -> dict[str, str]:
    """Return how ComfyUI's window names a file of the output folder."""
    import folder_paths

    inside = path.relative_to(folder_paths.get_output_directory())
    return {"filename": inside.name, "subfolder": inside.parent.as_posix().strip("."), "type": "output"}
