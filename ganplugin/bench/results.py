"""What a measurement found, and what it means in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from ganplugin.machine import Machine

__all__ = ["BatchSpeed", "Comparison", "PipelineRun", "Report"]

_AS_FAST: Final = 0.95
_MUCH: Final = 0.2


@dataclass(frozen=True)
class BatchSpeed:
    """Batches of one size, from latents to 8-bit pictures (or scores): medians over ``rounds``.

    ``network`` and ``conversion`` are shares of the time, 0..1; the rest goes into preparing inputs.
    """

    batch: int
    rounds: int
    pictures_per_second: float
    milliseconds: float
    network: float
    conversion: float


@dataclass(frozen=True)
class PipelineRun:
    """A render to files: the network on one thread, encoders on others, and a bounded queue between them.

    ``network``, ``conversion`` and ``waiting`` are shares of the network thread's time, ``encoding`` that of all
    encoder threads' time, 0..1. Waiting is for room in the queue, and at the end for the last files.
    """

    batch: int
    encoders: int
    pictures: int
    pictures_per_second: float
    bytes_per_picture: int
    network: float
    conversion: float
    waiting: float
    encoding: float


@dataclass(frozen=True)
class Comparison:
    """The same batches in PyTorch, in turn with ours: how many times longer it takes, by medians.

    ``difference`` is the largest of any value (pictures are 0..1).
    """

    batch: int
    rounds: int
    ratio: float
    program: str
    difference: float


@dataclass(frozen=True)
class Report:
    """One measurement of one model on one machine.

    ``left_out`` are batch sizes that would have taken too long. Memory is in MiB: ``peak_memory`` this process's
    main memory, ``gpu_memory`` what the card gained while it ran; None where nobody tells.
    """

    model: str
    kind: str
    family: str
    picture: str
    digest: str
    device: str
    provider: str
    threads: int
    machine: Machine
    versions: Mapping[str, str]
    speeds: tuple[BatchSpeed, ...]
    left_out: tuple[int, ...] = ()
    pipeline: PipelineRun | None = None
    comparisons: tuple[Comparison, ...] = ()
    peak_memory: int | None = None
    gpu_memory: int | None = None

    @property
    def best(self) -> BatchSpeed:
        """The smallest batch that is as fast, picture for picture, as the fastest, within a twentieth."""
        most = max(speed.pictures_per_second for speed in self.speeds)
        return next(speed for speed in self.speeds if speed.pictures_per_second >= _AS_FAST * most)

    @property
    def verdict(self) -> tuple[str, ...]:
        """What bounds it and what to do, in sentences."""
        return (*self._on_batches(), *self._on_files(), *self._on_the_card())

    def _on_batches(self) -> Iterator[str]:
        best, last = self.best, self.speeds[-1]
        if len(self.speeds) == 1:
            yield f"Only --batch {best.batch} was measured."
        elif best is last:
            larger = f"{best.batch},{2 * best.batch}"
            yield f"Use --batch {best.batch}; larger ones may be faster still: measure --batch {larger}."
        else:
            yield f"Use --batch {best.batch}: larger ones are no faster."
        if self.left_out:
            sizes = ", ".join(map(str, self.left_out))
            yield f"Batches of {sizes} would have taken too long: give it more --seconds to see them."

    def _on_files(self) -> Iterator[str]:
        run = self.pipeline
        if run is None:
            return
        alone = next(speed for speed in self.speeds if speed.batch == run.batch).pictures_per_second
        lost = 1 - run.pictures_per_second / alone
        if run.waiting >= _MUCH:
            yield (
                f"Encoding bounds it: the network waits {run.waiting:.0%} of its time for {_encoders(run.encoders)}. "
                "More --encoders help where there are free cores; otherwise smaller pictures do."
            )
        elif run.conversion >= _MUCH:
            yield f"Conversion to 8 bits takes {run.conversion:.0%}: the network is very fast for its picture size."
        else:
            yield f"The network bounds it: {run.network:.0%} of the time. Encoders are at work for {run.encoding:.0%}."
        if run.waiting < _MUCH <= lost:
            yield f"Network and encoders share {self.machine.usable} cores: files cost {lost:.0%} of the speed."

    def _on_the_card(self) -> Iterator[str]:
        if self.machine.cards and self.device == "cpu":
            yield "There is a GPU that was not used: see ganplugin doctor, and try --device cuda."
        if self.device.startswith("cuda") and "+" not in self.device and len(self.speeds) > 1:
            first = self.speeds[0]
            if first.batch == 1 and self.best.pictures_per_second > 4 * first.pictures_per_second:
                yield "Single pictures are far slower than batches: for those, try --device cuda+graphs."

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        return {**asdict(self), "best_batch": self.best.batch, "verdict": list(self.verdict)}


def _encoders(count: int) -> str:
    return "one encoder thread" if count == 1 else f"{count} encoder threads"
