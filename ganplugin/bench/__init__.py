"""How fast a model renders on this machine, and what holds it up."""

from __future__ import annotations

from ganplugin.bench.measuring import Plan, measure
from ganplugin.bench.results import Report

__all__ = ["Plan", "Report", "measure"]
