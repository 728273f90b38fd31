"""Series whose pieces are somewhere else than their folder, and engines that are not here."""

from __future__ import annotations

import json
import sys

from tests.cli.test_render import files, pieces, tides
from tests.series.kit import SEEDS

__all__ = ["tides"]


def test_pieces_go_to_the_store_and_their_pages_beside_them(run, here, tides):
    store = (here / "store").as_uri()
    assert run("render", tides(), "--store", store).code == 0
    run("render", "tides.yaml", "--out", "plain")
    assert pieces(here / "store") == pieces(here / "plain")
    there, record = files(here / "store"), set(files(here / "tides"))
    assert {name: there[name] for name in record if not name.startswith(".")} != {}
    assert there["index.html"] == (here / "tides/index.html").read_bytes()
    assert {"metadata/0.json", "traits.csv", "thumbs/00000.webp"} <= there.keys()
    assert not any(name.startswith(("pieces/", "thumbs/", "sheets/")) for name in record)


def test_the_store_is_remembered(run, here, tides):
    store = (here / "store").as_uri()
    run("render", tides(), "--store", store, "--pieces", "0-1")
    assert json.loads(run("render", "tides", "--json").out)["there"] == 2
    assert len(pieces(here / "store")) == 4
    other = run("render", "tides.yaml", "--store", (here / "other").as_uri())
    assert other.code == 2
    assert "store" in other.err


def test_verify_reads_where_the_pieces_are(run, here, tides):
    run("render", tides(), "--store", (here / "store").as_uri())
    assert "8 files are as they were written" in run("verify", "tides").out
    (here / "store/pieces/00001.png").write_bytes(b"changed")
    (here / "store/pieces/00002.png").unlink()
    (here / "store/pieces/stray.png").write_bytes(b"")
    done = run("verify", "tides", "--mend")
    assert done.code == 11
    for line in ("missing: pieces/00002.png", "changed: pieces/00001.png", "unknown: pieces/stray.png"):
        assert line in done.out
    assert run("render", "tides", "--retry-failed").code == 0
    assert run("verify", "tides").code == 0


def test_two_series_are_not_mixed_in_one_store(run, here, tides):
    store = (here / "store").as_uri()
    run("render", tides(), "--store", store)
    second = run("render", "tides.yaml", "--out", "second", "--store", store)
    assert second.code == 3
    assert "holds other files already" in second.err
    assert not (here / "second").exists()
    tides(traits={**SEEDS, "Sky": {"choose": ["red"]}})
    forked = run("render", "tides.yaml", "--store", store, "--fork")
    assert forked.code == 3
    assert "name another --store" in forked.err
    assert run("render", "tides.yaml", "--store", (here / "third").as_uri(), "--fork").code == 0
    assert len(pieces(here / "third")) == 4


def test_what_is_no_address_is_refused(run, here, tides):
    done = run("render", tides(), "--store", "elsewhere")
    assert done.code == 2
    assert "a folder is --out" in done.err


def test_without_ray_its_extra_is_named(run, here, tides, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    done = run("render", tides(), "--engine", "ray")
    assert done.code == 9
    assert "pip install 'ganplugin[ray]'" in done.err
    assert not (here / "tides").exists()
