"""DCGAN and MLP GANs in training: chains of layers, made new as tutorials have them, or of any file that is a chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from ganplugin.errors import CheckpointError, InputError
from ganplugin.models import dcgan, dcgan_scorer, mlp
from ganplugin.models.chain_network import LayerChain
from ganplugin.models.label_embedding import split_embedding
from ganplugin.models.network import Family
from ganplugin.models.players.player import Judge, Painter, Picture

__all__ = ["ChainJudge", "ChainPainter", "DcganPlan", "MlpPlan", "fresh_dcgan", "fresh_mlp", "loaded"]

State = dict[str, Tensor]
_DIGITS = 28
_LEAST = 8


class _Chain:
    """A rebuilt chain, open to training, and how its tensors are called in the file."""

    def __init__(self, family: Family, state: Mapping[str, Tensor], config: Mapping[str, object]) -> None:
        network = family.rebuild(state, config)
        self.facts = network.facts
        self.module = network.module.requires_grad_(True).train()
        table = split_embedding(state)[1]
        self.embedding = next((key for key, tensor in state.items() if tensor is table), "")

    @property
    def layers(self) -> LayerChain:
        chain: LayerChain = self.module.chain  # type: ignore[assignment]
        return chain

    def file_state(self) -> State:
        """Return the tensors under the file's names, those of the chain in order."""
        files = {place: name for name, place in self.layers.names.items()}
        state: State = {}
        for key, tensor in self.module.state_dict().items():
            if key.startswith("chain."):
                place, _, entry = key.removeprefix("chain.").partition(".")
                state[f"{files[place]}.{entry}"] = tensor
            else:
                state[self.embedding] = tensor
        return state


class ChainPainter(Painter):
    """A generator that is a chain."""

    def __init__(self, family: Family, state: Mapping[str, Tensor], config: Mapping[str, object]) -> None:
        super().__init__()
        self._chain = _Chain(family, state, config)
        self.network = self._chain.module
        self.z_dim = int(str(self._chain.facts["z_dim"]))

    def paint(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        """Return pictures; see `Painter`."""
        pictures: Tensor = self.network(z, label)
        return pictures

    def file_state(self) -> State:
        """Return the tensors under the file's names."""
        return self._chain.file_state()


class ChainJudge(Judge):
    """A discriminator that is a chain. ``dropout`` follows each activation while training."""

    def __init__(
        self, family: Family, state: Mapping[str, Tensor], config: Mapping[str, object], dropout: float = 0.0
    ) -> None:
        super().__init__()
        self._chain = _Chain(family, state, config)
        self.network = self._chain.module
        if dropout:
            for layer in self._chain.layers:
                if isinstance(layer, nn.LeakyReLU):
                    layer.register_forward_hook(_Dropout(dropout))

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Return the logit of each picture."""
        logits: Tensor = self.network(image, label)
        return logits

    def file_state(self) -> State:
        """Return the tensors under the file's names."""
        return self._chain.file_state()

    def early(self) -> Sequence[nn.Module]:
        """Return the layers with weights but the last, each with its norm."""
        rows: list[list[nn.Module]] = []
        for layer in self._chain.layers:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                rows.append([])
            if rows and any(True for _ in layer.parameters()):
                rows[-1].append(layer)
        return [nn.ModuleList(row) for row in rows[:-1]]


@dataclass(frozen=True)
class _Dropout:
    """A forward hook that drops values while its layer is in training."""

    part: float

    def __call__(self, layer: nn.Module, given: object, made: Tensor) -> Tensor:
        return F.dropout(made, self.part, layer.training)


@dataclass(frozen=True)
class DcganPlan:
    """The shape of both networks: ``width`` channels in the largest map, doubled at each halving.

    ``normed`` puts batch norms into the discriminator, as the paper does; gradient penalties want none there.
    """

    picture: Picture
    width: int = 64
    z_dim: int = 100
    normed: bool = True
    embedded: int = 32


def _kernels(picture: Picture) -> list[int]:
    """Kernels of the generator from the first map up. Raises `InputError` for pictures that the family cannot make."""
    side = picture.height
    if not picture.is_square or not (side == _DIGITS or (side >= 16 and side & (side - 1) == 0)):
        raise InputError(
            f"dcgan makes square pictures of 28, 16, 32, 64, 128 ... px, not {picture.width} x {picture.height}",
            fix="use another --size, or --recipe quick",
        )
    return [4, 3, 4, 4] if side == _DIGITS else [4] * (side.bit_length() - 2)


def _convolved(
    kind: type[nn.Conv2d] | type[nn.ConvTranspose2d], widths: Sequence[int], kernels: Sequence[int], normed: set[int]
) -> nn.Sequential:
    """Return layers in a row with norms after some, one place left for each activation between them."""
    layers: list[nn.Module] = []
    last = len(kernels) - 1
    for index, ((before, after), kernel) in enumerate(zip(pairwise(widths), kernels, strict=True)):
        layer = kind(before, after, kernel, bias=False)
        nn.init.normal_(layer.weight, 0, 0.02)
        layers.append(layer)
        if index in normed:
            norm = nn.BatchNorm2d(after)
            nn.init.normal_(norm.weight, 1, 0.02)
            layers.append(norm)
        if index < last:
            layers.append(nn.Identity())
    return nn.Sequential(*layers)


def _named(main: nn.Module, embed: nn.Module | None) -> State:
    parts = {"main": main} if embed is None else {"main": main, "embed": embed}
    return nn.ModuleDict(parts).state_dict()


def fresh_dcgan(plan: DcganPlan) -> tuple[ChainPainter, ChainJudge]:
    """Return new networks (Radford et al. 2015: weights N(0, 0.02), norms N(1, 0.02)), from torch's random state."""
    picture, kernels = plan.picture, _kernels(plan.picture)
    widths = [plan.width * 2**index for index in range(len(kernels) - 1)]
    classes, last = picture.classes, len(kernels) - 1
    latent = plan.z_dim + (plan.embedded if classes else 0)
    grown = (latent, *widths[::-1], picture.channels)
    painter = _convolved(nn.ConvTranspose2d, grown, kernels, set(range(last)))
    seen = (picture.channels + bool(classes), *widths, 1)
    judge = _convolved(nn.Conv2d, seen, [*kernels[:0:-1], 4], set(range(1, last)) if plan.normed else set())
    embeds = [nn.Embedding(classes, size) if classes else None for size in (plan.embedded, picture.height**2)]
    return (
        ChainPainter(dcgan.FAMILY, _named(painter, embeds[0]), {}),
        ChainJudge(dcgan_scorer.FAMILY, _named(judge, embeds[1]), {}),
    )


@dataclass(frozen=True)
class MlpPlan:
    """The shape of both networks: ``hidden`` widths from the latent up; the discriminator has them the other way."""

    picture: Picture
    hidden: tuple[int, ...] = (256, 512, 1024)
    z_dim: int = 100
    dropout: float = 0.3
    embedded: int = 16

    def __post_init__(self) -> None:
        """Raise `InputError` for oblong pictures: from how many values an MLP takes, only a square can be told."""
        if not self.picture.is_square or self.picture.height < _LEAST:
            raise InputError(f"mlp makes square pictures of at least {_LEAST} px", fix="use --recipe quick")

    @property
    def values(self) -> int:
        """How many values a picture has."""
        return self.picture.channels * self.picture.height * self.picture.width


def picture_config(picture: Picture) -> dict[str, object]:
    """Return what a file must say of the pictures of an MLP, whose tensors only tell how many values they have."""
    return {"channels": picture.channels, "height": picture.height, "width": picture.width}


def _lined(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.Identity()]
    return nn.Sequential(*layers[:-1])


def fresh_mlp(plan: MlpPlan) -> tuple[ChainPainter, ChainJudge]:
    """Return new networks, as torch starts linear layers, from torch's random state."""
    classes, config = plan.picture.classes, picture_config(plan.picture)
    more = plan.embedded if classes else 0
    painter = _lined((plan.z_dim + more, *plan.hidden, plan.values))
    judge = _lined((plan.values + more, *plan.hidden[::-1], 1))
    embeds = [nn.Embedding(classes, more) if classes else None for _ in range(2)]
    return (
        ChainPainter(mlp.FAMILY, _named(painter, embeds[0]), config),
        ChainJudge(mlp.SCORER_FAMILY, _named(judge, embeds[1]), config, plan.dropout),
    )


def loaded(
    generator: Mapping[str, Tensor], scorer: Mapping[str, Tensor], config: Mapping[str, object]
) -> tuple[ChainPainter, ChainJudge]:
    """Return the networks of a file. Raises `CheckpointError` if they are no chains, or do not fit together."""
    painters = [family for family in (dcgan.FAMILY, mlp.FAMILY) if family.detect(generator)]
    judges = [family for family in (dcgan_scorer.FAMILY, mlp.SCORER_FAMILY) if family.detect(scorer)]
    if not painters or not judges:
        raise CheckpointError("holds no pair of chains: a generator and its discriminator")
    return ChainPainter(painters[0], generator, config), ChainJudge(judges[0], scorer, config)
