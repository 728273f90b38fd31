"""Picture-to-picture networks written out as their own projects' users have them, with weights that are not trivial."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = dict[str, Tensor]
Norm = Callable[[int], nn.Module]


def lively(module: nn.Module, seed: int = 3) -> nn.Module:
    """Give every weight, bias and running statistic a value that would be missed."""
    random = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("filt"):
            centre = 1.0 if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")) else 0.0
            spread = 0.4 if tensor.ndim == 1 else 3 / (tensor[0].numel() ** 0.5)
            tensor.copy_(centre + spread * (torch.rand(tensor.shape, generator=random) - 0.5))
    return module.eval()


def spectral(module: nn.Module, channels: int = 3) -> nn.Module:
    """Put spectral norm on every convolution, with vectors that have not converged."""
    torch.manual_seed(5)
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.utils.spectral_norm(layer)
    with torch.no_grad():
        module.train()(torch.rand(1, channels, 64, 64))
    return module.eval()


class Around(nn.Module):
    """A residual block whose inner chain has the name that its project gives it."""

    def __init__(self, name: str, inner: nn.Sequential) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, inner)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.get_submodule(self.name)(x)


def kernel(taps: int, channels: int, gain: float = 1.0) -> Tensor:
    row = {3: torch.tensor([1.0, 2, 1]), 4: torch.tensor([1.0, 3, 3, 1])}[taps]
    square = row[:, None] * row
    return (gain * square / square.sum()).repeat(channels, 1, 1, 1)


class Down(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", kernel(3, channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), self.filt, stride=2, groups=x.shape[1])


class Up(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("filt", kernel(4, channels, 4.0))

    def forward(self, x: Tensor) -> Tensor:
        wide = F.conv_transpose2d(
            F.pad(x, (1, 1, 1, 1), "replicate"), self.filt, stride=2, padding=2, groups=x.shape[1]
        )
        return wide[:, :, 1:-1, 1:-1]


def resnet(
    *,
    channels: tuple[int, int] = (3, 3),
    width: int = 4,
    halvings: int = 2,
    blocks: int = 2,
    norm: Norm = nn.InstanceNorm2d,
    bias: bool = True,
    dropout: bool = False,
    block_name: str = "conv_block",
    blurred: bool = False,
    doubling: str = "",
    pad: type[nn.Module] = nn.ReflectionPad2d,
) -> nn.Module:
    """The ResNet generator of CycleGAN, CUT (``blurred``) and pix2pixHD (three or more halvings)."""
    widths = [width * 2**i for i in range(halvings + 1)]
    layers: list[nn.Module] = [pad(3), nn.Conv2d(channels[0], width, 7, bias=bias)]
    layers += [norm(width), nn.ReLU()]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, 1 if blurred else 2, 1, bias=bias), norm(after), nn.ReLU()]
        layers += [Down(after)] if blurred else []
    for _ in range(blocks):
        layers.append(Around(block_name, _inner(widths[-1], norm, bias, dropout, pad)))
    for before, after in pairwise(reversed(widths)):
        layers += _doubled(before, after, bias, doubling or ("blurred" if blurred else "transposed"))
        layers += [norm(after), nn.ReLU()]
    layers += [pad(3), nn.Conv2d(width, channels[1], 7), nn.Tanh()]
    return lively(_Named(model=nn.Sequential(*layers)))


def _inner(
    width: int, norm: Norm, bias: bool, dropout: bool, pad: type[nn.Module] = nn.ReflectionPad2d
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for last in (False, True):
        layers += [pad(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]
        layers += [] if last else [nn.ReLU(), *([nn.Dropout(0.5)] if dropout else [])]
    return nn.Sequential(*layers)


def _doubled(before: int, after: int, bias: bool, way: str) -> list[nn.Module]:
    conv = nn.Conv2d(before, after, 3, 1, 0 if way == "padded" else 1, bias=bias)
    ways: dict[str, list[nn.Module]] = {
        "transposed": [nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1, bias=bias)],
        "blurred": [Up(before), conv],
        "nearest": [nn.Upsample(scale_factor=2), conv],
        "padded": [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), conv],
    }
    return ways[way]


class _Named(nn.Module):
    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)

    def forward(self, x: Tensor) -> Tensor:
        for child in self.children():
            x = child(x)
        return x


def patch_discriminator(
    *, channels: int = 3, width: int = 2, halvings: int = 3, norm: Norm = nn.InstanceNorm2d, blurred: bool = False
) -> nn.Module:
    """PatchGAN as CycleGAN and pix2pix have it, or CUT (``blurred``)."""
    bias = norm is nn.InstanceNorm2d
    widths = [width * min(2**i, 8) for i in range(halvings + 1)]
    stride = 1 if blurred else 2
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride, 1), nn.LeakyReLU(0.2)]
    layers += [Down(width)] if blurred else []
    for index, (before, after) in enumerate(pairwise(widths), start=1):
        halves = index < halvings
        layers += [nn.Conv2d(before, after, 4, stride if halves else 1, 1, bias=bias), norm(after), nn.LeakyReLU(0.2)]
        layers += [Down(after)] if blurred and halves else []
    layers.append(nn.Conv2d(widths[-1], 1, 4, 1, 1))
    return lively(_Named(model=nn.Sequential(*layers)))


def pixel_discriminator(*, channels: int = 3, width: int = 4, norm: Norm = nn.InstanceNorm2d) -> nn.Module:
    """PixelGAN as CycleGAN and pix2pix have it."""
    bias = norm is nn.InstanceNorm2d
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 1), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(width, 2 * width, 1, bias=bias), norm(2 * width), nn.LeakyReLU(0.2)]
    return lively(_Named(net=nn.Sequential(*layers, nn.Conv2d(2 * width, 1, 1, bias=bias))))


def bare_patch_discriminator(*, width: int = 2) -> nn.Module:
    """PatchGAN of forks with spectral norm and no other."""
    layers: list[nn.Module] = []
    for before, after, stride in ((3, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 1)):
        layers += [nn.Conv2d(before, after, 4, stride, 1), nn.LeakyReLU(0.2)]
    return lively(_Named(model=nn.Sequential(*layers, nn.Conv2d(4 * width, 1, 4, 1, 1))))


def feature_encoder(*, width: int = 2, halvings: int = 2) -> nn.Module:
    """pix2pixHD's netE: a generator without residual blocks."""
    widths = [width * 2**i for i in range(halvings + 1)]
    layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, 2, 1), nn.InstanceNorm2d(after), nn.ReLU()]
    for before, after in pairwise(reversed(widths)):
        layers += [*_doubled(before, after, True, "transposed"), nn.InstanceNorm2d(after), nn.ReLU()]
    return lively(_Named(model=nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh())))


class UnetBlock(nn.Module):
    """One level of pix2pix's U-Net; ``inside`` is the next level, None at the bottom."""

    def __init__(
        self, channels: tuple[int, int, int], inside: UnetBlock | None, norm: Norm, bias: bool, top: bool
    ) -> None:
        super().__init__()
        before, within, after = channels
        self.top = top
        down = nn.Conv2d(before, within, 4, 2, 1, bias=bias)
        up = nn.ConvTranspose2d(within * (1 if inside is None else 2), after, 4, 2, 1, bias=bias or top)
        layers: list[nn.Module | None]
        if top:
            layers = [down, inside, nn.ReLU(), up, nn.Tanh()]
        elif inside is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm(after)]
        else:
            layers = [nn.LeakyReLU(0.2), down, norm(within), inside, nn.ReLU(), up, norm(after), nn.Dropout(0.5)]
        self.model = nn.Sequential(*(layer for layer in layers if layer is not None))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.model(x)
        return inner if self.top else torch.cat([x, inner], 1)


def unet(
    *, channels: tuple[int, int] = (3, 3), width: int = 3, depth: int = 4, norm: Norm = nn.BatchNorm2d
) -> nn.Module:
    """The U-Net generator of pix2pix: ``depth`` halvings."""
    bias = norm is nn.InstanceNorm2d
    widths = [width * min(2**i, 8) for i in range(depth)]
    block: UnetBlock | None = None
    for before, within in reversed(list(pairwise(widths))):
        block = UnetBlock((before, within, before), block, norm, bias, top=False)
    return lively(_Named(model=UnetBlock((channels[0], width, channels[1]), block, norm, bias, top=True)))


class LocalEnhancer(nn.Module):
    """pix2pixHD's generator with local enhancers, the names and order of its own project."""

    def __init__(self, channels: tuple[int, int], width: int, enhancers: int, halvings: int, norm: Norm) -> None:
        super().__init__()
        self.enhancers = enhancers
        inside = resnet(channels=channels, width=width * 2**enhancers, halvings=halvings, blocks=1, norm=norm)
        whole = inside.get_submodule("model")
        assert isinstance(whole, nn.Sequential)
        self.model = whole[:-3]
        for n in range(1, enhancers + 1):
            full = width * 2 ** (enhancers - n)
            down = [nn.ReflectionPad2d(3), nn.Conv2d(channels[0], full, 7), norm(full), nn.ReLU()]
            down += [nn.Conv2d(full, 2 * full, 3, 2, 1), norm(2 * full), nn.ReLU()]
            blocks = [Around("conv_block", _inner(2 * full, norm, True, False)) for _ in range(2)]
            up: list[nn.Module] = [*blocks, nn.ConvTranspose2d(2 * full, full, 3, 2, 1, output_padding=1)]
            up += [norm(full), nn.ReLU()]
            if n == enhancers:
                up += [nn.ReflectionPad2d(3), nn.Conv2d(full, channels[1], 7), nn.Tanh()]
            self.add_module(f"model{n}_1", nn.Sequential(*down))
            self.add_module(f"model{n}_2", nn.Sequential(*up))

    def forward(self, x: Tensor) -> Tensor:
        pictures = [x]
        for _ in range(self.enhancers):
            pictures.append(nn.AvgPool2d(3, 2, 1, count_include_pad=False)(pictures[-1]))
        y = self.model(pictures[-1])
        for n in range(1, self.enhancers + 1):
            down, up = self.get_submodule(f"model{n}_1"), self.get_submodule(f"model{n}_2")
            y = up(down(pictures[self.enhancers - n]) + y)
        return y


def local_enhancer(
    *,
    channels: tuple[int, int] = (3, 3),
    width: int = 2,
    enhancers: int = 1,
    halvings: int = 2,
    norm: Norm = nn.InstanceNorm2d,
) -> nn.Module:
    """pix2pixHD's local generator with weights that are not trivial."""
    return lively(LocalEnhancer(channels, width, enhancers, halvings, norm))
