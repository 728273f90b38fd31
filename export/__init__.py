"""Checkpoint file, family, network, ONNX, proof."""

from __future__ import annotations
