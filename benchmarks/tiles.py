"""What painting in tiles costs and changes: ``python -m benchmarks.tiles [--photo FILE] [--model NAME] [--json]``.

A photo is brought to 1080p, 4K and 8K and painted, each time by a process of its own, at once (``whole``) and in tiles
of sides that are chosen (``0``) or given; with ``--apart`` also as a loop over pieces would paint it, each piece of
512 px a picture of its own. Printed are CPU and wall seconds, their ratios to those of the whole in the
same round (medians), the peak memory of the process, with the photo and the painting in it, the most that lies on disk
between the passes, and the mean and largest difference from the whole in 8-bit levels. The photo is that of
``scripts/fetch_assets.py --only large-photos``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ganplugin.images import from_uint8, read_picture
from ganplugin.library import resolve_model
from ganplugin.runtime import Model, RuntimeOptions, open_model
from ganplugin.sizing import resize

__all__ = ["SIZES", "Cost", "Row", "main", "paint", "rows"]

SIZES: Final[Mapping[str, tuple[int, int]]] = {"1080p": (1080, 1920), "4K": (2160, 3840), "8K": (4320, 7680)}
"""Heights and widths that are measured."""

_PHOTO: Final = Path.home() / ".cache" / "ganplugin" / "assets" / "large-photos" / "TwoWings.jpg"
_WHOLE: Final = -1
_APART: Final = -2
_NAMES: Final[Mapping[int, str]] = {_WHOLE: "whole", _APART: "apart"}
_PIECE: Final = 512


@dataclass(frozen=True)
class Cost:
    """What one painting took: seconds, CPU seconds, the peak memory of its process and its room on disk in MiB."""

    seconds: float
    cpu: float
    memory: float
    disk: float = 0.0


@dataclass(frozen=True)
class Row:
    """One line of the table; ratios and differences are to the whole picture painted at once, where that fits."""

    size: str
    tile: str
    cost: Cost
    wall_ratio: float | None = None
    cpu_ratio: float | None = None
    mean: float | None = None
    largest: float | None = None


def paint(photo: Path, model: str, tile: int, painting: Path) -> Cost:
    """Paint a photo (a ``.npy`` of bytes) into ``painting`` in this process, in tiles, (-1) whole or (-2) in pieces."""
    picture = from_uint8(np.load(photo))
    network = open_model(resolve_model(model).path, RuntimeOptions(device="cpu"))
    wall, cpu = time.perf_counter(), time.process_time()
    if tile == _WHOLE:
        painted = _at_once(network, picture)
    elif tile == _APART:
        painted = np.empty_like(picture)
        for top, left in product(*(range(0, side, _PIECE) for side in picture.shape[:2])):
            place = np.s_[top : top + _PIECE, left : left + _PIECE]
            painted[place] = _at_once(network, picture[place])
    else:
        painted = network.stylize(picture, tile=tile)[0]
    room = 0 if tile in _NAMES else network.tiled.painter.plan((picture.shape[0], picture.shape[1]), {}).room
    seconds, busy = time.perf_counter() - wall, time.process_time() - cpu
    np.save(painting, painted)
    return Cost(seconds, busy, _peak(), room / 2**20)


def _at_once(network: Model, picture: NDArray[np.float32]) -> NDArray[np.float32]:
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)[None])
    return network.run({"content": planes}, ["image"])["image"][0].transpose(1, 2, 0)


def _peak() -> float:
    # Not resource's figure, which starts with what the parent held when it began this process.
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _child(photo: Path, model: str, tile: int, painting: Path) -> Cost:
    command = [sys.executable, "-m", "benchmarks.tiles", "--paint", str(photo), str(painting)]
    done = subprocess.run(
        [*command, "--model", model, "--tiles", str(tile)], check=True, stdout=subprocess.PIPE, text=True
    )
    return Cost(**json.loads(done.stdout))


def rows(size: str, photo: Path, model: str, kinds: list[int], rounds: int) -> Iterator[Row]:
    """Yield the lines of one size, a way of painting (see `paint`) a line."""
    with tempfile.TemporaryDirectory() as name:
        source, paintings = Path(name) / "photo.npy", {kind: Path(name) / f"{kind}.npy" for kind in kinds}
        levels = resize(read_picture(photo).rgb, SIZES[size][1], SIZES[size][0])
        np.save(source, np.rint(levels * 255).astype(np.uint8))
        costs: dict[int, list[Cost]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind in kinds:
                costs[kind].append(_child(source, model, kind, paintings[kind]))
        for kind in kinds:
            yield _row(size, kind, costs, paintings)


def _row(size: str, kind: int, costs: Mapping[int, list[Cost]], paintings: Mapping[int, Path]) -> Row:
    own, whole = costs[kind], costs.get(_WHOLE)
    middle = Cost(
        *(statistics.median(getattr(cost, field) for cost in own) for field in ("seconds", "cpu", "memory", "disk"))
    )
    name = _NAMES.get(kind, str(kind))
    if whole is None or kind == _WHOLE:
        return Row(size, name, middle)
    apart = np.abs(np.load(paintings[kind]) - np.load(paintings[_WHOLE])) * 255
    wall, cpu = (
        statistics.median(getattr(a, field) / getattr(b, field) for a, b in zip(own, whole, strict=True))
        for field in ("seconds", "cpu")
    )
    return Row(size, name, middle, wall, cpu, float(apart.mean()), float(apart.max()))


def _line(row: Row) -> str:
    ratios = "           -          -" if row.wall_ratio is None else f"{row.wall_ratio:12.2f} {row.cpu_ratio:10.2f}"
    apart = "         -         -" if row.mean is None else f"{row.mean:10.4f} {row.largest:9.3f}"
    cost = row.cost
    room = f"{cost.memory:9.0f} {cost.disk:8.0f}"
    return f"{row.size:6} {row.tile:>6} {cost.seconds:9.1f} {cost.cpu:8.1f} {ratios} {room} {apart}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photo", type=Path, default=_PHOTO)
    parser.add_argument("--model", default="builtin:masters")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--tiles", nargs="+", type=int, default=[0, 512])
    parser.add_argument("--whole", nargs="*", choices=list(SIZES), default=["1080p"], help="sizes to paint at once too")
    parser.add_argument("--apart", action="store_true", help="paint pieces as pictures of their own, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--paint", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.paint:
        print(json.dumps(asdict(paint(given.paint[0], given.model, given.tiles[0], given.paint[1]))))
        return
    if not given.json:
        print("size     tile   seconds      CPU   wall ratio  CPU ratio  peak MiB disk MiB mean level   largest")
    for size in given.sizes:
        kinds = [*([_WHOLE] if size in given.whole else []), *([_APART] if given.apart else []), *given.tiles]
        for row in rows(size, given.photo, given.model, kinds, given.rounds):
            print(json.dumps(asdict(row)) if given.json else _line(row), flush=True)


if __name__ == "__main__":
    main()
