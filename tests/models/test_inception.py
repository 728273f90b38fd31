from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ganplugin.models.inception import Inception2015

# Kernel of every convolution; widths are a sixteenth of the published ones, so that a test takes no time.
_POOL = {"branch_pool": (1, 1)}
_FINE = {"branch1x1": (1, 1), "branch5x5_1": (1, 1), "branch5x5_2": (5, 5), "branch3x3dbl_1": (1, 1)}
_FINE |= {"branch3x3dbl_2": (3, 3), "branch3x3dbl_3": (3, 3)} | _POOL
_CROSSED = {"branch1x1": (1, 1), "branch7x7_1": (1, 1), "branch7x7_2": (1, 7), "branch7x7_3": (7, 1)}
_CROSSED |= {f"branch7x7dbl_{i + 1}": kernel for i, kernel in enumerate(((1, 1), (7, 1), (1, 7), (7, 1), (1, 7)))}
_CROSSED |= _POOL
_WIDE = {"branch1x1": (1, 1), "branch3x3_1": (1, 1), "branch3x3_2a": (1, 3), "branch3x3_2b": (3, 1)}
_WIDE |= {"branch3x3dbl_1": (1, 1), "branch3x3dbl_2": (3, 3), "branch3x3dbl_3a": (1, 3), "branch3x3dbl_3b": (3, 1)}
_WIDE |= _POOL
_SHRINKING = {"branch3x3": (3, 3), "branch3x3dbl_1": (1, 1), "branch3x3dbl_2": (3, 3), "branch3x3dbl_3": (3, 3)}
_SHRINKING_CROSSED = {"branch3x3_1": (1, 1), "branch3x3_2": (3, 3), "branch7x7x3_1": (1, 1)}
_SHRINKING_CROSSED |= {"branch7x7x3_2": (1, 7), "branch7x7x3_3": (7, 1), "branch7x7x3_4": (3, 3)}
_ENDS = {
    "5": ("branch1x1", "branch5x5_2", "branch3x3dbl_3", "branch_pool"),
    "6": ("branch1x1", "branch7x7_3", "branch7x7dbl_5", "branch_pool"),
    "7": ("branch1x1", "branch3x3_2a", "branch3x3_2b", "branch3x3dbl_3a", "branch3x3dbl_3b", "branch_pool"),
}
_WIDTH = 4


def checkpoint(width: int = _WIDTH) -> dict[str, Tensor]:
    """Return random tensors of every layer under the published names, each ``width`` channels wide."""
    random = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}

    def put(name: str, before: int, kernel: tuple[int, int]) -> None:
        fan = before * kernel[0] * kernel[1]
        tensors[f"{name}.conv.weight"] = torch.randn(width, before, *kernel, generator=random) * (2 / fan) ** 0.5
        for part, low in (("weight", 0.5), ("bias", 0.0), ("running_mean", -0.5), ("running_var", 0.5)):
            tensors[f"{name}.bn.{part}"] = torch.rand(width, generator=random) + low

    before = 3
    for name, side in (("1a_3x3", 3), ("2a_3x3", 3), ("2b_3x3", 3), ("3b_1x1", 1), ("4a_3x3", 3)):
        put(f"Conv2d_{name}", before, (side, side))
        before = width
    groups = {"5b": _FINE, "5c": _FINE, "5d": _FINE, "6a": _SHRINKING, "6b": _CROSSED, "6c": _CROSSED}
    groups |= {"6d": _CROSSED, "6e": _CROSSED, "7a": _SHRINKING_CROSSED, "7b": _WIDE, "7c": _WIDE}
    for group, layers in groups.items():
        for layer, kernel in layers.items():
            first = layer in ("branch1x1", "branch_pool", "branch3x3") or layer.endswith("_1")
            put(f"Mixed_{group}.{layer}", before if first else width, kernel)
        if group in ("6a", "7a"):
            before += 2 * width  # two convolved branches beside the pooled input
        else:
            before = width * len(_ENDS[group[0]])
    tensors["fc.weight"] = torch.randn(10, before, generator=random)
    tensors["fc.bias"] = torch.randn(10, generator=random)
    return tensors


@torch.inference_mode()
def look(tensors: dict[str, Tensor], side: int = 299) -> tuple[Tensor, Tensor, list[Tensor]]:
    image = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return Inception2015(tensors).eval()(image)


def test_its_maps_have_the_published_sides():
    features, scores, maps = look(checkpoint())
    assert features.shape == (1, 6 * _WIDTH) and scores.shape == (1, 10)
    assert [found.shape[-1] for found in maps] == [73, 35, 17]


def test_the_class_scores_have_no_bias():
    tensors = checkpoint()
    features, scores, _ = look(tensors)
    assert torch.allclose(scores, features @ tensors["fc.weight"].T, rtol=1e-4)


def test_every_tensor_of_the_file_matters_but_the_bias():
    # Positive weights and offsets, so that no ReLU is silent.
    tensors = checkpoint(2)
    for name, value in tensors.items():
        if value.dim() == 4:
            tensors[name] = value.abs() / value.abs().sum((1, 2, 3), keepdim=True)
        elif "mean" in name:
            tensors[name] = torch.zeros(2)
    before = look(tensors, 107)[1]
    for name, value in tensors.items():
        changed = look({**tensors, name: value + 0.25 + value.abs()}, 107)[1]
        assert torch.equal(changed, before) == (name == "fc.bias"), name


def test_the_last_pooling_takes_a_maximum_as_in_the_graph_that_papers_used():
    # Verified once against torch-fidelity's network with all its 24 million weights drawn at random: 1e-6.
    found = look(checkpoint())[0]
    assert found.double().sum() == pytest.approx(41.534777, rel=1e-4)


def test_a_missing_tensor_is_named():
    tensors = checkpoint(1)
    del tensors["Mixed_6c.branch7x7_2.conv.weight"]
    with pytest.raises(KeyError, match=r"Mixed_6c\.branch7x7_2"):
        Inception2015(tensors)
