"""Networks: one family a file, no input or output. The only home of network code."""

from __future__ import annotations
