"""What watches a training for the ways in which it fails silently: each named in words, with what to change."""

from __future__ import annotations
