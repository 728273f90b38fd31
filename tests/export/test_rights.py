from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.export.inspection import inspect_checkpoint
from ganplugin.export.rights import rights_of
from ganplugin.modelfile import read_manifest
from tests.train.tiny import trainer

FAMILY = "The authors say nothing."
TOLD, UNTOLD = {"licence": "CC0"}, {"licence": ""}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, FAMILY),
        ({"training": True}, FAMILY),
        ({"training": {"epochs": 3}}, FAMILY),
        ({"licence": "MIT"}, "MIT"),
        ({"licence": ""}, ""),
        ({"training": TOLD}, "CC0"),
        ({"training": UNTOLD}, ""),
        ({"training": TOLD, "from_rights": FAMILY}, f"CC0; {FAMILY}"),
        ({"training": UNTOLD, "from_rights": FAMILY}, FAMILY),
        ({"training": TOLD, "from_rights": "CC0"}, "CC0"),
    ],
)
def test_the_file_is_believed_before_the_family(config: Mapping[str, object], words: str) -> None:
    assert rights_of(config, FAMILY) == words


def test_ones_own_network_in_a_borrowed_layout_is_not_under_its_authors_words(tmp_path: Path) -> None:
    made = replace(trainer("r3-small"), provenance=UNTOLD)
    path = tmp_path / "mine.safetensors"
    made.write_checkpoint(path, minutes=1)
    assert {family.licence for family in inspect_checkpoint(path).families} == {""}
    assert read_manifest(export_checkpoint(path).path).licence == ""
    clean = export_checkpoint(path, options=ExportOptions(format="safetensors", name="clean")).path
    assert {family.licence for family in inspect_checkpoint(clean).families} == {""}
