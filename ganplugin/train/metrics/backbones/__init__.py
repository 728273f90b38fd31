"""The networks through whose eyes pictures are compared."""

from __future__ import annotations
