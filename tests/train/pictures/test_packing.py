from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import FileError, InputError, TrainingError
from ganplugin.train.pictures.packed import PackedSet
from ganplugin.train.pictures.packing import gather, pack, survey
from ganplugin.train.pictures.policy import Policy
from ganplugin.train.pictures.sources import list_entries
from tests.train.pictures.conftest import photo

SMALL = Policy(width=16, height=8)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "policy",
    [SMALL, SMALL.model_copy(update={"way": "patches", "count": 30, "seed": 3}), Policy(width=8, height=8, channels=4)],
)
def test_the_same_pictures_give_the_same_bytes_with_any_number_of_threads(
    classes: Path, tmp_path: Path, policy: Policy
):
    entries = list_entries([classes])
    for name, threads in (("a", 1), ("b", 3)):
        pack(entries, policy, tmp_path / name, source="x", threads=threads)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    packed = PackedSet.open(tmp_path / "a")
    assert packed.digest == packed.measured_digest()
    assert packed.record.policy == policy
    in_memory, _ = gather([classes], policy)
    assert np.array_equal(in_memory.pixels, packed.pixels)
    assert in_memory.names == packed.names


def test_broken_files_are_noted_and_left_out(classes: Path, tmp_path: Path):
    gathered = pack(list_entries([classes]), SMALL, tmp_path / "x")
    assert [file.name for file in gathered.broken] == ["dogs/11.png"]
    assert "damaged" in gathered.broken[0].reason
    packed = PackedSet.open(tmp_path / "x")
    assert (len(packed), packed.record.files, packed.record.left_out) == (6, 6, 1)
    assert packed.names[4:] == ("dogs/10.png", "dogs/12.png")


@pytest.mark.parametrize("way", [{}, {"way": "patches", "count": 40}])
def test_folders_become_labels(classes: Path, tmp_path: Path, way: dict[str, object]):
    pack(list_entries([classes]), SMALL.model_copy(update={"classes": True, **way}), tmp_path / "x")
    packed = PackedSet.open(tmp_path / "x")
    assert packed.classes == ("cats", "dogs")
    expected = [packed.classes.index(name.split("/")[0]) for name in packed.names]
    assert packed.labels.tolist() == expected
    assert set(expected) == {0, 1}


def test_a_set_packed_without_classes_is_not_taken_for_one_with(classes: Path, tmp_path: Path):
    """Bug: --classes was ignored in silence."""
    pack(list_entries([classes]), SMALL, tmp_path / "x")
    with pytest.raises(InputError, match="packed without classes"):
        gather([tmp_path / "x"], SMALL.model_copy(update={"classes": True}))


def test_classes_need_folders(classes: Path, tmp_path: Path):
    wanted = SMALL.model_copy(update={"classes": True})
    with pytest.raises(InputError, match="no folder"):
        gather([classes / "cats"], wanted)
    photo(1).save(classes / "loose.png")
    with pytest.raises(InputError, match=r"loose\.png"):
        gather([classes], wanted)


def test_grey_pictures_have_one_channel_unless_told_otherwise(tmp_path: Path):
    for seed in range(3):
        photo(seed).convert("L").save(tmp_path / f"{seed}.png")
    places = [tmp_path]
    assert gather(places, SMALL)[0].shape == (1, 8, 16)
    assert gather(places, SMALL.model_copy(update={"channels": 3}))[0].shape == (3, 8, 16)
    pack(list_entries(places), SMALL, tmp_path / "x.pack")
    packed = PackedSet.open(tmp_path / "x.pack")
    assert packed.shape == (1, 8, 16)
    assert packed.digest == packed.measured_digest()
    assert sorted(contents(tmp_path / "x.pack")) == ["names.json", "pixels.u8", "set.json"]
    photo(9).save(tmp_path / "9.png")
    assert gather(places, SMALL)[0].shape == (3, 8, 16)


def test_patches_come_by_area_from_pictures_that_are_large_enough(tmp_path: Path):
    photo(0, 160, 80).save(tmp_path / "large.png")
    photo(1, 40, 20).save(tmp_path / "small.png")
    photo(2, 15, 90).save(tmp_path / "thin.png")
    packed, gathered = gather([tmp_path], SMALL.model_copy(update={"way": "patches", "count": 400}))
    assert len(gathered.facts) == 3
    assert len(packed) == 400
    assert 350 < packed.names.count("large.png") < 399
    assert "thin.png" not in packed.names
    with pytest.raises(TrainingError, match="200 x 200"):
        gather([tmp_path], Policy(width=200, height=200, way="patches", count=3))


def test_a_set_of_the_right_shape_is_opened_and_another_is_cut(classes: Path, tmp_path: Path):
    pack(list_entries([classes]), SMALL, tmp_path / "x.pack")
    opened, _ = gather([tmp_path / "x.pack"], SMALL)
    assert isinstance(opened.pixels, np.memmap)
    smaller, _ = gather([tmp_path / "x.pack"], Policy(width=4, height=4))
    assert smaller.shape == (3, 4, 4)


def test_what_is_there_is_left_alone_unless_it_is_a_set_to_overwrite(classes: Path, tmp_path: Path):
    entries, out = list_entries([classes]), tmp_path / "x.pack"
    pack(entries, SMALL, out)
    before = contents(out)
    with pytest.raises(FileError, match="exists already"):
        pack(entries, Policy(), out)
    assert contents(out) == before
    pack(entries[:3], SMALL, out, overwrite=True)
    assert len(PackedSet.open(out)) == 3
    with pytest.raises(FileError, match="is no packed set"):
        pack(entries, SMALL, classes, overwrite=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_nothing_readable_is_an_error_that_leaves_nothing(tmp_path: Path):
    (tmp_path / "a.png").write_text("no")
    with pytest.raises(TrainingError, match=r"a\.png: none of 1 files"):
        pack(list_entries([tmp_path]), SMALL, tmp_path / "x.pack")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_killed_packing_leaves_nothing_of_that_name(tmp_path: Path):
    Image.effect_noise((3000, 3000), 60).save(tmp_path / "large.png")
    code = (
        "from pathlib import Path\nfrom ganplugin.train.pictures.packing import pack\n"
        "from ganplugin.train.pictures.policy import Policy\n"
        "from ganplugin.train.pictures.sources import list_entries\n"
        f"place = Path({str(tmp_path)!r})\nentries = list_entries([place]) * 1000\n"
        "pack(entries, Policy(), place / 'x.pack', progress=lambda done: print(done, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"1\n"
        child.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
        child.wait()
    assert not (tmp_path / "x.pack").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_a_survey_reports_progress_in_order_and_keeps_positions(classes: Path):
    steps: list[int] = []
    gathered = survey(list_entries([classes]), SMALL, threads=2, progress=steps.append)
    assert steps == list(range(1, 8))
    assert gathered.readable == [0, 1, 2, 3, 4, 6]


def test_pictures_wait_in_bounded_number(classes: Path, monkeypatch: pytest.MonkeyPatch):
    from ganplugin.train.pictures import examining

    started: list[str] = []
    usual = examining._examined
    monkeypatch.setattr(examining, "_examined", lambda job: (started.append(job.entry.name), usual(job))[1])
    entries = list_entries([classes]) * 20
    results = examining.examine((examining.Job(entry) for entry in entries), threads=2)
    for taken in range(1, 6):
        next(results)
        time.sleep(0.05)
        assert len(started) <= taken + 8
    results.close()
