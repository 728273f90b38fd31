"""The embedded models and their catalogue."""

from __future__ import annotations
