from __future__ import annotations

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError
from ganplugin.models.spectral_norm import folded


def trained(module: nn.Module) -> nn.Module:
    with torch.no_grad():
        for _ in range(3):
            module(torch.randn(2, 6, 5, 5))
    return module.eval()


@pytest.mark.parametrize("style", [nn.utils.spectral_norm, nn.utils.parametrizations.spectral_norm])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_both_styles_fold_to_what_the_module_computes(style: type, kind: type[nn.Conv2d | nn.ConvTranspose2d]) -> None:
    torch.manual_seed(4)
    module = nn.Sequential(nn.ReLU(), trained(style(kind(6, 7, 3))))
    state = module.state_dict()
    transposed = ("1",) if kind is nn.ConvTranspose2d else ()
    plain = nn.Sequential(nn.ReLU(), kind(6, 7, 3))
    plain.load_state_dict(folded(state, transposed=transposed))
    x = torch.randn(2, 6, 5, 5)
    assert torch.allclose(plain(x), module(x), atol=1e-6)
    assert any("weight" in key for key in state)


def test_the_stored_vectors_count_not_the_true_singular_value() -> None:
    weight, u, v = torch.diag(torch.tensor([3.0, 1.0])), torch.tensor([0.6, 0.8]), torch.tensor([0.8, 0.6])
    result = folded({"a.weight_orig": weight, "a.weight_u": u, "a.weight_v": v, "a.bias": u})
    assert set(result) == {"a.weight", "a.bias"}
    assert torch.allclose(result["a.weight"], weight / (3 * 0.6 * 0.8 + 0.8 * 0.6))


def test_a_module_at_the_top_is_folded_too() -> None:
    plain = {"weight_orig": torch.eye(2), "weight_u": torch.tensor([1.0, 0]), "weight_v": torch.tensor([0.5, 0])}
    assert torch.equal(folded(plain)["weight"], torch.eye(2) * 2)


@pytest.mark.parametrize("broken", [{"a.weight_u": None}, {"a.weight_v": None}, {"a.weight_v": torch.ones(9)}])
def test_missing_and_misshapen_vectors_are_refused(broken: dict[str, torch.Tensor | None]) -> None:
    state = {"a.weight_orig": torch.eye(2), "a.weight_u": torch.ones(2), "a.weight_v": torch.ones(2), **broken}
    with pytest.raises(CheckpointError, match="spectral norm"):
        folded({key: value for key, value in state.items() if value is not None})
