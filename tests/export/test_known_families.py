from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from ganplugin import plugins
from ganplugin.export import export_checkpoint
from ganplugin.export.known_families import known_families
from ganplugin.models.families import FAMILIES
from tests.export.files import WRITERS

PLUGIN = """
import torch
from ganplugin.models.network import Family, GraphInput, Network


class Stripes(torch.nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, z):
        return torch.sigmoid(z @ self.weight).view(-1, 1, 4, 4)


def rebuild(state, config):
    module = Stripes(state["stripes.weight"])
    facts = {"z_dim": 3, "width": 4, "height": 4, "channels": "L"}
    return Network("generator", module, (GraphInput("z", ("batch", 3)),), ("image",), facts)


FAMILY = Family("stripes", "Stripes", "generator", "free", lambda state: "stripes.weight" in state, rebuild)
DOUBLE = Family("dcgan", "A thief", "generator", "", lambda state: True, rebuild)
BROKEN = Family("broken", "Broken", "generator", "", lambda state: 1 / 0, rebuild)
BOTH = (FAMILY, BROKEN)
JUNK = 5
"""

Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Announce one name of the plug-in's module as an entry point."""

    def make(name: str) -> None:
        (tmp_path / "stripes_plugin.py").write_text(PLUGIN)
        folder = tmp_path / "stripes_plugin-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: stripes-plugin\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[ganplugin.families]\nstripes = stripes_plugin:{name}\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    plugins.load_plugins.cache_clear()
    yield make
    plugins.load_plugins.cache_clear()


def test_a_family_of_another_package_is_exported_like_our_own(install: Install, tmp_path: Path) -> None:
    install("BOTH")
    path = WRITERS["torch zip"](tmp_path / "x.pt", {"stripes.weight": torch.randn(3, 16)})
    assert export_checkpoint(path).manifest.family == "stripes"


@pytest.mark.parametrize(
    ("name", "words"), [("DOUBLE", "registered twice"), ("JUNK", "gives a int, not a Family"), ("MISSING", "MISSING")]
)
def test_a_plugin_that_is_wrong_is_left_out_and_named(
    install: Install, name: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    install(name)
    with caplog.at_level(logging.WARNING, "ganplugin"):
        assert list(known_families()) == list(FAMILIES)
    assert words in caplog.text


def test_a_detection_that_raises_answers_no(install: Install, caplog: pytest.LogCaptureFixture) -> None:
    install("BROKEN")
    family = known_families()["broken"]
    assert not family.detect({})
    assert "the family broken of stripes-plugin fails: division by zero" in caplog.text
