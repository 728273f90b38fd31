"""FID, KID and Inception Score by torchmetrics, from features that a backbone has given already.

Of several processes one alone measures: what others hold is never waited for (``sync_on_compute``).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganplugin.train.metrics.statistics import Statistics

if TYPE_CHECKING:
    from torchmetrics import Metric

__all__ = ["frechet_distance", "inception_score", "kernel_distance"]

_KID_SUBSETS = 100
_KID_SUBSET_SIZE = 1000
_SPLITS = 10


class _Given(nn.Module):
    """A feature network for torchmetrics whose input are the features, so that pictures are looked at only once."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def frechet_distance(made: Statistics, real: Statistics) -> float:
    """Return the Fréchet distance of two Gaussians (Heusel et al. 2017), from sums over all pictures of both sets.

    It is biased upwards for few pictures: only numbers of equally many compare.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    width = len(_present(made.total))
    metric = FrechetInceptionDistance(feature=_Given(width), sync_on_compute=False).set_dtype(torch.float64)
    metric.orig_dtype = torch.float64
    for name, found in (("fake", made), ("real", real)):
        setattr(metric, f"{name}_features_sum", torch.from_numpy(_present(found.total)))
        setattr(metric, f"{name}_features_cov_sum", torch.from_numpy(_present(found.outer)))
        setattr(metric, f"{name}_features_num_samples", torch.tensor(found.count))
    return _compute(metric)[0]


def kernel_distance(made: NDArray[np.float32], real: NDArray[np.float32], *, seed: int) -> tuple[float, float]:
    """Return the mean and the deviation of the squared MMD over 100 random subsets (Binkowski et al. 2018).

    The kernel is (x·y / f + 1)³ and the estimate unbiased: two draws of the same pictures give 0 on average,
    sometimes less. Subsets have 1,000 features [n, f], or half of the smaller set, which makes them differ.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = max(2, min(_KID_SUBSET_SIZE, len(made) // 2, len(real) // 2))
    with _quiet():
        metric = KernelInceptionDistance(
            feature=_Given(made.shape[1]), subsets=_KID_SUBSETS, subset_size=size, sync_on_compute=False
        )
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(made), real=False)
    mean, deviation = _compute(metric, seed)
    return mean, deviation


def inception_score(scores: NDArray[np.float32], *, seed: int) -> tuple[float, float]:
    """Return the mean and the deviation of exp(KL(p(class | picture) || p(class))) over 10 splits (Salimans 2016).

    ``scores`` [n, classes] are those of a backbone's own classes, before softmax. 1 is worst, ``classes`` best.
    """
    from torchmetrics.image.inception import InceptionScore

    with _quiet():
        metric = InceptionScore(
            feature=_Given(scores.shape[1]), splits=min(_SPLITS, max(2, len(scores) // 2)), sync_on_compute=False
        )
    metric.update(torch.from_numpy(scores))
    mean, deviation = _compute(metric, seed)
    return mean, deviation


def _compute(metric: Metric, seed: int = 0) -> list[float]:
    """Compute a metric whose chance comes from PyTorch's global generator, which is left as it was."""
    with torch.random.fork_rng(devices=[]), torch.inference_mode(), _quiet():
        torch.manual_seed(seed)
        found = metric.compute()
    return [float(value) for value in found] if isinstance(found, tuple) else [float(found)]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torchmetrics' notes on memory, which is bounded here, and on computing what was not fed in batches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def _present(value: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if value is None:
        raise ValueError("these statistics were gathered without what this metric needs")
    return value
