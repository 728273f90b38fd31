"""GANs as tutorials and courses write them, with weights and statistics that are not trivial: what files hold."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BIASED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.LayerNorm, nn.GroupNorm)


def lively(module: nn.Module) -> nn.Module:
    """Return the module in eval mode with random weights that keep the scale, and random statistics."""
    torch.manual_seed(3)
    for layer in module.modules():
        weight = getattr(layer, "weight_orig", getattr(layer, "weight", None))
        if isinstance(layer, BIASED) and weight is not None:
            fan_in = weight[0].numel()
            if isinstance(layer, nn.ConvTranspose2d):
                fan_in = weight[:, 0].numel() / layer.stride[0] ** 2
            nn.init.normal_(weight, 0, 1.3 / fan_in**0.5)
        if isinstance(layer, NORMS) and weight is not None:
            nn.init.normal_(weight, 1, 0.2)
        if isinstance(layer, (*BIASED, *NORMS)) and layer.bias is not None:
            nn.init.normal_(layer.bias, 0, 0.2)
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(layer.running_mean, 0, 0.3)
            nn.init.uniform_(layer.running_var, 0.3, 2)
    return module.eval()


def grown(before: int, after: int, kernel: int = 4, stride: int = 2, padding: int = 1, *, bias: bool = False) -> list:
    return [nn.ConvTranspose2d(before, after, kernel, stride, padding, bias=bias), nn.BatchNorm2d(after), nn.ReLU()]


class Blocks(nn.Module):
    """A generator of nested blocks, its last convolution outside them (Aladdin Persson's, Lightning Bolts')."""

    def __init__(self, nz: int = 6, nc: int = 3) -> None:
        super().__init__()
        blocks = [nn.Sequential(*grown(nz, 12, 4, 1, 0)), nn.Sequential(*grown(12, 8))]
        self.net = nn.Sequential(*blocks, nn.ConvTranspose2d(8, nc, 4, 2, 1), nn.Tanh())

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.net(z[:, :, None, None])


class Course(nn.Module):
    """deeplearning.ai's generator of digits: kernels 3, 4, 3, 4 and no padding, 28 x 28."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((5, 16, 3, 2), (16, 8, 4, 1), (8, 6, 3, 2))
        blocks = [nn.Sequential(*grown(*size, 0, bias=True)) for size in sizes]
        self.gen = nn.Sequential(*blocks, nn.Sequential(nn.ConvTranspose2d(6, 1, 4, 2), nn.Tanh()))

    def forward(self, z: Tensor) -> Tensor:
        return self.gen(z[:, :, None, None])


class Named(nn.Module):
    """A generator of attributes and functions, each norm named after its convolution (znxlwm's)."""

    def __init__(self) -> None:
        super().__init__()
        for place, (before, after, stride, padding) in enumerate(((6, 12, 1, 0), (12, 8, 2, 1), (8, 8, 2, 1)), 1):
            setattr(self, f"deconv{place}", nn.ConvTranspose2d(before, after, 4, stride, padding))
            setattr(self, f"deconv{place}_bn", nn.BatchNorm2d(after))
        self.deconv4 = nn.ConvTranspose2d(8, 1, 4, 2, 1)

    def forward(self, z: Tensor) -> Tensor:
        x = z[:, :, None, None]
        for place in "123":
            x = F.relu(getattr(self, f"deconv{place}_bn")(getattr(self, f"deconv{place}")(x)))
        return torch.tanh(self.deconv4(x))


class Doubling(nn.Module):
    """eriklindernoren's: a projection, doublings, plain convolutions, and 0.8 where most norms have 1e-5.

    With ``classes`` the label multiplies the latent (AC-GAN); without ``normed`` the first norm is missing (LSGAN).
    """

    def __init__(self, side: int = 16, nc: int = 1, *, normed: bool = True, classes: int = 0) -> None:
        super().__init__()
        self.side = side // 4
        if classes:
            self.label_emb = nn.Embedding(classes, 6)
        self.l1 = nn.Sequential(nn.Linear(6, 8 * self.side**2))
        inner = (*self.doubled(8, 8), *self.doubled(8, 5), nn.Conv2d(5, nc, 3, 1, 1), nn.Tanh())
        self.conv_blocks = nn.Sequential(*([nn.BatchNorm2d(8)] if normed else []), *inner)

    def doubled(self, before: int, after: int) -> list:
        convolution = nn.Conv2d(before, after, 3, 1, 1)
        return [nn.Upsample(scale_factor=2), convolution, nn.BatchNorm2d(after, 0.8), nn.LeakyReLU(0.2)]

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        z = z if label is None else self.label_emb(label.argmax(1)) * z
        return self.conv_blocks(torch.unflatten(self.l1(z), 1, (8, self.side, self.side)))


class Projected(nn.Module):
    """A projection of attributes, then transposed convolutions of one kernel; ``active`` if its values are rectified.

    With kernels of 5 on maps of 7 x 7 it is TensorFlow's tutorial, whose first convolution keeps the side.
    """

    def __init__(self, kernel: int, side: int, strides: tuple[int, ...] = (2, 2), *, active: bool = True) -> None:
        super().__init__()
        self.side, self.active = side, active
        self.fc = nn.Linear(6, 8 * side**2, bias=not active)
        if active:
            self.bn0 = nn.BatchNorm1d(8 * side**2)
        widths = (8, *(6 for _ in strides[1:]), 1)
        layers: list[nn.Module] = []
        for place, stride in enumerate(strides):
            padding = -(-(kernel - stride) // 2)
            spare = stride - kernel + 2 * padding
            layers += [nn.ConvTranspose2d(widths[place], widths[place + 1], kernel, stride, padding, spare, bias=False)]
            layers += [nn.BatchNorm2d(widths[place + 1]), nn.ReLU()] if place < len(strides) - 1 else [nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        x = self.fc(z)
        x = F.relu(self.bn0(x)) if self.active else x
        return self.main(torch.unflatten(x, 1, (8, self.side, self.side)))


class Flat(nn.Sequential):
    """A module that is one Sequential, with its reshape inside."""

    def __init__(self, *between: nn.Module) -> None:
        ends = (*grown(8, 6), nn.ConvTranspose2d(6, 3, 4, 2, 1), nn.Tanh())
        super().__init__(nn.Linear(6, 8 * 16), *between, *ends)


class Conditional(Blocks):
    """A generator that takes an embedded label after its latent (Aladdin Persson's)."""

    def __init__(self) -> None:
        super().__init__(nz=6 + 4)
        self.embed = nn.Embedding(5, 4)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        assert label is not None
        return super().forward(torch.cat((z, self.embed(label.argmax(1))), dim=1))


class Odd(nn.Module):
    """A generator of windows and activations that nobody would guess."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.ConvTranspose2d(6, 8, 3, 2),
            nn.BatchNorm2d(8, 0.01),
            nn.LeakyReLU(0.3),
            nn.Dropout(0.3),
            nn.ConvTranspose2d(8, 8, 5, 3, 1, 1),
            nn.ELU(),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            nn.Conv2d(8, 6, 3, 1, 1),
            nn.ConvTranspose2d(6, 3, 1),
            nn.Sigmoid(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z[:, :, None, None]) * 2 - 1


def shrunk(before: int, after: int, *norm: nn.Module, bias: bool = True) -> list:
    return [nn.Conv2d(before, after, 4, 2, 1, bias=bias), *norm, nn.LeakyReLU(0.2)]


class Critic(nn.Module):
    """Nested blocks with a norm in each but the ends (Aladdin Persson's WGAN-GP); its last convolution strides by 2."""

    def __init__(self, norm: type[nn.Module] = nn.BatchNorm2d, nc: int = 3, **options: bool) -> None:
        super().__init__()
        inner = (nn.Sequential(*shrunk(a, b, norm(b, **options), bias=False)) for a, b in ((6, 8), (8, 10)))
        self.disc = nn.Sequential(*shrunk(nc, 6), *inner, nn.Conv2d(10, 1, 4, 2, 0))

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        return self.disc(image)


class Labelled(Critic):
    """A critic that sees its label as one more channel."""

    def __init__(self) -> None:
        super().__init__(nn.InstanceNorm2d, 4, affine=True)
        self.embed = nn.Embedding(5, 32 * 32)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        assert label is not None
        return super().forward(torch.cat((image, self.embed(label.argmax(1)).view(-1, 1, 32, 32)), dim=1))


class CourseJudge(nn.Module):
    """deeplearning.ai's discriminator of digits: kernels of 4 and no padding, a norm after the first too."""

    def __init__(self, *, spectral: bool = False) -> None:
        super().__init__()
        layers = [nn.Conv2d(before, after, 4, 2) for before, after in ((1, 6), (6, 8), (8, 1))]
        first, second, last = (nn.utils.spectral_norm(layer) for layer in layers) if spectral else layers
        blocks = ((first, nn.BatchNorm2d(6), nn.LeakyReLU(0.2)), (second, nn.BatchNorm2d(8), nn.LeakyReLU(0.2)))
        self.disc = nn.Sequential(*(nn.Sequential(*block) for block in blocks), nn.Sequential(last))

    def forward(self, image: Tensor) -> Tensor:
        return self.disc(image)


class Halving(nn.Module):
    """eriklindernoren's discriminator: norms of epsilon 0.8 after activation and dropout; heads beside the judge's."""

    def __init__(self, side: int = 32, nc: int = 1, *, heads: bool = False) -> None:
        super().__init__()
        widths = (nc, 5, 6, 7, 8)
        self.model = nn.Sequential(*(layer for place in range(4) for layer in self.halved(widths, place)))
        self.adv_layer = nn.Sequential(nn.Linear(8 * (side // 16) ** 2, 1))
        if heads:
            self.aux_layer = nn.Sequential(nn.Linear(8 * (side // 16) ** 2, 10), nn.Softmax(dim=1))
            self.latent_layer = nn.Sequential(nn.Linear(8 * (side // 16) ** 2, 2))

    def halved(self, widths: tuple[int, ...], place: int) -> list:
        layers = [nn.Conv2d(widths[place], widths[place + 1], 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
        return [*layers, *([nn.BatchNorm2d(widths[place + 1], 0.8)] if place else [])]

    def forward(self, image: Tensor) -> Tensor:
        return self.adv_layer(self.model(image).flatten(1))


class Spectral(nn.Module):
    """The plain discriminator of Miyato et al. 2018: kernels of 3 that keep the side between kernels of 4."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((3, 6, 3), (6, 6, 4), (6, 8, 3), (8, 8, 4), (8, 10, 3))
        for place, (before, after, kernel) in enumerate(sizes, 1):
            convolution = nn.Conv2d(before, after, kernel, 2 if kernel == 4 else 1, 1)
            setattr(self, f"conv{place}", nn.utils.parametrizations.spectral_norm(convolution))
        self.fc = nn.utils.parametrizations.spectral_norm(nn.Linear(10 * 16, 1))

    def forward(self, image: Tensor) -> Tensor:
        for place in range(1, 6):
            image = F.leaky_relu(getattr(self, f"conv{place}")(image), 0.1)
        return self.fc(image.flatten(1))
