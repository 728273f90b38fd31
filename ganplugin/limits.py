"""Bounds on what a file may make this program allocate or do."""

from __future__ import annotations

from typing import Final

MAX_SEED: Final = 2**32 - 1
"""Largest seed that ``numpy.random.RandomState`` takes."""

MAX_SEEDS: Final = 1_000_000
"""Most seeds that one request may name."""

MAX_PIXELS: Final = 178_956_970
"""Most pixels in a picture that is read (Pillow's own bomb limit)."""

MAX_FRAMES: Final = 100_000
"""Most frames of an interpolation or an animated picture."""

MAX_MODEL_BYTES: Final = 2**31 - 1
"""Largest ONNX file: protobuf cannot hold more in one message."""

MAX_CHECKPOINT_BYTES: Final = 16 * 2**30
"""Most bytes of tensors that a checkpoint may declare."""

MAX_TENSORS: Final = 100_000
"""Most tensors in one checkpoint."""

MAX_PICKLE_DEPTH: Final = 200
"""Deepest nesting that a checkpoint's containers may have."""
