"""Typed nodes, free of any host."""

from __future__ import annotations
