from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganplugin.errors import CheckpointError, InputError
from ganplugin.export import export_checkpoint
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.models.dcgan import FAMILY
from ganplugin.models.dcgan_scorer import FAMILY as SCORER_FAMILY
from ganplugin.models.families import FAMILIES
from ganplugin.models.setting import GIVEN
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models import tutorials
from tests.models.tutorials import lively


def example_generator(nz: int, widths: tuple[int, ...], nc: int) -> nn.Sequential:
    """The generator as the example's users write it, with weights that are not trivial."""
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(zip((nz, *widths), (*widths, nc), strict=True)):
        layers.append(nn.ConvTranspose2d(before, after, 4, 2 if index else 1, 1 if index else 0, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(True)] if index < len(widths) else [nn.Tanh()]
    module = nn.Sequential(*layers)
    lively(module)
    return module


def example_discriminator(nc: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(zip((nc, *widths[:-1]), widths, strict=True)):
        layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(after)] if index else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
    module = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))
    lively(module)
    return module


def state_of(module: nn.Module, name: str = "main") -> dict[str, Tensor]:
    return {f"{name}.{key}": value for key, value in module.state_dict().items()}


@pytest.mark.parametrize(
    ("nz", "widths", "nc", "name"),
    [(5, (8,), 1, "main"), (7, (12, 8, 4), 3, "main"), (100, (16, 8, 8, 4), 4, "net"), (3, (4, 6, 5, 4, 3), 3, "gen")],
)
def test_the_generator_is_rebuilt_from_shapes_alone(nz: int, widths: tuple[int, ...], nc: int, name: str) -> None:
    example = example_generator(nz, widths, nc)
    state = state_of(example, name)
    assert FAMILY.detect(state)
    assert not SCORER_FAMILY.detect(state)
    network = FAMILY.rebuild(state, {})
    z = torch.randn(3, nz)
    with torch.no_grad():
        expected = (example(z[:, :, None, None]) + 1) / 2
        assert torch.allclose(network.module(z), expected, atol=1e-6)
    assert network.facts["width"] == network.facts["height"] == expected.shape[-1] == 4 * 2 ** len(widths)
    assert network.facts["z_dim"] == nz
    assert expected.std() > 0.01


MNIST = nn.Sequential(
    *tutorials.grown(6, 10, 4, 1, 0),
    *tutorials.grown(10, 8, 3),
    *tutorials.grown(8, 6),
    nn.ConvTranspose2d(6, 1, 4, 2, 1, bias=False),
    nn.Tanh(),
)
CUT = nn.Sequential(
    *tutorials.grown(6, 8, 4, 1, 0),
    *tutorials.grown(8, 8),
    *tutorials.grown(8, 8),
    *tutorials.grown(8, 6),
    nn.ConvTranspose2d(6, 1, 1, 1, 2, bias=False),
    nn.Tanh(),
)
REFINED = nn.Sequential(
    *tutorials.grown(6, 8, 4, 1, 0, bias=True),
    *tutorials.grown(8, 6, bias=True),
    nn.ConvTranspose2d(6, 3, 3, 1, 1),
    nn.Tanh(),
)
INFOGAN = nn.Sequential(
    *tutorials.grown(6, 8, 1, 1, 0), *tutorials.grown(8, 6, 7, 1, 0), nn.ConvTranspose2d(6, 1, 4, 2, 1), nn.Tanh()
)

TUTORIALS: dict[str, tuple[nn.Module, int, dict[str, str]]] = {
    "nested blocks": (tutorials.Blocks(), 16, {}),
    "deeplearning.ai's course": (tutorials.Course(), 28, {}),
    "attributes": (tutorials.Named(), 32, {}),
    "doublings": (tutorials.Doubling(), 16, {}),
    "doublings of a larger map": (tutorials.Doubling(32, 3), 32, {}),
    "doublings without the first norm": (tutorials.Doubling(normed=False), 16, {}),
    "a projection without activation": (tutorials.Projected(4, 4, active=False), 16, {}),
    "a projection, kernels of 4": (tutorials.Projected(4, 4), 16, {}),
    "a projection, kernels of 2": (tutorials.Projected(2, 4), 16, {}),
    "a projection, kernels of 3": (tutorials.Projected(3, 4), 16, {}),
    "a projection, kernels of 5": (tutorials.Projected(5, 4), 16, {}),
    "TensorFlow's tutorial": (tutorials.Projected(5, 7, (1, 2, 2)), 28, {}),
    "one container": (tutorials.Flat(nn.BatchNorm1d(128), nn.ReLU(), nn.Unflatten(1, (8, 4, 4))), 16, {}),
    "one container, norm of maps": (
        tutorials.Flat(nn.Unflatten(1, (8, 4, 4)), nn.BatchNorm2d(8), nn.ReLU()),
        16,
        {},
    ),
    "one container without activation": (tutorials.Flat(nn.Unflatten(1, (8, 4, 4))), 16, {}),
    "one container without norm": (tutorials.Flat(nn.ReLU(), nn.Unflatten(1, (8, 4, 4))), 16, {}),
    "28 x 28 by a kernel of 3": (MNIST, 28, {}),
    "28 x 28 by cutting": (CUT, 28, {}),
    "a last kernel of 3": (REFINED, 8, {}),
    "a first kernel of 1": (INFOGAN, 14, {}),
    "windows that are given": (
        tutorials.Projected(5, 4, (1, 2, 4)),
        32,
        {"strides": "1,2,4", "paddings": "2,2,1", "output_paddings": "0,1,1"},
    ),
    "strides alone": (tutorials.Projected(5, 4, (1, 2, 2)), 16, {"strides": "1,2,2"}),
}


def taken(module: nn.Module, z: Tensor) -> Tensor:
    """z in the shape that a module takes: its first layer may be a convolution."""
    return z[:, :, None, None] if isinstance(module, nn.Sequential) and not isinstance(module[0], nn.Linear) else z


@pytest.mark.parametrize("name", TUTORIALS)
@pytest.mark.parametrize("order", ["of the file", "sorted", "sorted by type"])
def test_tutorials_are_rebuilt_from_their_state_dicts(name: str, order: str) -> None:
    module, side, given = TUTORIALS[name]
    state = dict(lively(module).state_dict())
    if order.startswith("sorted"):
        by_type = order == "sorted by type"
        state = dict(sorted(state.items(), key=lambda item: (by_type and item[1].is_floating_point(), item[0])))
    assert [family.id for family in FAMILIES if family.detect(state)] == ["dcgan"]
    network = FAMILY.rebuild(state, {GIVEN: given})
    z = torch.randn(4, int(str(network.facts["z_dim"])))
    with torch.no_grad():
        expected = module(taken(module, z)) / 2 + 0.5
        assert torch.allclose(network.module(z), expected, atol=1e-5)
    assert network.facts["width"] == expected.shape[-1] == side
    assert expected.std() > 0.01


@pytest.mark.parametrize("name", TUTORIALS)
def test_what_is_told_makes_the_same_network_again(name: str) -> None:
    """Clean weights carry it instead of what was given."""
    module, _, given = TUTORIALS[name]
    state = lively(module).state_dict()
    network = FAMILY.rebuild(state, {GIVEN: given})
    told = {fact.name: fact.value for fact in network.inferred}
    words = {setting.key or setting.name: told[setting.title] for setting in FAMILY.settings if setting.title in told}
    again = FAMILY.rebuild(state, words)
    z = torch.randn(2, int(str(network.facts["z_dim"])))
    with torch.no_grad():
        assert torch.equal(again.module(z), network.module(z))
    assert {fact.origin for fact in again.inferred} <= {"tensor", "metadata"}


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorials_saved_whole_need_nothing_given(name: str, tmp_path: Path) -> None:
    module, side, _ = TUTORIALS[name]
    torch.save(lively(module), tmp_path / "generator.pt")
    (match,) = matches_of(load_checkpoint(tmp_path / "generator.pt"), FAMILIES)
    network = match.family.rebuild(match.part.state, match.part.config)
    z = torch.randn(2, int(str(network.facts["z_dim"])))
    with torch.no_grad():
        assert torch.allclose(network.module(z), module(taken(module, z)) / 2 + 0.5, atol=1e-5)
    assert {fact.name: fact.origin for fact in network.inferred}["strides"] == "metadata"
    assert network.facts["width"] == side


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_whole_module_says_what_nobody_would_guess(wrapped: bool, tmp_path: Path) -> None:
    module = lively(tutorials.Odd())
    torch.save(nn.DataParallel(module) if wrapped else module, tmp_path / "generator.pt")
    (match,) = matches_of(load_checkpoint(tmp_path / "generator.pt"), FAMILIES)
    network = match.family.rebuild(match.part.state, match.part.config)
    told = {fact.name: (fact.value, fact.origin) for fact in network.inferred}
    assert told["strides"] == ("2, 3, 1, 1", "metadata")
    assert told["last activation"] == ("sigmoid", "metadata")
    z = torch.randn(3, 6)
    with torch.no_grad():
        assert torch.allclose(network.module(z), module(z) / 2 + 0.5, atol=1e-5)


def test_what_is_given_stands_before_what_a_module_says(tmp_path: Path) -> None:
    module = tutorials.Blocks()
    lively(module)
    torch.save(module, tmp_path / "generator.pt")
    (match,) = matches_of(load_checkpoint(tmp_path / "generator.pt"), FAMILIES)
    config = {**match.part.config, GIVEN: {"activation": "silu", "last_activation": "none"}}
    network = match.family.rebuild(match.part.state, config)
    module.net = nn.Sequential(
        *(nn.Sequential(block[0], block[1], nn.SiLU()) for block in module.net[:2]), module.net[2], nn.Hardtanh()
    )
    z = torch.randn(3, 6)
    with torch.no_grad():
        assert torch.allclose(network.module(z), module(z) / 2 + 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("module", "classes"), [(tutorials.Conditional(), 5), (tutorials.Doubling(classes=4), 4)], ids=["beside", "times"]
)
def test_an_embedded_label_is_an_input(module: nn.Module, classes: int) -> None:
    network = FAMILY.rebuild(lively(module).state_dict(), {})
    assert [given.name for given in network.inputs] == ["z", "label"]
    assert network.facts["classes"] == tuple(map(str, range(classes)))
    z, label = torch.randn(3, 6), torch.eye(classes)[[2, 0, 3]]
    with torch.no_grad():
        assert torch.allclose(network.module(z, label), module(z, label) / 2 + 0.5, atol=1e-6)
        assert not torch.allclose(network.module(z, label.flip(0)), network.module(z, label), atol=1e-3)


class Interpolated(tutorials.Doubling):
    """Doublings by a function, of which the names say nothing."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.fc = nn.Linear(6, 8 * 16)
        self.conv1, self.bn1 = nn.Conv2d(8, 6, 3, 1, 1), nn.BatchNorm2d(6)
        self.conv2 = nn.Conv2d(6, 3, 5, 1, 2)

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        x = nn.functional.interpolate(torch.unflatten(self.fc(z), 1, (8, 4, 4)), scale_factor=3)
        return torch.tanh(self.conv2(nn.functional.leaky_relu(self.bn1(self.conv1(x)), 0.2)))


def test_doublings_that_no_name_tells_are_asked_for() -> None:
    module = lively(Interpolated())
    state = module.state_dict()
    with pytest.raises(CheckpointError, match="where its maps are doubled") as caught:
        FAMILY.rebuild(state, {})
    assert "--set doublings=2,2,1" in (caught.value.fix or "")
    network = FAMILY.rebuild(state, {GIVEN: {"doublings": "3,1", "bn_eps": "1e-5"}})
    z = torch.randn(2, 6)
    with torch.no_grad():
        assert torch.allclose(network.module(z), module(z) / 2 + 0.5, atol=1e-6)


def test_windows_that_kernels_do_not_tell_are_asked_for() -> None:
    layers = (*tutorials.grown(6, 8, 5, 1, 0), *tutorials.grown(8, 6, 5), nn.ConvTranspose2d(6, 3, 8, 2, 3))
    state = lively(nn.Sequential(*layers)).state_dict()
    assert FAMILY.detect(state)
    with pytest.raises(CheckpointError, match="kernels 5, 5, 8, whose strides") as caught:
        FAMILY.rebuild(state, {})
    assert "--set strides=" in (caught.value.fix or "")
    given = {"strides": "1,2,2", "paddings": "0,1,3"}
    assert FAMILY.rebuild(state, {GIVEN: given}).facts["width"] == 22


@pytest.mark.parametrize("text", ["2", "2,2,2,2", "a,b,c", "0,1,2", "1,-1,2", "1,2,²"])
def test_a_list_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no list of 3 small numbers"):
        FAMILY.rebuild(lively(tutorials.Blocks()).state_dict(), {GIVEN: {"strides": text}})


def test_old_files_without_batch_counters_load() -> None:
    state = state_of(example_generator(4, (6, 4), 3))
    old = {key: value for key, value in state.items() if "num_batches" not in key}
    assert FAMILY.rebuild(old, {}).facts["width"] == 16


def _without(key: str) -> dict[str, Tensor]:
    state = state_of(example_generator(4, (6, 4), 3))
    del state[key]
    return state


def backwards() -> dict[str, Tensor]:
    """A generator followed by a judge in one dict: it goes from values to a picture, and on to one value."""
    state = state_of(example_generator(9, (12, 8), 3), "a")
    return state | state_of(example_discriminator(3, (12, 16)), "b")


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"main.0.weight": torch.zeros(4, 4, 4, 4)},
        _without("main.3.weight"),
        {**state_of(example_generator(4, (6, 4), 3)), "gamma": torch.zeros(1)},
        {**state_of(example_generator(4, (6, 4), 3)), "main.9.weight": torch.zeros(3, 4, 5)[..., None, None]},
        backwards(),
        {f"layer{index}.weight": torch.zeros(8, 8, 4, 4) for index in range(300)},
    ],
)
def test_what_is_no_chain_is_not_taken(state: dict[str, Tensor]) -> None:
    assert not FAMILY.detect(state)
    assert not SCORER_FAMILY.detect(state)
    for family in (FAMILY, SCORER_FAMILY):
        with pytest.raises(CheckpointError):
            family.rebuild(state, {})


@pytest.mark.parametrize("key", ["main.1.running_mean", "main.1.weight", "main.4.bias"])
def test_a_near_miss_is_told_what_it_lacks(key: str) -> None:
    assert FAMILY.detect(_without(key))
    with pytest.raises(CheckpointError, match=f"almost a DCGAN, but: {re.escape(key)} is missing"):
        FAMILY.rebuild(_without(key), {})


def test_a_stray_or_misshapen_tensor_is_refused_not_ignored() -> None:
    state = state_of(example_generator(4, (6, 4), 3))
    with pytest.raises(CheckpointError, match=r"almost a DCGAN, but: main.9.bias is missing beside main.9.weight"):
        FAMILY.rebuild({**state, "main.9.weight": torch.zeros(3)}, {})
    with pytest.raises(CheckpointError, match=r"almost a DCGAN, but: main.1.bias is of shape \(5,\) instead of \(6,\)"):
        FAMILY.rebuild({**state, "main.1.bias": torch.zeros(5)}, {})


def test_a_bias_that_one_of_its_like_lacks_is_missed() -> None:
    state = dict(lively(tutorials.Course()).state_dict())
    del state["gen.1.0.bias"]
    assert not FAMILY.detect(state)


def test_channels_that_no_picture_has_are_refused() -> None:
    with pytest.raises(CheckpointError, match="2 channels"):
        FAMILY.rebuild(state_of(example_generator(4, (6,), 2)), {})


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        (nn.Sequential(nn.ConvTranspose2d(6, 8, 4), nn.MaxPool2d(2), nn.ConvTranspose2d(8, 3, 4, 2, 1)), "MaxPool2d"),
        (nn.Sequential(nn.ConvTranspose2d(6, 8, 4), nn.ConvTranspose2d(8, 3, 4, (2, 1), 1)), "stride of"),
        (nn.Sequential(nn.ConvTranspose2d(6, 8, 4), nn.ConvTranspose2d(8, 3, 4, dilation=2)), "unusual"),
    ],
)
def test_a_whole_module_with_more_than_a_chain_is_refused(module: nn.Module, problem: str, tmp_path: Path) -> None:
    torch.save(lively(module), tmp_path / "generator.pt")
    (match,) = matches_of(load_checkpoint(tmp_path / "generator.pt"), FAMILIES)
    with pytest.raises(CheckpointError, match=problem):
        match.family.rebuild(match.part.state, match.part.config)


def test_the_whole_way_to_a_model_file(tmp_path: Path) -> None:
    module = lively(tutorials.Doubling(classes=4))
    torch.save({"generator": module.state_dict(), "epoch": 3}, tmp_path / "acgan.pth")
    done = export_checkpoint(tmp_path / "acgan.pth")
    assert (done.manifest.family, done.manifest.width, done.part) == ("dcgan", 16, "generator")
    z, label = torch.randn(3, 6), torch.eye(4)[[2, 0, 3]]
    with torch.no_grad():
        expected = module(z, label) / 2 + 0.5
    made = open_model(done.path, RuntimeOptions(device="cpu")).run({"z": z.numpy(), "label": label.numpy()})["image"]
    assert torch.allclose(torch.from_numpy(made), expected, atol=1e-5)
