from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from ganplugin.errors import FileError
from ganplugin.provenance import parse_provenance
from ganplugin.series.entries import Done, Failed
from ganplugin.video import read_video_text
from tests.series.kit import SAMPLE, SEEDS, digests, plan_of, rendered

WALK = {
    "model": SAMPLE["model"],
    "walk": {"class_type": "GanPluginInterpolate", "inputs": {"model": ["model", 0], "seeds": "0-1", "frames": 6}},
}
WALKS = {"graph": WALK, "traits": {"Keys": {"set": "walk.seeds", "seeds": "any", "count": 2}}, "edition": 3}
PHOTOS = {
    "graph": {
        "photo": {"class_type": "GanPluginLoadImages", "inputs": {"path": "photos/cat.png"}},
        "style": {"class_type": "GanPluginLoadModel", "inputs": {"model": "styles.onnx"}},
        "paint": {"class_type": "GanPluginStyleTransfer", "inputs": {"model": ["style", 0], "images": ["photo", 0]}},
    },
    "traits": {"Photo": {"set": "photo.path", "pictures": "photos"}},
    "edition": None,
}


def test_every_size_and_format_of_a_piece_is_written(home, tmp_path):
    plan = plan_of(outputs=[{"sizes": [0, 16, 4], "formats": ["png", "webp", "jpg"], "enlarge": "pixels"}])
    done = rendered(plan, tmp_path, [2])[2]
    assert [file.path for file in done.files] == [
        f"pieces/00002{size}.{kind}" for size in ("", "-16", "-4") for kind in ("png", "webp", "jpg")
    ]
    for file in done.files:
        data = (tmp_path / file.path).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (file.sha256, file.bytes)
        with Image.open(tmp_path / file.path) as image:
            assert image.size == (file.width, file.height)
    small, large = (np.asarray(Image.open(tmp_path / f"pieces/00002{size}.png")) for size in ("", "-16"))
    assert np.array_equal(large, small.repeat(2, 0).repeat(2, 1))


def test_a_picture_says_what_it_is_made_of_and_which_piece_it_is(home, tmp_path):
    plan = plan_of(traits={**SEEDS, "Sky": {"choose": ["rød"]}}, outputs=[{"sizes": [16]}])
    rendered(plan, tmp_path, [3])
    text = read_video_text(tmp_path / "pieces/00003.png")
    assert json.loads(text["series"]) == {"piece": 3, "traits": {"Sky": "rød"}}
    record = parse_provenance(text)
    assert (record.seed, record.side) == (int(plan[3].changes["make.seeds"]), 16)


def test_thumbnails_are_small_pictures_and_only_for_the_gallery(home, tmp_path):
    rendered(plan_of(), tmp_path / "with", [0])
    with Image.open(tmp_path / "with/thumbs/00000.webp") as image:
        assert image.size == (8, 8)
    rendered(plan_of(gallery=False, sheets=False), tmp_path / "without", [0])
    assert not (tmp_path / "without/thumbs").exists()


def test_a_walk_becomes_a_film(home, tmp_path):
    plan = plan_of(**WALKS, outputs=[{"write": "film", "formats": ["webp", "mp4"], "fps": 12}])
    entries = rendered(plan, tmp_path)
    assert [file.path for file in entries[1].files] == ["pieces/00001.webp", "pieces/00001.mp4"]
    with Image.open(tmp_path / "pieces/00001.webp") as film:
        assert film.n_frames == 6
    again = digests(rendered(plan, tmp_path / "again"))
    assert again == {file.path: file.sha256 for entry in entries.values() for file in entry.files}
    assert json.loads(read_video_text(tmp_path / "pieces/00001.mp4")["series"])["piece"] == 1


def test_films_come_in_sizes_too(home, tmp_path):
    plan = plan_of(**WALKS, outputs=[{"write": "film", "formats": "webp", "sizes": 32}])
    file = rendered(plan, tmp_path, [0])[0].files[0]
    with Image.open(tmp_path / file.path) as film:
        assert film.size == (file.width, file.height) == (32, 32)


def test_a_walk_becomes_numbered_frames(home, tmp_path):
    plan = plan_of(**WALKS)
    file = rendered(plan, tmp_path, [1])[1].files[0]
    assert (file.path, file.frames) == ("pieces/00001/%05d.png", 6)
    single = [hashlib.sha256((tmp_path / path).read_bytes()).hexdigest() for path in file.paths]
    assert file.sha256 == hashlib.sha256("".join(single).encode()).hexdigest()
    assert file.bytes == sum((tmp_path / path).stat().st_size for path in file.paths)
    assert len(set(single)) == 6


def test_pictures_and_films_of_one_piece(home, tmp_path):
    graph = {**WALK, "make": SAMPLE["make"]}
    outputs = [{"from": "walk", "write": "film", "formats": "webp"}, {"from": "make", "name": "{index}-still"}]
    entries = rendered(plan_of(graph=graph, traits=SEEDS, outputs=outputs), tmp_path)
    assert [file.path for file in entries[2].files] == ["pieces/00002.webp", "pieces/2-still.png"]


def test_photos_are_found_beside_the_series_file_and_named_with_their_digests(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    entries = rendered(plan_of(home, **PHOTOS), tmp_path / "out")
    assert entries[0].inputs == {"photos/cat.png": hashlib.sha256((home / "photos/cat.png").read_bytes()).hexdigest()}
    assert list(entries[0].models) == ["styles.onnx"]


def test_a_bad_picture_fails_its_piece_alone(home, tmp_path):
    (home / "photos" / "bad.png").write_bytes(b"no picture")
    entries = rendered(plan_of(**PHOTOS), tmp_path)
    assert [type(entries[index]) for index in range(3)] == [Failed, Done, Done]
    assert "bad.png" in entries[0].error
    assert entries[0].kind == "ImageError"
    assert not (tmp_path / "pieces/00000.png").exists()


def test_a_piece_that_fails_among_joined_ones_fails_alone(home, tmp_path, monkeypatch):
    from ganplugin.errors import ModelError
    from ganplugin.runtime import Model

    plan = plan_of()
    levels = Model.generate_levels
    bad = int(plan[2].changes["make.seeds"])
    marked = np.random.RandomState(bad).randn(4).astype(np.float32)

    def failing(self, z, **options):
        if any(np.array_equal(row, marked) for row in np.asarray(z)):
            raise ModelError("its output is not finite")
        return levels(self, z, **options)

    monkeypatch.setattr(Model, "generate_levels", failing)
    entries = rendered(plan, tmp_path, batch=4)
    assert [type(entries[index]) for index in range(4)] == [Done, Done, Failed, Done]


def test_a_file_that_cannot_be_written_stops_everything(home, tmp_path):
    (tmp_path / "pieces").write_text("in the way")
    with pytest.raises(FileError):
        rendered(plan_of(), tmp_path)


def test_bytes_do_not_depend_on_the_number_of_encoders(home, tmp_path):
    one, many = (digests(rendered(plan_of(edition=9), tmp_path / str(n), encoders=n)) for n in (1, 4))
    assert one == many


def test_a_film_holds_the_frames_of_its_own_piece_alone(home, tmp_path):
    """Films of seeds held those of all pieces that were rendered together."""
    traits = {"Keys": {"set": "make.seeds", "seeds": "any", "count": 3}}
    plan = plan_of(traits=traits, outputs=[{"write": "film", "formats": ["gif"]}, {"name": "{index}-still"}])
    alone, together = (rendered(plan, tmp_path / str(batch), range(4), batch=batch) for batch in (1, 4))
    assert digests(alone) == digests(together)
    with Image.open(tmp_path / "4/pieces/00003.gif") as film:
        assert film.n_frames == 3
