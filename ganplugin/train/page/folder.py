"""Names of what a run's folder holds."""

from __future__ import annotations

__all__ = ["BEST", "CHECKPOINT", "COPIES", "FACTS", "GRIDS", "LOG", "STRIPS"]

FACTS, LOG = "run.json", "log.jsonl"
GRIDS, STRIPS, COPIES = "grids", "strips", "copies.png"
CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
