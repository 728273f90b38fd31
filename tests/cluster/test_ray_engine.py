"""The Ray engine on a real cluster: the same bytes as in one process, whatever happens to the nodes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganplugin.errors import Cancelled, DependencyError, InputError
from ganplugin.nodes import Context
from ganplugin.series import fleet
from ganplugin.series.cluster import Cluster, Resources
from ganplugin.series.engine import InProcess
from ganplugin.series.entries import Done, Entry, Failed
from ganplugin.series.plan import Plan
from ganplugin.series.ray_engine import RayEngine
from ganplugin.series.remote_storage import RemoteStorage
from ganplugin.series.storage import LocalStorage
from ganplugin.series.workshop import Job, Setup
from tests.cluster.conftest import add_node
from tests.series.deadly import UNLUCKY, deadly
from tests.series.kit import SEEDS, digests, plan_of, rendered, setup_of
from tests.series.test_workshop import PHOTOS, WALKS

pytestmark = [pytest.mark.cluster, pytest.mark.filterwarnings("ignore::ResourceWarning")]

FILMS = {**WALKS, "outputs": [{"write": "film", "formats": ["webp"], "fps": 10}]}


def jobs(plan: Plan, size: int = 4) -> Iterator[Job]:
    pieces = tuple(plan)
    return (Job("render", pieces[start : start + size]) for start in range(0, len(pieces), size))


def on_cluster(setup: Setup, work: Iterable[Job], context: Context | None = None, **options: Any) -> dict[int, Entry]:
    found: dict[int, Entry] = {}
    for entry in RayEngine(**options).run(replace(setup, threads=1), work, context or Context()):
        assert entry.piece not in found, "told twice"
        found[entry.piece] = entry
    return found


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "fields", [{"edition": 30}, PHOTOS, WALKS, FILMS], ids=["samples", "pictures", "walks", "films"]
)
def test_what_comes_back_is_what_one_process_writes(cluster, home, tmp_path, fields):
    plan = plan_of(**fields)
    expected = rendered(plan, tmp_path / "alone", threads=1)
    found = on_cluster(setup_of(plan, tmp_path / "cluster"), jobs(plan))
    assert digests(found) == digests(expected) != {}
    assert files(tmp_path / "cluster") == files(tmp_path / "alone")
    assert {entry.digest for entry in found.values()} == {piece.digest for piece in plan}


def test_candidates_are_judged_alike(cluster, home, tmp_path):
    plan = plan_of(edition=2, keep={"of": 6, "by": "scorer.onnx"})
    work = [Job("judge", tuple(plan))]
    setup = setup_of(plan, tmp_path, threads=1)
    expected = {entry.piece: entry for entry in InProcess().run(setup, work, Context())}
    found = on_cluster(setup, work)
    assert {i: (e.score, e.look) for i, e in found.items()} == {i: (e.score, e.look) for i, e in expected.items()}


def test_workers_that_see_the_same_disks_write_themselves(cluster, home, tmp_path, monkeypatch):
    plan = plan_of(edition=12)
    expected = rendered(plan, tmp_path / "alone", threads=1)
    monkeypatch.setattr(LocalStorage, "write", None)  # in this process alone
    found = on_cluster(setup_of(plan, tmp_path / "cluster"), jobs(plan), shared=True)
    assert digests(found) == digests(expected)
    assert files(tmp_path / "cluster") == files(tmp_path / "alone")


def test_workers_write_to_a_store_themselves(cluster, home, tmp_path, monkeypatch):
    plan = plan_of(edition=12)
    expected = rendered(plan, tmp_path / "alone", threads=1)
    monkeypatch.setattr(RemoteStorage, "write", None)  # in this process alone
    store = RemoteStorage((tmp_path / "store").as_uri())
    found = on_cluster(replace(setup_of(plan, tmp_path), storage=store), jobs(plan))
    assert digests(found) == digests(expected)
    assert files(tmp_path / "store") == files(tmp_path / "alone")


def test_a_node_that_goes_away_costs_nothing_but_time(cluster, home, tmp_path, monkeypatch):
    lost: list[int] = []
    lose = fleet.Fleet._lost
    monkeypatch.setattr(fleet.Fleet, "_lost", lambda self, hand: lost.append(len(hand.open)) or lose(self, hand))
    plan = plan_of(edition=600)
    expected = rendered(plan, tmp_path / "alone", threads=1)
    doomed = add_node(cluster)
    found: dict[int, Entry] = {}
    for entry in RayEngine(workers=3).run(setup_of(plan, tmp_path / "cluster", threads=1), jobs(plan), Context()):
        assert entry.piece not in found, "told twice"
        found[entry.piece] = entry
        if len(found) == 5:
            cluster.remove_node(doomed, allow_graceful=False)
    assert lost, "it did nothing when it went away"
    assert digests(found) == digests(expected)
    assert files(tmp_path / "cluster") == files(tmp_path / "alone")


def test_a_piece_that_kills_its_worker_is_the_only_one_to_fail(cluster, home, tmp_path):
    seeds = [str(seed) for seed in range(5, 21)]
    plan = plan_of(edition=len(seeds), traits={"Seed": {"set": "make.seeds", "sweep": seeds}})
    setup = replace(setup_of(plan, tmp_path / "cluster"), graph=deadly(plan))
    found = on_cluster(setup, jobs(plan))
    failed = [entry for entry in found.values() if isinstance(entry, Failed)]
    assert [(entry.piece, entry.kind) for entry in failed] == [(seeds.index(UNLUCKY), "WorkerLost")]
    assert sum(isinstance(entry, Done) for entry in found.values()) == len(plan) - 1


def test_a_piece_that_cannot_be_made_fails_with_its_own_words(cluster, home, tmp_path):
    plan = plan_of(edition=2, traits={"Model": {"set": "model.model", "sweep": ["full.onnx", "gone.onnx"]}})
    expected = rendered(plan, tmp_path / "alone", threads=1)
    found = on_cluster(setup_of(plan, tmp_path / "cluster"), jobs(plan))
    assert isinstance(found[0], Done)
    assert found[1] == expected[1]


def test_a_run_that_is_cancelled_leaves_no_worker_behind(cluster, home, tmp_path):
    import ray

    told: list[Entry] = []  # `extend` adds what it has so far, too
    plan = plan_of(edition=10_000, traits=SEEDS)
    context = Context(cancelled=lambda: len(told) > 3)
    with pytest.raises(Cancelled):
        told.extend(RayEngine().run(setup_of(plan, tmp_path, threads=1), jobs(plan), context))
    assert 3 < len(told) < len(plan)
    assert set(files(tmp_path / "pieces")) >= {Path(file.path).name for entry in told for file in entry.files}
    _wait_until(lambda: ray.available_resources().get("CPU") == ray.cluster_resources()["CPU"])


def test_a_node_that_would_make_other_bytes_is_refused(cluster, home, tmp_path, monkeypatch):
    monkeypatch.setattr(fleet, "current_versions", lambda: (("numpy", "0.1"),))
    plan = plan_of()
    with pytest.raises(DependencyError, match=r"node .* has .*install the same versions"):
        on_cluster(setup_of(plan, tmp_path), jobs(plan))


def test_the_number_of_workers_is_what_the_cluster_has_room_for(cluster):
    joined = Cluster.joined()
    _wait_until(lambda: joined.room(Resources(1)) == 2)  # a node that another test took away is missed after a while
    assert joined.worker_resources("auto", 1, None) == ("cpu", Resources(1))
    with pytest.raises(InputError, match="no node of the cluster has 8 CPUs"):
        joined.room(Resources(8))
    with pytest.raises(InputError, match=r"1 CPUs and 0\.5 GPU"):
        joined.room(Resources(1, 0.5))


def _wait_until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)
