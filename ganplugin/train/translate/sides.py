"""The two collections of a translation, brought to one size, with a part of each held out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganplugin.errors import TrainingError
from ganplugin.train.pictures.batches import load
from ganplugin.train.pictures.likeness import groups_of, thumbnails
from ganplugin.train.pictures.packed import RECORD, PackedSet
from ganplugin.train.pictures.packing import gather, pack_in_memory
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.translate.pairs import list_pairs

__all__ = ["FEWEST", "MEASURABLE", "Frame", "Sides", "floats", "gather_pairs", "gather_sides", "middles", "pieces"]

Report = Callable[[str], None]

FEWEST: Final = 8
MEASURABLE: Final = 16
_MARGIN: Final = 9 / 8
_HELD_OUT: Final = 0.1
_MOST_PART: Final = 0.25
_MOST_HELD_OUT: Final = 500


@dataclass(frozen=True)
class Frame:
    """``width`` x ``height`` pixels are learned on: random pieces of somewhat larger pictures, mirrored if ``flip``.

    With ``crops`` so many random pieces of all sizes are cut out of either collection, once.
    """

    width: int
    height: int
    crops: int = 0
    flip: bool = True
    seed: int = 0

    @property
    def policy(self) -> Policy:
        """How pictures are brought to memory: larger by an eighth (CycleGAN's 286 for 256), or cut in pieces."""
        if self.crops:
            pieces = {"way": "patches", "count": self.crops, "channels": 3, "seed": self.seed}
            return Policy.model_validate({"width": self.width, "height": self.height, **pieces})
        return Policy(width=round(self.width * _MARGIN), height=round(self.height * _MARGIN), channels=3)


@dataclass(frozen=True, eq=False)
class Sides:
    """Photos and styles to train on, and those that no network is shown. Of pairs, the same rows belong together."""

    photos: PackedSet
    styles: PackedSet
    unseen_photos: PackedSet
    unseen_styles: PackedSet
    paired: bool = False

    @property
    def digest(self) -> str:
        """The SHA-256 of all that is trained on."""
        both = f"{self.photos.digest} {self.styles.digest} {self.paired}"
        return hashlib.sha256(both.encode()).hexdigest()

    def swapped(self) -> Sides:
        """Return them for the other direction."""
        return Sides(self.styles, self.photos, self.unseen_styles, self.unseen_photos, self.paired)


def gather_sides(first: Path, second: Path, frame: Frame, report: Report) -> Sides:
    """Return two collections without pairs. Raises `TrainingError` if one is too small, and as `gather` does."""
    photos, styles = (_collection(place, frame, report) for place in (first, second))
    photos, unseen_photos = _parted(photos, frame)
    styles, unseen_styles = _parted(styles, frame)
    return Sides(photos, styles, unseen_photos, unseen_styles)


def gather_pairs(first: Path, second: Path | None, frame: Frame, report: Report) -> Sides:
    """Return the pairs of two places, or of one of double pictures. Raises as `list_pairs` and `gather_sides`."""
    pairs = list_pairs(first, second, frame.policy)
    for words in pairs.left_out:
        report(words)
    photos, styles = (pack_in_memory(entries, frame.policy)[0] for entries in (pairs.first, pairs.second))
    _enough(photos, first)
    shown, unseen = _parted(photos, frame)
    if shown.rows is None or unseen.rows is None:
        raise ValueError("a part has rows")
    return Sides(shown, styles.part(shown.rows), unseen, styles.part(unseen.rows), paired=True)


def _collection(place: Path, frame: Frame, report: Report) -> PackedSet:
    """Return a place's pictures; a packed set that is large enough stays as it is."""
    if (place / RECORD).is_file() and not frame.crops:
        opened = PackedSet.open(place)
        if opened.shape[0] == 3 and opened.shape[1] >= frame.height and opened.shape[2] >= frame.width:
            return _enough(opened, place)
    pictures, gathered = gather((place,), frame.policy)
    for one in gathered.broken:
        report(f"skipped: {one.name}: {one.reason}")
    return _enough(pictures, place)


def _enough(pictures: PackedSet, place: Path) -> PackedSet:
    if len(pictures) < FEWEST:
        raise TrainingError(
            f"holds {len(pictures)} readable pictures, at least {FEWEST} are needed",
            where=place,
            fix="add pictures, or cut many pieces out of few large ones with --crops 2000",
        )
    return pictures


def _parted(pictures: PackedSet, frame: Frame) -> tuple[PackedSet, PackedSet]:
    """Return what is trained on and what is held out: a tenth, or enough to measure by, up to a quarter.

    Pictures that are nearly equal, and pieces of one picture, stay together. Raises `TrainingError` if all do.
    """
    groups, count = _groups(pictures, frame), len(pictures)
    wanted = min(max(_HELD_OUT * count, MEASURABLE), _MOST_PART * count, _MOST_HELD_OUT)
    sizes = np.bincount(groups)
    order = np.random.default_rng(frame.seed).permutation(len(sizes))
    unseen: list[int] = []
    for group in order[sizes[order] <= count / 2].tolist():
        if sizes[unseen].sum() < wanted:
            unseen.append(group)
    if not unseen:
        raise TrainingError("the pictures are too much alike: none can be held out", fix="add other pictures")
    is_unseen, rows = np.isin(groups, unseen), np.arange(count, dtype=np.int64)
    return pictures.part(rows[~is_unseen]), pictures.part(rows[is_unseen])


def _groups(pictures: PackedSet, frame: Frame) -> NDArray[np.int64]:
    """Return for each picture the number of the group that it stays in."""
    names, numbers = np.unique(np.array(pictures.names), return_inverse=True)
    if not (frame.crops and len(names) >= FEWEST):
        found = groups_of(np.concatenate([thumbnails(chunk) for chunk in pictures.chunks()]))
        numbers = np.unique(found, return_inverse=True)[1]
    return numbers.astype(np.int64)


def pieces(pictures: PackedSet, rows: NDArray[np.int64], places: Tensor, frame: Frame) -> Tensor:
    """Return a piece of each picture in ``rows``, uint8 [batch, 3, height, width].

    ``places`` [batch, 3], 0..1, tell for each how far down, how far across, and below one half that it is mirrored.
    """
    cut = []
    for picture, place in zip(load(pictures, rows), places.tolist(), strict=True):
        piece = _piece(picture, place[0], place[1], frame)
        cut.append(piece.flip(2) if frame.flip and place[2] < 0.5 else piece)
    return torch.stack(cut)


def _piece(picture: Tensor, down: float, across: float, frame: Frame) -> Tensor:
    top = int(down * (picture.shape[1] - frame.height + 1))
    left = int(across * (picture.shape[2] - frame.width + 1))
    return picture[:, top : top + frame.height, left : left + frame.width]


def floats(pictures: PackedSet) -> Tensor:
    """Return all pictures, 0..1 [n, 3, h, w]."""
    return torch.from_numpy(pictures.pixels).float() / 255


def middles(pictures: PackedSet, frame: Frame, most: int) -> PackedSet:
    """Return the middle of up to ``most`` pictures, spread evenly over the set, at the size learned on."""
    rows = np.unique(np.linspace(0, len(pictures) - 1, min(most, len(pictures))).round().astype(np.int64))
    stack = load(pictures, rows)
    cut = torch.stack([_piece(picture, 0.5, 0.5, frame) for picture in stack])
    return PackedSet.in_memory(cut.contiguous().numpy())
