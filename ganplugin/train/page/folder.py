"""Names of what a run's folder holds."""

from __future__ import annotations

__all__ = ["BEST", "CHECKPOINT", "COPIES", "FACTS", "GRIDS", "LOG", "STATE", "STRIPS"]

FACTS, LOG = "run.json", "log.jsonl"
GRIDS, STRIPS, COPIES = "grids", "strips", "copies.png"
CHECKPOINT, BEST, STATE = "checkpoint.safetensors", "best.safetensors", "state.pt"
