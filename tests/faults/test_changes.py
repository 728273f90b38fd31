"""A series that is no longer what was begun: refused, naming what changed, with nothing touched."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from ganplugin.nodes import provenance
from ganplugin.series import facts, workshop
from tests.faults.conftest import SERIES
from tests.faults.killing import assert_undisturbed, digests, done
from tests.nodes.kit import save
from tests.tiny_models import tiny_generator, tiny_scorer

PHOTOS = {
    "photo": {"class_type": "GanPluginLoadImages", "inputs": {"path": "photos/ant.png"}},
    "style": {"class_type": "GanPluginLoadModel", "inputs": {"model": "style.onnx"}},
    "paint": {"class_type": "GanPluginStyleTransfer", "inputs": {"model": ["style", 0], "images": ["photo", 0]}},
}
STRENGTH = {"Strength": {"set": "paint.strength", "range": [0, 1.0]}}
TABLE = {"Calm": {"set": "make.truncation", "column": "calm"}}
FIRST: dict[str, Any] = {
    "edition": 6,
    "traits": {
        **SERIES["traits"],
        "Wide": {"sweep": [1, 2]},
        "Tall": {"sweep": [1, 2, 3]},
        "Height": {"range": [0, 1]},
    },
}


def changed(path: str, value: object) -> dict[str, object]:
    """Return the fields of the first series with one value changed; None takes it away."""
    fields = copy.deepcopy({**SERIES, **FIRST})
    place, *keys = path.split(".")
    if not keys:
        return {**fields, place: value}
    inner = fields.setdefault(place, {})
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return fields


def traces(folder) -> dict[str, tuple[bytes, int]]:
    """Return the bytes and the time of every file, the private ones too."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def replace(path, make, **options):
    """Make a model anew."""
    path.unlink()
    make(path, **options)


@pytest.fixture
def begun(here, write, run):
    write(**FIRST)
    assert run("render", "tides.yaml", "--pieces", "0-3").code == 0
    return here / "tides"


def assert_refused(ended, words, code=2):
    assert ended.code == code
    assert ended.err.startswith("ganplugin: tides: was begun with something else: ")
    assert words in ended.err
    assert "add --fork to start a new folder beside it" in ended.err


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("edition", 7, "edition: 6 is now 7"),
        ("seed", 8, "seed: 7 is now 8"),
        ("graph.make.inputs.noise", "none", 'graph.make.inputs.noise: nothing is now "none"'),
        ("graph.model.inputs.model", "./tiny.onnx", 'graph.model.inputs.model: "tiny.onnx" is now "./tiny.onnx"'),
        ("traits.Calm.choose", [0.5, 0.75], "traits.Calm.choose: "),
        ("traits.Calm.choose", [0.5, 0.7, 1.0], "traits.Calm.choose.1.value: 0.75 is now 0.7"),
        ("traits.Calm.choose", [0.5, 0.75, 1], "traits.Calm.choose.2.value: 1.0 is now 1"),
        ("traits.Calm.shown", False, "traits.Calm.shown: nothing is now false"),
        ("traits.Height.range", [0, 1.0], "traits.Height.range.1: 1 is now 1.0"),
        ("traits.Seed.seeds", "0-99", 'traits.Seed.seeds: "any" is now "0-99"'),
        ("traits.More", {"index": 5}, "traits.More: nothing is now "),
        ("pieces", {2: {"Calm": 0.9}}, 'pieces: nothing is now {"2": {"Calm": 0.9}}'),
        ("outputs", [{"formats": ["webp"]}], "outputs: nothing is now "),
        ("outputs", [{"sizes": [32]}], "outputs: nothing is now "),
        ("outputs", [{"name": "{number}"}], "outputs: nothing is now "),
        ("keep", {"of": 9}, 'keep: nothing is now {"of": 9}'),
    ],
)
def test_another_series_is_refused_by_name(run, write, begun, path, value, words):
    before = traces(begun)
    write(**changed(path, value))
    assert_refused(run("render", "tides.yaml"), words)
    assert traces(begun) == before


def test_sweeps_in_another_order_are_another_series(run, write, begun):
    """They give other combinations, although every table holds the same."""
    before = traces(begun)
    names = ["Seed", "Calm", "Tall", "Wide", "Height"]
    write(**{**FIRST, "traits": {name: FIRST["traits"][name] for name in names}})
    assert_refused(run("render", "tides.yaml"), "order of traits.2: ")
    assert traces(begun) == before


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", "Ebbs"),
        ("description", "Water."),
        ("author", "Nobody"),
        ("license", "CC0"),
        ("link", "https://example.org"),
        ("gallery", False),
        ("sheets", {"formats": ["png"]}),
        ("metadata", True),
        ("edition", 6),
        ("outputs", [{"write": "pictures", "quality": 95}]),
    ],
)
def test_what_no_piece_depends_on_may_change(run, write, begun, path, value):
    """Pages do, and a default that is written out says nothing new."""
    write(**changed(path, value))
    ended = run("render", "tides.yaml", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["made"] == 2
    again = run("render", "tides", "--json")
    assert json.loads(again.out)["there"] == 6
    if path == "title":
        assert b"<title>Ebbs</title>" in (begun / "index.html").read_bytes()


def test_other_bytes_of_a_model_are_refused(here, run, begun):
    before = traces(begun)
    replace(here / "tiny.onnx", tiny_generator, name="another")
    assert_refused(run("render", "tides"), 'models.tiny.onnx: "')
    assert traces(begun) == before


def test_another_scorer_is_refused(here, run, write):
    write(edition=2, keep={"of": 4, "by": "scorer.onnx"})
    assert run("render", "tides.yaml").code == 0
    replace(here / "scorer.onnx", tiny_scorer, name="another")
    assert_refused(run("render", "tides"), 'models.scorer.onnx: "')


def test_other_threads_are_refused_and_the_same_are_the_default(run, begun):
    before = traces(begun)
    assert_refused(run("render", "tides", "--threads", "1"), "threads: 2 is now 1")
    assert traces(begun) == before
    assert run("render", "tides").code == 0


def test_another_version_is_refused(run, begun, monkeypatch):
    before = traces(begun)
    newer = (*provenance.current_versions(), ("numpy", "99.0"))
    monkeypatch.setattr(facts, "current_versions", lambda: newer)
    assert_refused(run("render", "tides"), ' is now "99.0"')
    assert traces(begun) == before


def test_another_compressor_is_refused(run, begun, monkeypatch):
    from importlib import metadata

    before, version = traces(begun), metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99.0" if name == "isal" else version(name))
    assert_refused(run("render", "tides"), "versions.isal: ")
    assert traces(begun) == before


def test_a_file_that_the_graph_reads_is_a_part_of_the_series(here, run, write):
    write(edition=4, graph=PHOTOS, traits=STRENGTH)
    assert run("render", "tides.yaml", "--pieces", "0-1").code == 0
    before = traces(here / "tides")
    save(here / "photos" / "ant.png", 9, 6, seed=99)
    assert_refused(run("render", "tides"), 'inputs.photos/ant.png: "')
    assert traces(here / "tides") == before
    save(here / "photos" / "ant.png", 9, 6, seed=0)
    assert run("render", "tides").code == 0


def test_rows_are_a_part_of_the_series(here, run, write):
    write(traits=TABLE, rows="calm.csv", edition=None)
    (here / "calm.csv").write_text("calm\n0.5\n0.7\n0.9\n")
    assert run("render", "tides.yaml", "--pieces", "0-1").code == 0
    (here / "calm.csv").write_text("calm\n0.5\n0.7\n1.0\n")
    assert_refused(run("render", "tides"), 'rows: "')


def test_another_picture_in_the_folder_moves_all_others(here, run, write):
    traits = {"Photo": {"set": "photo.path", "pictures": "photos"}}
    write(edition=5, graph=PHOTOS, traits=traits)
    assert run("render", "tides.yaml", "--pieces", "0-1").code == 0
    save(here / "photos" / "aaa.png", 9, 6, seed=99)
    assert_refused(run("render", "tides"), "pictures of Photo: ")


def test_as_long_as_nothing_is_made_everything_may_change(here, run, write):
    (here / "photos" / "ant.png").write_bytes(b"no picture")
    write(edition=3, graph=PHOTOS, traits=STRENGTH)
    assert run("render", "tides.yaml").code == 11
    write(edition=4, graph=PHOTOS, traits=STRENGTH)
    save(here / "photos" / "ant.png", 9, 6)
    assert run("render", "tides.yaml", "--retry-failed").code == 0
    assert sorted(done(here / "tides")) == [0, 1, 2, 3]


def test_a_fork_leaves_the_old_folder_alone_and_is_gone_on_with(here, run, write, begun):
    before = traces(begun)
    write(**changed("seed", 8))
    assert run("render", "tides.yaml", "--fork", "--pieces", "0-1").code == 0
    assert len(done(here / "tides-2")) == 2
    assert run("render", "tides.yaml", "--fork").code == 0
    assert sorted(done(here / "tides-2")) == list(range(6))
    assert traces(begun) == before
    write(**changed("seed", 9))
    assert run("render", "tides.yaml", "--fork", "--pieces", "0").code == 0
    assert sorted(path.name for path in here.iterdir() if path.is_dir()) == ["photos", "tides", "tides-2", "tides-3"]
    write(**changed("seed", 8))
    assert run("render", "tides.yaml", "--out", "plain").code == 0
    assert_undisturbed(here / "tides-2", here / "plain")


def test_a_fork_of_what_did_not_change_is_no_fork(here, run, begun):
    assert run("render", "tides.yaml", "--fork").code == 0
    assert not (here / "tides-2").exists()
    assert sorted(done(begun)) == list(range(6))


def test_a_folder_with_other_things_is_refused_and_left_as_it_is(here, run, write):
    write()
    before = sorted(path.name for path in (here / "photos").iterdir())
    ended = run("render", "tides.yaml", "--out", "photos")
    assert ended.code == 3
    assert "holds other files already, such as 'ant.png'" in ended.err
    assert sorted(path.name for path in (here / "photos").iterdir()) == before


def test_a_series_that_cannot_begin_leaves_no_folder(here, run, write):
    write(**changed("graph.model.inputs.model", "gone.onnx"))
    assert run("render", "tides.yaml").code == 3
    assert not (here / "tides").exists()


def test_a_model_that_changes_while_pieces_are_made_stops_them(here, run, write, monkeypatch):
    """Its pieces would be others, and the journal would say that all is well."""
    write(edition=20)
    together = workshop.Workshop._together
    calls = []

    def replaced(self, task, pieces):
        calls.append(1)
        if len(calls) == 6:
            replace(here / "tiny.onnx", tiny_generator, name="another")
        return together(self, task, pieces)

    with monkeypatch.context() as patched:
        patched.setattr(workshop.Workshop, "_together", replaced)
        ended = run("render", "tides.yaml", "--batch", "1")
    assert ended.code == 11
    assert "tiny.onnx: changed while the series was rendered - put the old file back" in ended.err
    assert len(done(here / "tides")) < 6
    replace(here / "tiny.onnx", tiny_generator)
    assert run("render", "tides").code == 0
    assert run("render", "tides.yaml", "--out", "whole").code == 0
    assert digests(here / "tides") == digests(here / "whole")
