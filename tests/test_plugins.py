from __future__ import annotations

import sys
from importlib import metadata

import pytest

from ganplugin.plugins import PLUGIN_GROUPS, load_plugins


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution of one module that announces entry points."""

    def make(code: str, entries: str) -> None:
        (tmp_path / "strange_plugin.py").write_text(code)
        folder = tmp_path / "strange_plugin-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: strange-plugin\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(entries)
        monkeypatch.syspath_prepend(str(tmp_path))

    load_plugins.cache_clear()
    yield make
    load_plugins.cache_clear()
    sys.modules.pop("strange_plugin", None)


def test_no_plugins_are_none():
    assert load_plugins("ganplugin.nothing") == ()


def test_a_plugin_is_loaded_once_with_its_package(install):
    install("class Node: pass", "[ganplugin.nodes]\nnode = strange_plugin:Node\n")
    (plugin,) = load_plugins("ganplugin.nodes")
    assert (plugin.name, plugin.package, plugin.error) == ("node", "strange-plugin", None)
    assert plugin.value is sys.modules["strange_plugin"].Node
    assert load_plugins("ganplugin.nodes")[0] is plugin


@pytest.mark.parametrize("code", ["1/0", "raise SystemExit(3)", "import no_such_module", "def syntax error"])
def test_a_plugin_that_raises_is_named_and_harms_no_other(install, code):
    install(code, "[ganplugin.families]\nbad = strange_plugin:x\ngood = math:pi\n")
    bad, good = load_plugins("ganplugin.families")
    assert bad.error is not None
    assert bad.package == "strange-plugin"
    assert good.error is None
    assert good.value is not None


def test_a_plugin_without_the_named_thing_is_an_error(install):
    install("", "[ganplugin.nodes]\nnode = strange_plugin:Missing\n")
    (plugin,) = load_plugins("ganplugin.nodes")
    assert "Missing" in str(plugin.error)


def test_our_own_groups_can_be_looked_up():
    for group in PLUGIN_GROUPS:
        assert len(load_plugins(group)) == len(metadata.entry_points(group=group))
