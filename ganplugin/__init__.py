"""ganplugin: GANs from training to the wall."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
