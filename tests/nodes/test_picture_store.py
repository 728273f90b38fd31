"""Pictures are kept under all that they depend on, and a store never costs more than its gain."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin.nodes import Context, Interpolate, LoadImages, Sample, StyleTransfer
from ganplugin.nodes import picture_store as module
from ganplugin.nodes.context import Folders
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.picture_store import DiskStore, MemoryStore, fingerprint, stored
from ganplugin.nodes.values import Images, Origin, Recipe
from tests.nodes.kit import load, node, noise, save, sequence

PICTURE = noise(4, 4)
BYTES = PICTURE.nbytes


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    def make(pictures=100):
        most = pictures * BYTES
        return MemoryStore(most) if request.param == "memory" else DiskStore(tmp_path / "kept", most)

    return make


def key(number: int) -> str:
    return f"{number:064x}"


def kept(store, count) -> list[int]:
    return [number for number in range(count) if store.get(key(number)) is not None]


def fill(store, count):
    for number in range(count):
        store.put(key(number), noise(4, 4, seed=number))
        if isinstance(store, DiskStore):  # a clock may be coarser than this loop
            os.utime(store._path(key(number)), (number, number))


@pytest.mark.parametrize("shape", [(4, 4, 3), (1, 1, 1), (5, 2, 4), (3, 9, 1)])
def test_what_was_put_comes_back_to_the_bit(store, shape):
    store = store()
    picture = noise(*shape) * np.float32(0.77)
    assert store.get(key(1)) is None
    store.put(key(1), picture)
    found = store.get(key(1))
    assert found.dtype == np.float32
    assert found.shape == shape
    assert found.tobytes() == picture.tobytes()
    assert store.get(key(2)) is None


def test_a_cut_out_of_a_larger_array_is_kept_alone(store):
    store = store()
    batch = np.stack([noise(4, 4, seed=n) for n in range(50)])
    store.put(key(1), batch[7])
    found = store.get(key(1))
    assert np.array_equal(found, batch[7])
    assert found.base is None or not isinstance(store, MemoryStore)
    batch[7] = 0
    assert np.array_equal(store.get(key(1)), noise(4, 4, seed=7))


def test_what_is_kept_cannot_be_changed_by_those_who_get_it(store):
    store = store()
    store.put(key(1), PICTURE.copy())
    found = store.get(key(1))
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0, 0] = 7


def test_the_longest_unused_are_dropped_when_there_is_no_room(store):
    store = store(8)
    fill(store, 8)
    store.get(key(0))
    store.put(key(8), noise(4, 4, seed=8))
    left = kept(store, 9)
    assert {0, 8} <= set(left)
    assert 1 not in left
    assert len(left) <= 8


def test_a_picture_larger_than_all_the_room_is_not_kept(store):
    store = store(4)
    fill(store, 2)
    store.put(key(9), noise(40, 40))
    assert store.get(key(9)) is None
    assert kept(store, 2) == [0, 1]


def test_a_folder_never_holds_much_more_than_it_may(tmp_path):
    store = DiskStore(tmp_path, 20 * BYTES)
    for number in range(100):
        store.put(key(number), PICTURE)
        held = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert held <= 21 * (BYTES + 100)
    assert store.get(key(99)) is not None


def test_the_room_of_a_folder_is_shared_by_all_runs(tmp_path):
    for run in range(5):
        store = DiskStore(tmp_path, 20 * BYTES)
        for number in range(10):
            store.put(key(run * 10 + number), PICTURE)
    assert len(list(tmp_path.iterdir())) <= 20


def test_a_later_run_finds_what_an_earlier_one_kept(tmp_path):
    DiskStore(tmp_path).put(key(1), PICTURE)
    assert np.array_equal(DiskStore(tmp_path).get(key(1)), PICTURE)


@given(st.integers(0, 500), st.integers(0, 255), st.booleans())
def test_a_damaged_file_is_ignored(tmp_path_factory, place, value, cut):
    store = DiskStore(tmp_path_factory.mktemp("kept"))
    store.put(key(1), PICTURE)
    path = store._path(key(1))
    data = bytearray(path.read_bytes())
    place %= len(data)
    damaged = data[:place] if cut else data[:place] + bytes([value]) + data[place + 1 :]
    path.write_bytes(damaged)
    found = store.get(key(1))
    assert np.array_equal(found, PICTURE) if damaged == data else found is None
    store.put(key(1), PICTURE)
    assert np.array_equal(store.get(key(1)), PICTURE)


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04" * 9, b"\x93NUMPY" + b"\0" * 99, b"\0" * 44])
def test_a_foreign_file_is_ignored(tmp_path, data):
    store = DiskStore(tmp_path)
    store.put(key(1), PICTURE)
    store._path(key(1)).write_bytes(data)
    assert store.get(key(1)) is None


def test_a_file_in_place_of_the_folder_costs_nothing(tmp_path):
    (tmp_path / "kept").write_text("mine")
    store = DiskStore(tmp_path / "kept")
    store.put(key(1), PICTURE)
    assert store.get(key(1)) is None
    assert (tmp_path / "kept").read_text() == "mine"


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path, monkeypatch):
    store = DiskStore(tmp_path)
    store.put(key(1), PICTURE)

    def refuse(*arguments, **options):
        raise PermissionError(13, "permission denied")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(Path, "touch", refuse)
    store.put(key(2), PICTURE)
    assert store.get(key(2)) is None
    assert np.array_equal(store.get(key(1)), PICTURE)
    assert [path.name for path in tmp_path.iterdir()] == [store._path(key(1)).name]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="there are no such permissions here")
def test_a_read_only_folder_costs_nothing(tmp_path):
    (tmp_path / "kept").mkdir(mode=0o500)
    store = DiskStore(tmp_path / "kept")
    store.put(key(1), PICTURE)
    assert store.get(key(1)) is None


def origin(**changes) -> Origin:
    plain = Origin(
        Recipe("A", (("x", 1), ("y", Recipe("B")))),
        index=0,
        models={"m.onnx": "0" * 64},
        inputs={"a.png": "1" * 64},
        provider="CPUExecutionProvider",
        threads=2,
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": Recipe("A", (("x", 2), ("y", Recipe("B"))))},
        {"recipe": Recipe("A", (("x", 1), ("y", Recipe("C"))))},
        {"recipe": Recipe("A", (("x", 1), ("y", Recipe("B", output=1))))},
        {"recipe": Recipe("A", (("x", True), ("y", Recipe("B"))))},
        {"recipe": Recipe("A", (("x", 1), ("y", Recipe("B"))), output=1)},
        {"index": 1},
        {"models": {"m.onnx": "2" * 64}},
        {"models": {}},
        {"inputs": {"a.png": "2" * 64}},
        {"provider": "CUDAExecutionProvider"},
        {"threads": 3},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_whatever_a_picture_depends_on_changes_its_fingerprint(changes):
    assert fingerprint(origin(**changes)) != fingerprint(origin())


def test_names_for_people_do_not_change_a_fingerprint():
    assert fingerprint(origin(name="x", source="/home/me/a.png", seed=3)) == fingerprint(origin())


def test_another_version_of_what_computes_changes_every_fingerprint(monkeypatch):
    before = fingerprint(origin())
    monkeypatch.setattr(module, "current_versions", lambda: (("ganplugin", "9.9"),))
    assert fingerprint(origin()) != before


def counted(count=10, chunk=4):
    looked: list[list[int]] = []
    plain = sequence([noise(4, 4, seed=n) for n in range(count)], chunk=chunk)

    def render(start, stop):
        looked.append(list(range(start, stop)))
        return plain.render(start, stop)

    return replace(plain, render=render), looked


def through(images: Images, store) -> Images:
    from ganplugin.nodes.join_images import JoinImagesOutputs

    return stored(JoinImagesOutputs(images=images), store).images


def test_only_what_is_missing_is_rendered_neighbours_together(store):
    images, looked = counted()
    kept_images = through(images, store())
    assert np.array_equal(kept_images[5], noise(4, 4, seed=5))
    assert looked == [[5]]
    shown = list(kept_images)
    assert looked == [[5], [0, 1, 2, 3], [4], [6, 7], [8, 9]]
    assert all(np.array_equal(picture, noise(4, 4, seed=n)) for n, picture in enumerate(shown))
    assert list(kept_images)[9].tobytes() == shown[9].tobytes()
    assert len(looked) == 5


def test_a_file_that_changed_before_it_was_read_is_kept_under_what_was_read(here, models, context):
    save(here / "a.png", seed=1)
    model = load(models / "styles.onnx")

    def painted(store):
        images = LoadImages(path="a.png").run(context).images
        return through(StyleTransfer(model=model, images=images).run(context).images, store)

    store = MemoryStore()
    images = painted(store)
    images.origin(0)  # the digest is known, as it is after the files in the way were looked at
    save(here / "a.png", seed=2)
    changed = images[0]
    save(here / "a.png", seed=1)
    assert not np.array_equal(painted(store)[0], changed)


FLOW = {
    "1": node("LoadModel", model="full.onnx"),
    "2": node("Sample", model=["1", 0], seeds="0-5"),
    "3": node("Interpolate", model=["1", 0], seeds="1,2", frames=4),
    "4": node("JoinImages", a=["2", 0], b=["3", 0]),
    "5": node("ContactSheet", images=["4", 0]),
    "6": node("SaveImages", images=["5", 0]),
}


@pytest.mark.parametrize(
    ("change", "pictures"),
    [
        ("6.folder=elsewhere", 0),
        ("5.columns=2", 0),
        ("2.seeds=0-6", 1),
        ("2.seeds=5,4,3", 0),
        ("2.truncation=0.5", 6),
        ("2.seed=2", 2),
        ("3.frames=5", 5),
        ("3.easing=smooth", 4),
    ],
)
def test_a_second_run_renders_only_what_a_change_reaches(models, here, store, rendered, change, pictures):
    store = store(1000)

    def run(graph, folder):
        folders = Folders(models=(models,), outputs=here / folder)
        return graph.run(Context(device="cpu", folders=folders), store)["6"].model_dump()["paths"][0]

    run(Graph.parse(FLOW), "first")
    assert sum(rendered) == 10
    rendered.clear()
    run(Graph.parse(FLOW), "same")
    assert rendered == []
    with_store = run(Graph.parse(FLOW).changed([change]), "changed")
    assert sum(rendered) == pictures
    fresh = Graph.parse(FLOW).changed([change])
    folders = Folders(models=(models,), outputs=here / "fresh")
    path = fresh.run(Context(device="cpu", folders=folders))["6"].model_dump()["paths"][0]
    assert Path(path).read_bytes() == Path(with_store).read_bytes()


def test_another_model_of_the_same_name_is_rendered_anew(models, here, rendered):
    store = MemoryStore()
    save(here / "x.png")
    for number, name in enumerate(("full.onnx", "alpha.onnx", "full.onnx")):
        (here / "model.onnx").write_bytes((models / name).read_bytes())
        graph = Graph.parse(FLOW).changed(["1.model=model.onnx", "5.columns=1"])
        graph.run(Context(device="cpu", folders=Folders(models=(here,), outputs=here / str(number))), store)
    assert sum(rendered) == 20


def test_a_shorter_walk_is_another_walk(models, here, context):
    model = load(models / "full.onnx")
    long, short = (
        Interpolate(model=model, seeds="1,2", frames=frames).run(context).images.origin(1) for frames in (9, 5)
    )
    assert fingerprint(long) != fingerprint(short)
    one, other = (Sample(model=model, seeds=seeds).run(context).images.origin(0) for seeds in ("3,4", "3"))
    assert fingerprint(one) == fingerprint(other)
