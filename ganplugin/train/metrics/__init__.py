"""How good generated pictures are: numbers against real ones, with the eye that saw them named beside each."""

from __future__ import annotations
