"""How large the networks of the quick family are, and of which design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganplugin.errors import CheckpointError

__all__ = ["QuickConfig", "channels_at", "shape_of"]

_BASE = 4
_MOST_ROWS = 16


@dataclass(frozen=True)
class QuickConfig:
    """The shape of both networks. Pictures are ``rows`` x ``columns`` times size / 4, which is a power of two.

    A square picture has the side ``size``. With ``classes`` both networks take a label. ``design`` 1 is that of the
    first release; 2 convolves once a block, before the map is doubled, and scores with strides: three times as many
    pictures a second, which in an hour without a GPU counts for more (`benchmarks/race.py`).
    """

    size: int = 64
    z_dim: int = 64
    w_dim: int = 64
    width: int = 24
    scorer_width: int = 24
    growth: int = 5
    scorer_growth: int = 4
    channels: int = 3
    rows: int = _BASE
    columns: int = _BASE
    classes: int = 0
    design: int = 1

    @property
    def blocks(self) -> int:
        """How often the generator doubles its 4 px map."""
        return (self.size // _BASE).bit_length() - 1

    @property
    def num_ws(self) -> int:
        """One w for the first map, one a block."""
        return 1 + self.blocks

    @property
    def picture(self) -> tuple[int, int, int]:
        """Channels, height and width of the pictures."""
        return self.channels, self.rows << self.blocks, self.columns << self.blocks


def channels_at(width: int, growth: int, halvings: int) -> int:
    """Channels of a map that is ``halvings`` times halved: doubled each time from ``width``, up to ``growth`` times."""
    return width * min(1 << halvings, growth)


def shape_of(config: Mapping[str, object]) -> QuickConfig:
    """Read the shape from the config of our own checkpoints."""
    given = config.get("config")
    if not isinstance(given, Mapping):
        raise CheckpointError("its metadata lacks the network's configuration", fix="use the file that train wrote")
    try:
        shape = QuickConfig(**{str(key): int(value) for key, value in given.items()})
    except (TypeError, ValueError) as error:
        raise CheckpointError("its metadata holds an unknown configuration", fix="update ganplugin") from error
    if shape.size not in (8, 16, 32, 64, 128, 256):
        raise CheckpointError(f"its metadata names an impossible size, {shape.size}")
    if shape.design not in (1, 2):
        raise CheckpointError(f"its metadata names an unknown design, {shape.design}", fix="update ganplugin")
    if not (1 <= shape.rows <= _MOST_ROWS and 1 <= shape.columns <= _MOST_ROWS):
        raise CheckpointError(f"its metadata names an impossible base, {shape.rows} x {shape.columns}")
    return shape
