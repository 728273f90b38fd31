from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from ganplugin.errors import CheckpointError, InputError
from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.models.families import FAMILIES
from ganplugin.models.mlp import FAMILY, SCORER_FAMILY
from ganplugin.models.setting import GIVEN
from tests.models.states import Draw, State


def tutorial_state(sizes: tuple[int, ...], *, norms: bool = True, late: bool = False, name: str = "model.") -> State:
    """linear, activation, then linear, norm, activation (late: linear, activation, norm) …, linear, as in tutorials."""
    draw, state, index = Draw(2), OrderedDict[str, torch.Tensor](), 0
    last = len(sizes) - 2
    for layer, (before, after) in enumerate(pairwise(sizes)):
        state[f"{name}{index}.weight"] = draw.weight(after, before)
        state[f"{name}{index}.bias"] = draw.normal(after)
        index += 1
        if norms and 0 < layer < last:
            state |= draw.norm(f"{name}{index + late}", after)
            index += 1
        index += 1
    return state


def reference(
    state: State, z: torch.Tensor, activation: nn.Module, epsilon: float, *, late: bool = False
) -> torch.Tensor:
    modules: dict[str, State] = {}
    for key, tensor in state.items():
        name, _, entry = key.rpartition(".")
        modules.setdefault(name, {})[entry] = tensor
    layers = list(modules.values())
    linears = [index for index, layer in enumerate(layers) if layer["weight"].ndim == 2]
    for index in linears:
        z = z @ layers[index]["weight"].T + layers[index]["bias"]
        norm = layers[index + 1] if index + 1 < len(layers) and "running_mean" in layers[index + 1] else None
        if late and index != linears[-1]:
            z = activation(z)
        if norm is not None:
            z = (z - norm["running_mean"]) / (norm["running_var"] + epsilon).sqrt() * norm["weight"] + norm["bias"]
        if not late and index != linears[-1]:
            z = activation(z)
    return z


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("given", [{}, {"bn_eps": "1e-5", "activation": "relu"}])
def test_the_tutorial_generator_with_defaults_and_settings(given: dict[str, str], late: bool) -> None:
    state = tutorial_state((7, 12, 20, 16, 64), late=late)
    network = FAMILY.rebuild(state, {GIVEN: given})
    z = torch.randn(5, 7)
    activation = nn.ReLU() if given else nn.LeakyReLU(0.2)
    expected = reference(state, z, activation, 1e-5 if given else 0.8, late=late).tanh() / 2 + 0.5
    assert torch.allclose(network.module(z), expected.view(5, 1, 8, 8), atol=1e-5)
    told = {fact.name: fact for fact in network.inferred}
    assert told["norm epsilon"].value == (1e-5 if given else 0.8)
    assert told["norm epsilon"].origin == ("option" if given else "default")
    assert told["widths"].value == "12, 20, 16"


@pytest.mark.parametrize("name", ["", "main.", "net.layers."])
def test_any_names_and_sorted_keys(name: str) -> None:
    state = tutorial_state((5, 8, 9, 10, 11, 3 * 64), name=name)
    ordered = FAMILY.rebuild(state, {})
    resorted = dict(sorted(state.items()))
    assert list(resorted) != list(state)
    z = torch.randn(2, 5)
    assert torch.equal(FAMILY.rebuild(resorted, {}).module(z), ordered.module(z))
    assert ordered.facts["channels"] == "RGB"


def test_names_without_numbers_keep_the_order_of_the_file() -> None:
    draw = Draw(3)
    state = {"fc1.weight": draw.weight(9, 4), "fc2.weight": draw.weight(10, 9), "out.weight": draw.weight(64, 10)}
    z = torch.randn(2, 4)
    expected = nn.functional.leaky_relu(
        nn.functional.leaky_relu(z @ state["fc1.weight"].T, 0.2) @ state["fc2.weight"].T, 0.2
    )
    expected = (expected @ state["out.weight"].T).tanh() / 2 + 0.5
    assert torch.allclose(FAMILY.rebuild(state, {}).module(z).flatten(1), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ({"width": "16"}, (1, 12, 16)),
        ({"height": "16"}, (1, 16, 12)),
        ({"channels": "3"}, (3, 8, 8)),
        ({"channels": "3", "width": "4"}, (3, 16, 4)),
        ({"channels": "1", "width": "48", "height": "4"}, (1, 4, 48)),
        ({}, (3, 8, 8)),
    ],
)
def test_the_shape_of_the_picture_can_be_given(given: dict[str, str], shape: tuple[int, int, int]) -> None:
    network = FAMILY.rebuild(tutorial_state((4, 16, 192)), {GIVEN: given})
    assert network.module(torch.randn(2, 4)).shape == (2, *shape)
    assert (network.facts["height"], network.facts["width"]) == shape[1:]


def test_a_shape_that_does_not_fit_is_refused_with_the_way_to_say_it() -> None:
    for size, given in ((191, {}), (192, {"width": "7"}), (192, {"channels": "2"})):
        with pytest.raises(CheckpointError, match="no picture") as caught:
            FAMILY.rebuild(tutorial_state((4, 16, size)), {GIVEN: given})
        assert "--set width=W" in (caught.value.fix or "")


@pytest.mark.parametrize(("last", "low"), [("sigmoid", 0.0), ("none", 0.0), ("tanh", 0.0)])
def test_the_last_activation(last: str, low: float) -> None:
    state = tutorial_state((4, 16, 64), norms=False)
    z = torch.randn(3, 4)
    raw = reference(state, z, nn.LeakyReLU(0.2), 0.8)
    made = {"sigmoid": raw.sigmoid(), "tanh": raw.tanh() / 2 + 0.5, "none": raw.clamp(-1, 1) / 2 + 0.5}[last]
    pictures = FAMILY.rebuild(state, {GIVEN: {"last_activation": last}}).module(z)
    assert torch.allclose(pictures.flatten(1), made, atol=1e-6)
    assert pictures.min() >= low


def test_the_discriminator_returns_its_logit() -> None:
    state = tutorial_state((64, 20, 10, 1), norms=False, name="")
    assert SCORER_FAMILY.detect(state)
    assert not FAMILY.detect(state)
    network = SCORER_FAMILY.rebuild(state, {})
    images = torch.rand(4, 1, 8, 8)
    expected = reference(state, images.flatten(1) * 2 - 1, nn.LeakyReLU(0.2), 0.8)
    assert torch.allclose(network.module(images), expected.flatten(), atol=1e-5)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"0.weight": torch.ones(64, 4)},
        {"0.weight": torch.ones(8, 4), "2.weight": torch.ones(64, 9)},
        {"0.weight": torch.ones(8, 4), "2.weight": torch.ones(64, 8), "3.weight": torch.ones(64)},
        {"0.weight": torch.ones(8, 4), "2.weight": torch.ones(64, 8), "c.weight": torch.ones(1, 1, 3, 3)},
        {"0.weight": torch.ones(64, 64), "2.weight": torch.ones(64, 64)},
        {"0.weight": torch.ones(8, 4), "2.weight": torch.ones(9, 8)},
    ],
)
def test_other_chains_are_not_taken(state: State) -> None:
    assert not FAMILY.detect(state)
    assert not SCORER_FAMILY.detect(state)
    for family in (FAMILY, SCORER_FAMILY):
        with pytest.raises(CheckpointError):
            family.rebuild(state, {})


def test_a_misshapen_bias_is_refused() -> None:
    state = tutorial_state((4, 16, 64))
    with pytest.raises(CheckpointError, match="almost an MLP GAN"):
        FAMILY.rebuild({**state, "model.0.bias": torch.ones(3)}, {})


class Generator(nn.Module):
    """A generator as somebody pickles it whole: its own epsilon, activation and end."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.model = nn.Sequential(
            nn.Linear(4, 9), nn.ELU(), nn.Linear(9, 8), nn.BatchNorm1d(8, 0.3), nn.ELU(), nn.Linear(8, 64), nn.Sigmoid()
        )


def test_a_whole_pickled_module_says_its_activations_and_epsilon(tmp_path: Path) -> None:
    module = Generator().eval()
    torch.save(module, tmp_path / "generator.pt")
    (match,) = matches_of(load_checkpoint(tmp_path / "generator.pt"), FAMILIES)
    network = match.family.rebuild(match.part.state, match.part.config)
    told = {fact.name: (fact.value, fact.origin) for fact in network.inferred}
    assert told["activation"] == ("elu", "metadata")
    assert told["norm epsilon"] == (0.3, "metadata")
    assert told["last activation"] == ("sigmoid", "metadata")
    z = torch.randn(2, 4)
    assert torch.allclose(network.module(z).flatten(1), module.model(z), atol=1e-6)


def test_a_setting_that_the_family_does_not_have_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "generator.pth"
    torch.save(tutorial_state((4, 16, 12, 64)), file)
    with pytest.raises(InputError, match="no setting 'bn_epsilon'") as caught:
        export_checkpoint(file, options=ExportOptions(settings={"bn_epsilon": "1e-5"}))
    assert "bn_eps" in (caught.value.fix or "")


def conditional(classes: int, sizes: tuple[int, ...], name: str) -> State:
    """The tutorial's chain after an embedding of as many values as classes."""
    state = tutorial_state((sizes[0] + classes, *sizes[1:]))
    return {f"{name}.weight": Draw(4).normal(classes, classes, scale=1.0), **state}


@pytest.mark.parametrize("given", [{}, {"label_place": "last"}])
def test_a_conditional_generator_takes_a_label(given: dict[str, str]) -> None:
    state = conditional(3, (5, 12, 16, 64), "label_emb")
    assert [family.id for family in FAMILIES if family.detect(state)] == ["mlp-gan"]
    network = FAMILY.rebuild(state, {GIVEN: given})
    assert (network.facts["z_dim"], network.facts["classes"]) == (5, ("0", "1", "2"))
    z, label = torch.randn(4, 5), torch.eye(3)[[2, 0, 1, 1]]
    rest = {key: value for key, value in state.items() if not key.startswith("label")}
    pair = (state["label_emb.weight"][label.argmax(1)], z)
    joined = torch.cat(pair[::-1] if given else pair, dim=1)
    expected = reference(rest, joined, nn.LeakyReLU(0.2), 0.8).tanh() / 2 + 0.5
    assert torch.allclose(network.module(z, label).flatten(1), expected, atol=1e-5)


def test_a_conditional_discriminator_sees_the_label_after_the_picture() -> None:
    state = conditional(3, (64, 12, 16, 1), "label_embedding")
    assert [family.id for family in FAMILIES if family.detect(state)] == ["mlp-gan-scorer"]
    network = SCORER_FAMILY.rebuild(state, {})
    images, label = torch.rand(2, 1, 8, 8), torch.eye(3)[[2, 0]]
    rest = {key: value for key, value in state.items() if not key.startswith("label")}
    joined = torch.cat((images.flatten(1) * 2 - 1, state["label_embedding.weight"][label.argmax(1)]), dim=1)
    expected = reference(rest, joined, nn.LeakyReLU(0.2), 0.8).flatten()
    assert torch.allclose(network.module(images, label), expected, atol=1e-5)


def test_a_norm_without_its_statistics_is_told_what_it_lacks() -> None:
    state = tutorial_state((4, 16, 12, 64))
    del state["model.3.running_mean"]
    assert FAMILY.detect(state)
    with pytest.raises(CheckpointError, match=r"almost an MLP GAN.*running_mean"):
        FAMILY.rebuild(state, {})
