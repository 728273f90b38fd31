"""What a run of a translation writes down of itself, so that it goes on with the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ganplugin.errors import InputError
from ganplugin.train.translate.games import Weights
from ganplugin.train.translate.methods import METHODS, Method
from ganplugin.train.translate.sides import Frame

__all__ = ["SMALLEST", "Network", "Plan"]

SMALLEST = 16

Network = Literal["resnet", "unet"]


class Plan(BaseModel):
    """The numbers of a run. ``width`` and ``blocks`` are the generator's channels at full size and residual blocks.

    ``content`` and ``identity`` replace the method's own weights. ``reverse`` swaps the collections; ``both`` writes
    the way back of CycleGAN too. ``crops`` and ``flip`` are those of `Frame`, ``augment`` names changes of DiffAugment.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    method: str = "fastcut"
    size: tuple[int, int] = (96, 96)
    crops: int = Field(default=0, ge=0)
    flip: bool = True
    reverse: bool = False
    both: bool = False
    network: Network = "unet"
    width: int = Field(default=24, ge=1)
    blocks: int = Field(default=6, ge=1)
    batch: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=2e-4, gt=0)
    content: float | None = None
    identity: float | None = None
    augment: str = "none"
    seed: int = Field(default=0, ge=0)

    @classmethod
    def of(cls, asked: Mapping[str, object]) -> Plan:
        """Return what was asked for; what is None there as the default. Raises `InputError` as numbers may clash."""
        plan = cls.model_validate({name: value for name, value in asked.items() if value is not None})
        _check(plan)
        return plan

    @property
    def rules(self) -> Method:
        """The method."""
        return METHODS[self.method]

    @property
    def frame(self) -> Frame:
        """The pieces that are learned on."""
        width, height = self.size
        return Frame(width, height, self.crops, flip=self.flip, seed=self.seed)

    @property
    def weights(self) -> Weights:
        """The method's weights, or those that were given."""
        own = self.rules.weights
        content, identity = (
            own if given is None else given
            for given, own in ((self.content, own.content), (self.identity, own.identity))
        )
        return Weights(content, identity, own.equivariant)


def _check(plan: Plan) -> None:
    method = plan.rules
    if plan.both and not method.both_ways:
        raise InputError(f"{method.title} learns one direction", fix="add --method cyclegan, or leave out --both")
    if method.pairs and plan.identity:
        raise InputError("pairs have no identity loss", fix="leave out --identity")
    if method.pairs and "colour" in plan.augment:
        raise InputError("pairs cannot be recoloured", fix="use --augment translation,cutout")
    if min(plan.size) < SMALLEST:
        raise InputError(f"pictures below {SMALLEST} px are too small", fix=f"use --size {SMALLEST} or more")
