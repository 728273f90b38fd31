"""Training from one collection of pictures to another: a style onto photos, with pairs or without."""

from __future__ import annotations
