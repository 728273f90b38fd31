from __future__ import annotations

import json


def test_a_first_series_is_written_and_renders_as_it_is(run, here):
    assert run("series", "new", "north-sea.yaml").out == (
        "north-sea.yaml: look into it, then run: ganplugin render north-sea.yaml\n"
    )
    assert "title: North sea\n" in (here / "north-sea.yaml").read_text()
    done = run("render", "north-sea.yaml", "--pieces", "0-1", "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert (found["made"], found["wanted"], found["failed"]) == (2, 2, {})
    assert (here / "north-sea" / "index.html").exists()


def test_a_series_file_is_not_replaced_unasked(run, here):
    run("series", "new", "a.yaml")
    assert run("series", "new", "a.yaml").code == 3
    assert run("series", "new", "a.yaml", "--overwrite").code == 0


def test_the_schema_is_json(run):
    assert json.loads(run("series", "schema").out)["title"] == "A ganplugin series"
