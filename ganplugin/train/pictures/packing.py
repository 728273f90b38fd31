"""Pictures of any place made into a packed set, in a folder or in memory, one after the other."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ganplugin.errors import FileError, InputError, TrainingError
from ganplugin.files import atomic_folder, existing, os_errors
from ganplugin.train.pictures.cutting import check_policy, cut, cut_patches, needed_size
from ganplugin.train.pictures.examining import Broken, Examined, Job, examine
from ganplugin.train.pictures.facts import Facts
from ganplugin.train.pictures.packed import LABELS, NAMES, PIXELS, RECORD, PackedSet, SetRecord
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import Entry, list_entries, readable

__all__ = ["Gathered", "Progress", "gather", "pack", "pack_in_memory", "survey"]

Frames = NDArray[np.uint8]
Progress = Callable[[int], None]

_PATCHES_A_JOB = 256


@dataclass
class Gathered:
    """What was found: the facts of every picture that could be read, and what could not."""

    facts: list[Facts] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    readable: list[int] = field(default_factory=list)

    def note(self, result: Examined | Broken) -> None:
        """Take the result for the next picture; ``readable`` are the positions of those with facts."""
        if isinstance(result, Broken):
            self.broken.append(result)
        else:
            self.readable.append(len(self.facts) + len(self.broken))
            self.facts.append(result.facts)

    def is_grey(self, policy: Policy) -> bool:
        """Tell whether the channels are to be chosen and no picture needs more than one."""
        grey_ground = len(set(policy.background)) == 1
        return policy.channels == 0 and grey_ground and all(facts.grey for facts in self.facts)


def survey(entries: Sequence[Entry], policy: Policy, *, threads: int = 0, progress: Progress | None = None) -> Gathered:
    """Look at every picture once, cutting nothing."""
    gathered = Gathered()
    jobs = (Job(entry, needed_size(policy)) for entry in entries)
    for done, result in enumerate(examine(jobs, threads=threads), start=1):
        gathered.note(result)
        if progress:
            progress(done)
    return gathered


def gather(
    places: Sequence[Path], policy: Policy, *, threads: int = 0, progress: Progress | None = None
) -> tuple[PackedSet, Gathered]:
    """Return the pictures of some places as a set in memory, with what was found.

    A packed set that has the policy's size and channels already is only opened. Raises `FileError` if a place holds
    no picture, `TrainingError` if none can be read, `InputError` for a policy that contradicts itself.
    """
    if len(places) == 1 and (places[0] / RECORD).is_file():
        opened = PackedSet.open(places[0])
        if opened.shape[1:] == (policy.height, policy.width) and policy.channels in (0, opened.shape[0]):
            if policy.classes and not opened.classes:
                raise InputError("was packed without classes", where=places[0], fix="pack it again with --classes")
            return opened, Gathered()
    return pack_in_memory(list_entries(places), policy, threads=threads, progress=progress)


def pack_in_memory(
    entries: Sequence[Entry], policy: Policy, *, threads: int = 0, progress: Progress | None = None
) -> tuple[PackedSet, Gathered]:
    """Return the pictures as a set in memory, with what was found; raises as `gather`."""
    found = _Found(_class_names(entries, policy))
    parts = list(_frames(entries, policy, found, threads, progress))
    found.require()
    pixels = np.concatenate(parts)
    if found.gathered.is_grey(policy):
        pixels = np.ascontiguousarray(pixels[:, :1])
    return PackedSet.in_memory(pixels, found.label_array(), classes=found.classes, names=found.names), found.gathered


def pack(
    entries: Sequence[Entry],
    policy: Policy,
    out: Path,
    *,
    source: str = "",
    overwrite: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> Gathered:
    """Write the pictures to the folder ``out``, whole or not at all: killed, it leaves nothing of that name.

    The same pictures and policy give the same bytes. Memory does not grow with the number of pictures, but for their
    names and thumbnails. Raises as `gather`, and `FileError` if ``out`` exists (without ``overwrite``).
    """
    if not overwrite:
        existing((out,))
    elif out.exists() and not (out / RECORD).is_file():
        raise FileError("is there and is no packed set", where=out, fix="choose another place with --out")
    found = _Found(_class_names(entries, policy))
    with atomic_folder(out, overwrite=overwrite) as part:
        sha256 = _write_pixels(part / PIXELS, _frames(entries, policy, found, threads, progress))
        found.require()
        channels = policy.channels or 3
        if found.gathered.is_grey(policy):
            channels, sha256 = 1, _only_first_channel(part / PIXELS, (policy.height, policy.width))
        record = SetRecord(
            count=len(found.names),
            channels=channels,
            height=policy.height,
            width=policy.width,
            classes=found.classes,
            policy=policy,
            source=readable(source),
            files=len(found.gathered.facts),
            left_out=len(found.gathered.broken),
            sha256=sha256,
        )
        _write_rest(part, record, found)
    return found.gathered


@dataclass
class _Found:
    """What is noted beside the frames."""

    classes: tuple[str, ...]
    gathered: Gathered = field(default_factory=Gathered)
    names: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    def require(self) -> None:
        if not self.names:
            first = self.gathered.broken[0] if self.gathered.broken else None
            raise TrainingError(
                f"none of {len(self.gathered.broken)} files can be read as a picture",
                where=first.name if first else None,
                fix=first.reason if first else "choose a smaller --size",
            )

    def label_array(self) -> NDArray[np.int64] | None:
        return np.array(self.labels, np.int64) if self.classes else None


def _class_names(entries: Sequence[Entry], policy: Policy) -> tuple[str, ...]:
    check_policy(policy)
    if not policy.classes:
        return ()
    loose = next((entry for entry in entries if not entry.group), None)
    if loose is not None:
        fix = "move it, or leave out --classes"
        raise InputError("lies in no folder that would be its class", where=loose.name, fix=fix)
    classes = tuple(sorted({entry.group for entry in entries}))
    if len(classes) < 2:
        raise InputError(f"all pictures lie in one folder, {classes[0]!r}", fix="make a folder for each class")
    return classes


def _frames(
    entries: Sequence[Entry], policy: Policy, found: _Found, threads: int, progress: Progress | None
) -> Iterator[Frames]:
    """Give the frames of every readable picture in order, and note what they are."""
    jobs = _jobs(entries, policy, found, threads, progress)
    numbers = {name: number for number, name in enumerate(found.classes)}
    for done, result in enumerate(examine(jobs, threads=threads), start=1):
        if policy.way != "patches":
            found.gathered.note(result)
        if isinstance(result, Examined) and result.frames is not None:
            found.names += [result.facts.name] * len(result.frames)
            found.labels += [numbers.get(result.facts.group, 0)] * len(result.frames)
            yield result.frames
        if progress:
            progress(done * len(entries) // len(jobs))


def _jobs(
    entries: Sequence[Entry], policy: Policy, found: _Found, threads: int, progress: Progress | None
) -> list[Job]:
    if policy.way != "patches":
        return [Job(entry, needed_size(policy), partial(cut, policy=policy)) for entry in entries]
    found.gathered = survey(entries, policy, threads=threads, progress=progress)
    return _patch_jobs(entries, policy, found.gathered)


def _patch_jobs(entries: Sequence[Entry], policy: Policy, gathered: Gathered) -> list[Job]:
    """Return who gives how many patches, in proportion to area; pictures smaller than a patch give none."""
    areas = np.array([_area(facts, policy) for facts in gathered.facts], np.float64)
    if not areas.any():
        what = f"no picture is as large as {policy.width} x {policy.height}"
        raise TrainingError(what, fix="choose a smaller --size")
    shares = np.random.default_rng(policy.seed).multinomial(policy.count, areas / areas.sum())
    jobs = []
    for index, share in zip(gathered.readable, shares.tolist(), strict=True):
        for start in range(0, share, _PATCHES_A_JOB):
            random = np.random.default_rng([policy.seed, index, start])
            some = min(_PATCHES_A_JOB, share - start)
            jobs.append(Job(entries[index], None, partial(cut_patches, policy=policy, count=some, random=random)))
    return jobs


def _area(facts: Facts, policy: Policy) -> int:
    fits = facts.width >= policy.width and facts.height >= policy.height
    return facts.width * facts.height if fits else 0


def _write_pixels(path: Path, frames: Iterator[Frames]) -> str:
    digest = hashlib.sha256()
    with os_errors(path), path.open("xb") as stream:
        for some in frames:
            data = np.ascontiguousarray(some).data
            digest.update(data)
            stream.write(data)
    return digest.hexdigest()


def _only_first_channel(path: Path, size: tuple[int, int]) -> str:
    """Keep of three equal channels one."""
    wide = path.with_name("three.u8")
    os.replace(path, wide)
    pixels = np.memmap(wide, np.uint8, "r").reshape(-1, 3, *size)
    step = max(1, 2**25 // pixels[0].nbytes)
    sha256 = _write_pixels(path, (pixels[start : start + step, :1] for start in range(0, len(pixels), step)))
    del pixels
    wide.unlink()
    return sha256


def _write_rest(part: Path, record: SetRecord, found: _Found) -> None:
    texts = {NAMES: json.dumps(found.names, indent=0, ensure_ascii=False), RECORD: record.model_dump_json(indent=2)}
    files = {name: f"{text}\n".encode("utf-8", "replace") for name, text in texts.items()}
    labels = found.label_array()
    if labels is not None:
        files[LABELS] = labels.astype("<i8").tobytes()
    for name, data in files.items():
        with os_errors(part / name), (part / name).open("xb") as stream:
            stream.write(data)
