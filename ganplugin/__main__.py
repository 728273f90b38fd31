"""``python -m ganplugin``."""

from __future__ import annotations

from ganplugin.cli import main

if __name__ == "__main__":
    main()
