from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ganplugin.models.efficientnet_lite import EfficientNetLite0

# repeats, kernel, stride, expansion, channels: the table of the paper.
TABLE = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def checkpoint() -> dict[str, Tensor]:
    """Return random tensors under the names of the published checkpoint."""
    random = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}

    def put(conv: str, norm: str, *shape: int) -> None:
        fan = shape[1] * shape[2] * shape[3]
        tensors[f"{conv}.weight"] = torch.randn(shape, generator=random) * (2 / fan) ** 0.5
        for name, low in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
            tensors[f"{norm}.{name}"] = torch.rand(shape[0], generator=random) + low
        tensors[f"{norm}.num_batches_tracked"] = torch.tensor(1)

    put("_conv_stem", "_bn0", 32, 3, 3, 3)
    before, index = 32, 0
    for repeats, kernel, _, expansion, channels in TABLE:
        for _ in range(repeats):
            block, wide = f"_blocks.{index}", before * expansion
            if expansion > 1:
                put(f"{block}._expand_conv", f"{block}._bn0", wide, before, 1, 1)
            put(f"{block}._depthwise_conv", f"{block}._bn1", wide, 1, kernel, kernel)
            put(f"{block}._project_conv", f"{block}._bn2", channels, wide, 1, 1)
            before, index = channels, index + 1
    put("_conv_head", "_bn1", 1280, before, 1, 1)
    tensors["_fc.weight"] = torch.randn(1000, 1280, generator=random) / 36
    tensors["_fc.bias"] = torch.randn(1000, generator=random)
    return tensors


def reference(tensors: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Compute features and class scores with the normalisations as they stand in the checkpoint."""

    def step(x: Tensor, conv: str, norm: str, *, stride: int = 1, groups: int = 1, relu: bool = True) -> Tensor:
        weight = tensors[f"{conv}.weight"]
        size, kernel = x.shape[-1], weight.shape[-1]
        needed = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        x = F.pad(x, [needed // 2, needed - needed // 2] * 2)
        x = F.conv2d(x, weight, stride=stride, groups=groups)
        mean, var, gain, bias = (
            tensors[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        )
        x = F.batch_norm(x, mean, var, gain, bias, eps=1e-3)
        return F.relu6(x) if relu else x

    x, index = step(x, "_conv_stem", "_bn0", stride=2), 0
    for repeats, _, stride, expansion, _ in TABLE:
        for repeat in range(repeats):
            block, before = f"_blocks.{index}", x
            if expansion > 1:
                x = step(x, f"{block}._expand_conv", f"{block}._bn0")
            now = stride if repeat == 0 else 1
            x = step(x, f"{block}._depthwise_conv", f"{block}._bn1", stride=now, groups=x.shape[1])
            x = step(x, f"{block}._project_conv", f"{block}._bn2", relu=False)
            x, index = x + before if repeat else x, index + 1
    features = step(x, "_conv_head", "_bn1").mean((2, 3))
    return features, F.linear(features, tensors["_fc.weight"], tensors["_fc.bias"])


@torch.inference_mode()
def test_the_folded_network_is_the_published_one():
    tensors = checkpoint()
    network = EfficientNetLite0(tensors).eval()
    for side in (64, 52):
        image = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(side))
        features, scores, maps = network(image)
        expected = reference(tensors, image)
        assert torch.allclose(features, expected[0], atol=1e-3 * float(expected[0].abs().max()))
        assert torch.allclose(scores, expected[1], atol=1e-3 * float(expected[1].abs().max()))
    assert [found.shape[1] for found in maps] == [16, 24, 40, 112, 320]
