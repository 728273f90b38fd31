"""HTML pages that need no network, no server and no framework: what all of them share."""

from __future__ import annotations
