"""The quick family in training, as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ganplugin.models.players.player import Judge, StyledPainter
from ganplugin.models.quick import QuickGenerator, load
from ganplugin.models.quick_scorer import QuickDiscriminator
from ganplugin.models.quick_shape import QuickConfig, shape_of

__all__ = ["QuickJudge", "QuickPainter", "fresh", "loaded"]


class QuickPainter(StyledPainter):
    """The generator."""

    def __init__(self, config: QuickConfig) -> None:
        super().__init__()
        self.network = QuickGenerator(config)
        self.z_dim, self.num_ws = config.z_dim, config.num_ws

    @property
    def centre(self) -> Tensor:
        """The mean w."""
        return self.network.w_avg

    def map(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return w [batch, w_dim]."""
        return self.network.map(z, label)

    def synthesize(self, ws: Tensor) -> Tensor:
        """Return pictures of ws [batch, num_ws, w_dim]."""
        return self.network.synthesize(ws)

    def file_state(self) -> dict[str, Tensor]:
        """Return the network's own state."""
        return self.network.state_dict()


class QuickJudge(Judge):
    """The discriminator."""

    def __init__(self, config: QuickConfig) -> None:
        super().__init__()
        self.network = QuickDiscriminator(config)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return one score a picture."""
        score: Tensor = self.network(image, label)
        return score

    def file_state(self) -> dict[str, Tensor]:
        """Return the network's own state."""
        return self.network.state_dict()

    def early(self) -> Sequence[nn.Module]:
        """Return what looks at the picture, then the blocks."""
        return (self.network.from_rgb, *self.network.blocks)


def fresh(config: QuickConfig) -> tuple[QuickPainter, QuickJudge]:
    """Return new networks."""
    return QuickPainter(config), QuickJudge(config)


def loaded(
    generator: Mapping[str, Tensor], scorer: Mapping[str, Tensor], config: Mapping[str, object]
) -> tuple[QuickPainter, QuickJudge]:
    """Return the networks of a file. Raises `CheckpointError` if its tensors do not fit its configuration."""
    painter, judge = fresh(shape_of(config))
    load(painter.network, generator)
    load(judge.network, scorer)
    return painter, judge
