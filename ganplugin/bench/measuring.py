"""One model measured from all sides in a given time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ganplugin.bench.pipeline import render_to_files
from ganplugin.bench.results import BatchSpeed, Comparison, PipelineRun, Report
from ganplugin.bench.sweep import affordable, sweep
from ganplugin.bench.versus import Rival, compare
from ganplugin.bench.workload import Workload
from ganplugin.devices import installed
from ganplugin.errors import InputError
from ganplugin.machine import gpu_memory, peak_memory, this_machine, usable_processors
from ganplugin.runtime import Model, RuntimeOptions

__all__ = ["Plan", "measure"]

_PACKAGES: Final = ("ganplugin", "onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "numpy", "isal")


@dataclass(frozen=True)
class Plan:
    """What to measure: ``batches`` ascending, about ``seconds`` in all (half as many again with a rival).

    ``encoders`` 0 takes the cores that the network leaves. ``size`` is (height, width) of what style networks get.
    """

    path: Path
    name: str
    options: RuntimeOptions
    batches: tuple[int, ...] = (1, 2, 4, 8)
    seconds: float = 20.0
    encoders: int = 0
    size: tuple[int, int] = (512, 512)

    def encoder_threads(self, model: Model) -> int:
        """Return how many threads encode."""
        own = self.options.threads if model.device.kind == "cpu" else 1
        return self.encoders or max(1, usable_processors() - own)


def measure(
    plan: Plan, rival: Callable[[Model], Rival] | None, check: Callable[[], None], tell: Callable[[str], None]
) -> Report:
    """Measure and return what was found. ``tell`` is told each stage; ``check`` is asked often and may raise.

    Raises `InputError` for what the model does not take, and whatever opening and running it raises.
    """
    if not plan.batches:
        raise InputError("no batch size is given", where="--batch", fix="write --batch 1,2,4,8")
    tell("opening")
    work = Workload(plan.path, plan.options, plan.size, plan.batches[0])
    model, batches = work.model, (1,) if work.model.manifest.single else plan.batches
    before = gpu_memory(model.device.index) if model.device.kind != "cpu" else None
    tell("batches")
    works, left_out = affordable(work, batches, plan.seconds / 2, check)
    speeds = sweep(works, plan.seconds / 2, check)
    found = _report(plan, model, speeds, tuple(left_out))
    best = next(one for one in works if one.batch == found.best.batch)
    pipeline = _pipeline(plan, best, check, tell)
    after = None if before is None else gpu_memory(model.device.index)
    comparisons = () if rival is None else _compared(plan, rival(model), works, best, check, tell)
    return _report(
        plan,
        model,
        speeds,
        tuple(left_out),
        pipeline,
        comparisons,
        gained=None if before is None or after is None else after - before,
    )


def _pipeline(plan: Plan, work: Workload, check: Callable[[], None], tell: Callable[[str], None]) -> PipelineRun | None:
    if work.model.manifest.kind == "scorer":
        return None
    tell("files")
    with tempfile.TemporaryDirectory(prefix="ganplugin-bench-") as folder:
        return render_to_files(work, plan.encoder_threads(work.model), plan.seconds / 2, Path(folder), check)


def _compared(
    plan: Plan,
    rival: Rival,
    works: list[Workload],
    best: Workload,
    check: Callable[[], None],
    tell: Callable[[str], None],
) -> tuple[Comparison, ...]:
    tell("PyTorch")
    chosen = {work.batch: work for work in (works[0], best)}
    return tuple(compare(work, rival, plan.seconds / 2 / len(chosen), check) for work in chosen.values())


def _report(
    plan: Plan,
    model: Model,
    speeds: tuple[BatchSpeed, ...],
    left_out: tuple[int, ...],
    pipeline: PipelineRun | None = None,
    comparisons: tuple[Comparison, ...] = (),
    *,
    gained: int | None = None,
) -> Report:
    manifest = model.manifest
    height, width = manifest.height or plan.size[0], manifest.width or plan.size[1]
    versions = {name: version for name in _PACKAGES if (version := installed(name)) is not None}
    return Report(
        model=plan.name,
        kind=manifest.kind,
        family=manifest.family,
        picture=f"{width} x {height} {manifest.channels}",
        digest=model.digest,
        device=str(model.device),
        provider=model.provider,
        threads=plan.options.threads,
        machine=this_machine(),
        versions=versions,
        speeds=speeds,
        left_out=left_out,
        pipeline=pipeline,
        comparisons=comparisons,
        peak_memory=peak_memory(),
        gpu_memory=gained,
    )
