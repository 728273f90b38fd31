"""Saved graphs go on working: ids, order, types and defaults in every host are those that were once released."""

from __future__ import annotations

import copy
import json

import pytest

from ganplugin.nodes import NODES
from tests.source import ROOT, load_script

make_golden = load_script("make_golden")
GOLDEN = json.loads((ROOT / "tests" / "data" / "hosts.json").read_text(encoding="utf-8"))


def test_nodes_are_in_every_host_as_they_were():
    current = json.loads(json.dumps(make_golden.golden()))
    assert make_golden.broken(GOLDEN, current) == []
    assert current == GOLDEN, "nodes or inputs are new: run `make golden`"


def test_every_host_has_every_node():
    assert {host: len(table) for host, table in GOLDEN.items()} == dict.fromkeys(
        ("declared", "comfyui", "invokeai", "blender", "ryven"), len(NODES)
    )


def swapped(table):
    first = table["declared"]["GanPluginSample"]["inputs"]
    first[1], first[2] = first[2], first[1]


def renamed(table):
    table["comfyui"]["GanPluginSample"]["widgets"][0][0] = "numbers"


def removed(table):
    table["ryven"]["GanPluginSample"]["inputs"].pop()


def gone(table):
    del table["blender"]["GanPluginScore"]


def retyped(table):
    table["comfyui"]["GanPluginSample"]["outputs"][0][1] = "LATENT"


def other_default(table):
    table["declared"]["GanPluginInterpolate"]["inputs"][2][3] = 60


@pytest.mark.parametrize("change", [swapped, renamed, removed, gone, retyped, other_default])
def test_what_would_break_saved_graphs_is_noticed(change):
    table = copy.deepcopy(GOLDEN)
    change(table)
    assert make_golden.broken(GOLDEN, table)


def test_what_is_appended_breaks_nothing():
    table = copy.deepcopy(GOLDEN)
    table["declared"]["GanPluginSample"]["inputs"].append(["more", "INT", False, 0])
    table["ryven"]["GanPluginNew"] = {"inputs": [], "outputs": []}
    assert make_golden.broken(GOLDEN, table) == []
