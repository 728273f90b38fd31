"""Export: a checkpoint of any origin becomes one proved ONNX file, and none of its code is run. Needs PyTorch."""

from __future__ import annotations

from ganplugin.export.exporting import Exported, export_checkpoint
from ganplugin.export.options import ExportOptions

__all__ = ["ExportOptions", "Exported", "export_checkpoint"]
