"""The papers' eye: Inception-v3 of 2015-12-05 with the resize that belongs to it."""

from __future__ import annotations

import os
import pickle
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from ganplugin.errors import DependencyError, TrainingError
from ganplugin.files import file_digest
from ganplugin.models.inception import Inception2015
from ganplugin.train.metrics.backbones.backbone import Backbone
from ganplugin.train.metrics.backbones.resizing import resize_tensorflow1

__all__ = ["fid_inception", "find_inception"]

KNOWN = "6726825d"
"""How the SHA-256 of the published file begins; it is part of its name, as PyTorch's downloads have it."""

_FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
_SIDE = 299


def fid_inception(device: torch.device, *, weights: Path | None = None) -> Backbone:
    """Return the Inception network of FID, KID and IS in papers.

    ``weights`` is the file of torch-fidelity or pytorch-fid (both are the same tensors), by default what
    `find_inception` finds. Other weights of that shape are used, too, but never called standard. Raises
    `DependencyError` if there is no file and `TrainingError` if it is none of that network.
    """
    path = weights or find_inception()
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        network = Inception2015(tensors)
    except (OSError, RuntimeError, KeyError, EOFError, TypeError, pickle.UnpicklingError) as error:
        raise TrainingError(
            "holds no weights of the Inception network of FID",
            where=path,
            fix=f"use {_FILES[0]} of torch-fidelity's releases",
        ) from error
    digest = file_digest(path)
    standard = digest.startswith(KNOWN)
    return Backbone(
        key="inception" if standard else f"inception-{digest[:8]}",
        name="Inception-v3 (2015-12-05)" if standard else f"Inception-v3 with other weights ({digest[:8]})",
        digest=digest,
        preprocessing=f"8 bits, over white, TensorFlow 1 bilinear to {_SIDE} x {_SIDE}, (level - 128) / 128",
        num_features=int(tensors["fc.weight"].shape[1]),
        classes=int(tensors["fc.weight"].shape[0]),
        standard=standard,
        network=network.eval().to(device).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        prepare=_prepare,
        device=device,
    )


def _prepare(pictures: Tensor) -> Tensor:
    return (resize_tensorflow1(pictures, _SIDE) - 128) / 128


def find_inception() -> Path:
    """Return the weight file from PyTorch's download folder; torch-fidelity, where it is installed, fetches it there.

    Raises `DependencyError` with the ways to get it.
    """
    hub = Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch") / "hub" / "checkpoints"
    found = next((hub / name for name in _FILES if (hub / name).is_file()), None)
    if found is None and find_spec("torch_fidelity") is not None:
        found = _fetched(hub / _FILES[0])
    if found is None:
        raise DependencyError(
            "the weights of the Inception network are not on this machine",
            where="--backbone inception",
            fix=f"give the file {_FILES[0]} with --inception, or pip install torch-fidelity, which fetches it",
        )
    return found


def _fetched(target: Path) -> Path | None:
    fetch = partial(torch.hub.load_state_dict_from_url, check_hash=True, progress=False)
    try:
        fetch(import_module("torch_fidelity.feature_extractor_inceptionv3").URL_INCEPTION_V3)
    except (OSError, RuntimeError, ImportError):
        return None
    return target if target.is_file() else None
