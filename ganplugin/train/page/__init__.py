"""The page of a training, and pages that compare several."""

from __future__ import annotations
