from __future__ import annotations

import pytest

from ganplugin.errors import FileError
from ganplugin.nodes import Context
from ganplugin.series.entries import Done, Failed
from ganplugin.series.folder import SeriesFolder
from ganplugin.series.verifying import Verdict, mend, verify_series
from tests.series.kit import plan_of, rendered

WALK = {
    "model": {"class_type": "GanPluginLoadModel", "inputs": {"model": "full.onnx"}},
    "walk": {"class_type": "GanPluginInterpolate", "inputs": {"model": ["model", 0], "frames": 3}},
}


def series(folder: SeriesFolder, home, **fields) -> SeriesFolder:
    plan = plan_of(**fields)
    folder.begin(folder.recorded(plan.series, home, {}))
    with folder.journal() as journal:
        for entry in rendered(plan, folder.path).values():
            journal.add(entry)
    return folder


@pytest.fixture
def folder(home, tmp_path) -> SeriesFolder:
    return series(SeriesFolder(tmp_path / "out"), home)


def verdict(folder: SeriesFolder) -> Verdict:
    return verify_series(folder, Context())


def test_a_sound_series_is_sound(folder):
    found = verdict(folder)
    assert (found.right, found.missing, found.changed, found.unknown, found.pieces) == (8, [], [], [], {})
    assert found.is_sound


def test_every_single_byte_counts(folder):
    path = folder.path / "pieces" / "00001.png"
    data = path.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert verdict(folder).changed == ["pieces/00001.png"]
    path.write_bytes(data)
    assert verdict(folder).is_sound


def test_a_cut_a_missing_and_an_unreadable_file_are_damage(folder):
    pieces = folder.path / "pieces"
    (pieces / "00000.png").write_bytes((pieces / "00000.png").read_bytes()[:-1])
    (pieces / "00001.png").unlink()
    (pieces / "00002.png").unlink()
    (pieces / "00002.png").mkdir()
    found = verdict(folder)
    assert (found.changed, found.missing) == (["pieces/00000.png"], ["pieces/00001.png", "pieces/00002.png"])
    assert set(found.pieces) == {0, 1, 2}
    assert not found.is_sound


def test_frames_in_another_order_are_damage(home, tmp_path):
    traits = {"Keys": {"set": "walk.seeds", "seeds": "any", "count": 2}}
    folder = series(SeriesFolder(tmp_path / "out"), home, graph=WALK, traits=traits, edition=2)
    assert verdict(folder).right == 2 * 3 + 2
    first, second = (folder.path / "pieces" / "00001" / f"{frame:05}.png" for frame in (0, 1))
    first_bytes = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(first_bytes)
    assert verdict(folder).changed == ["pieces/00001/%05d.png"]
    second.unlink()
    assert verdict(folder).missing == ["pieces/00001/00001.png"]


def test_strangers_are_told_and_do_no_harm(folder):
    (folder.path / "pieces" / "mine.png").write_bytes(b"")
    (folder.path / "thumbs" / "deep").mkdir()
    (folder.path / "thumbs" / "deep" / "x").write_bytes(b"")
    (folder.path / "notes.txt").write_bytes(b"")  # no place of ours
    found = verdict(folder)
    assert found.unknown == ["pieces/mine.png", "thumbs/deep/x"]
    assert found.is_sound


def test_only_the_last_line_of_a_piece_counts(folder):
    entries = list(folder.entries())
    (folder.path / "pieces" / "00003.png").unlink()
    found = verdict(folder)
    mend(folder, found)
    last = list(folder.entries())[-1]
    assert isinstance(last, Failed)
    assert (last.piece, last.kind, last.error) == (3, "Damaged", "its files were missing or changed")
    assert verdict(folder).is_sound  # what is known to be damaged is not looked at again
    assert verdict(folder).right == 6
    with folder.journal() as journal:
        journal.add(entries[3])
    assert verdict(folder).missing == ["pieces/00003.png"]
    assert isinstance(entries[3], Done)


def test_a_folder_without_a_series_is_an_error_in_words(tmp_path):
    with pytest.raises(FileError, match="holds no series - name a series' folder"):
        verdict(SeriesFolder(tmp_path))


def test_a_stop_is_heard(folder):
    from ganplugin.errors import Cancelled

    with pytest.raises(Cancelled):
        verify_series(folder, Context(cancelled=lambda: True))
