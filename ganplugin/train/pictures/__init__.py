"""Pictures to train on: read from anywhere, reported on, cut to one size, packed, split and drawn in batches."""

from __future__ import annotations
