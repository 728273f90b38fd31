from __future__ import annotations

from pathlib import Path

import pytest

from tests.source import load_script

link_types = load_script("link_types")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("ganplugin/a.py", "ganplugin/models/b.py", "export/c.py", "nodes/d.py", "tests/e.py"):
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "repository"


def listing(tree: Path) -> dict[str, str]:
    return {name: (tree / name).read_text() for name in EXPECTED if (tree / name).exists()}


EXPECTED = {
    "ganplugin/a.py": "ganplugin/a.py",
    "ganplugin/models/b.py": "ganplugin/models/b.py",
    "ganplugin/export/c.py": "export/c.py",
    "ganplugin/nodes/d.py": "nodes/d.py",
    "tests/e.py": "tests/e.py",
}


def refuse(self: Path, *_: object, **__: object) -> None:
    raise OSError("a required privilege is not held")


@pytest.mark.parametrize("links", [True, False], ids=["links", "copies"])
def test_the_tree_shows_one_package_and_follows_changes(repository, links, monkeypatch):
    if not links:
        monkeypatch.setattr(Path, "symlink_to", refuse)
    tree = link_types.build(repository)
    assert listing(tree) == EXPECTED

    (repository / "nodes" / "d.py").write_text("changed")
    (repository / "ganplugin" / "a.py").unlink()
    tree = link_types.build(repository)
    changed = EXPECTED | {"ganplugin/nodes/d.py": "changed"}
    del changed["ganplugin/a.py"]
    assert listing(tree) == changed
    assert not (tree / "ganplugin" / "a.py").is_symlink()
    assert (repository / "nodes" / "d.py").read_text() == "changed"
