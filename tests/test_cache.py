from __future__ import annotations

from pathlib import Path

import pytest

from ganplugin import cache
from ganplugin.cache import assets_folder, cache_folder
from tests.source import load_script


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "/x"}, Path("/x/ganplugin")),
        ("linux", {"HOME": "/home/me"}, Path("/home/me/.cache/ganplugin")),
        ("darwin", {"HOME": "/home/me"}, Path("/home/me/Library/Caches/ganplugin")),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/ganplugin")),
        ("win32", {"GANPLUGIN_CACHE": "/named"}, Path("/named")),
    ],
)
def test_the_cache_lies_where_the_platform_puts_caches(
    monkeypatch: pytest.MonkeyPatch, system: str, variables: dict[str, str], expected: Path
) -> None:
    for name in ("GANPLUGIN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cache.sys, "platform", system)
    assert cache_folder() == expected


def test_what_the_script_fetches_lies_where_commands_look(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable once named the cache to one half of the code and the assets in it to the other."""
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path))
    fetch_assets = load_script("fetch_assets")
    done = assets_folder() / "emoji"
    done.mkdir(parents=True)
    (done / fetch_assets.MARKER).touch()
    assert assets_folder() == tmp_path / "assets"
    assert fetch_assets.fetch("emoji") == done
