"""Training: data, augmentation, losses, loops and checkpoints."""

from __future__ import annotations
