"""Networks as they are trained: made new or of a file's tensors, and written back under the names of their family."""

from __future__ import annotations
