from __future__ import annotations

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError
from ganplugin.models.spectral_norm import folded, folded_names


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


class Stepping(nn.Module):
    """Spectral norm that makes a step of power iteration whenever it is used, and keeps no use for its v."""

    def __init__(self, layer: nn.Module, u: torch.Tensor) -> None:
        super().__init__()
        self.layer, self.u = layer, u

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.layer.weight
        v = weight.flatten(1).T @ self.u
        u = weight.flatten(1) @ (v / v.norm())
        return nn.functional.conv2d(x, weight / u.norm(), self.layer.bias)


@pytest.mark.parametrize("style", ["mimicry", "wrapper"])
def test_styles_that_step_when_they_evaluate(style: str) -> None:
    torch.manual_seed(4)
    layer, u, x = nn.Conv2d(3, 5, 3), torch.randn(5), torch.randn(2, 3, 6, 6)
    if style == "mimicry":
        state = {"c.weight": layer.weight, "c.bias": layer.bias, "c.sn_u": u[None], "c.sn_sigma": torch.ones(1)}
    else:
        state = {"c.bias": layer.bias, "c.weight_u": u, "c.weight_v": torch.randn(27), "c.weight_bar": layer.weight}
    plain = nn.ModuleDict({"c": nn.Conv2d(3, 5, 3)})
    plain.load_state_dict(folded(state))
    assert torch.allclose(plain["c"](x), Stepping(layer, u)(x), atol=1e-6)


def test_folded_names_are_the_names_of_folded_in_the_order_of_the_file() -> None:
    module = nn.Sequential(
        nn.utils.spectral_norm(nn.Linear(3, 4)), nn.utils.parametrizations.spectral_norm(nn.Linear(4, 2))
    )
    state = {**module.state_dict(), "2.weight": torch.eye(2), "2.sn_u": torch.ones(1, 2), "2.sn_sigma": torch.ones(1)}
    names = ["0.bias", "0.weight", "1.bias", "1.weight", "2.weight"]
    assert list(folded_names(state)) == list(folded(state)) == names
    assert folded_names(state)["0.weight"] is state["0.weight_orig"]


@pytest.mark.parametrize("u", [torch.ones(3), torch.ones(())])
def test_a_vector_that_does_not_fit_a_stepping_style_is_refused(u: torch.Tensor) -> None:
    with pytest.raises(CheckpointError, match="spectral norm"):
        folded({"a.weight": torch.eye(2), "a.sn_u": u})
    with pytest.raises(CheckpointError, match="spectral norm"):
        folded({"a.sn_u": u})
