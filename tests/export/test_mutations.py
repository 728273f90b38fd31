"""Thousands of damaged copies of a good file in every container: nothing but `CheckpointError` comes out.

Each copy goes the whole way that `export` goes before it converts: read, unwrap, detect, rebuild.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.export.unwrap import parts_of
from ganplugin.models.families import FAMILIES
from tests.attacks.mutants import mutants
from tests.export.files import WRITERS, small_state, write_packed_zip
from tests.models.test_dcgan import example_generator, state_of

COUNT = 2000
CONTAINERS = {**WRITERS, "packed zip": write_packed_zip}


@pytest.mark.parametrize("container", CONTAINERS)
def test_damage_is_refused_or_harmless(tmp_path: Path, container: str) -> None:
    content = small_state() | state_of(example_generator(2, (2,), 1))
    good = CONTAINERS[container](tmp_path / "good", {**content}).read_bytes()
    refusals = 0
    path = tmp_path / "mutant"
    for mutant in mutants(good, COUNT, seed=len(good)):
        path.write_bytes(mutant)
        try:
            for part in parts_of(load_checkpoint(path)):
                assert all(tensor.numel() >= 0 for tensor in part.state.values())
        except CheckpointError as error:
            refusals += 1
            assert "\n" not in str(error)
            assert str(path) in str(error)
    assert refusals > COUNT / 5


@pytest.mark.parametrize("container", CONTAINERS)
def test_damaged_networks_are_rebuilt_or_refused(tmp_path: Path, container: str) -> None:
    good = CONTAINERS[container](tmp_path / "good", state_of(example_generator(2, (2,), 1))).read_bytes()
    path = tmp_path / "mutant"
    rebuilt = 0
    for mutant in mutants(good, COUNT // 2, seed=len(good)):
        path.write_bytes(mutant)
        try:
            for match in matches_of(load_checkpoint(path), FAMILIES):
                match.family.rebuild(match.part.state, match.part.config)
                rebuilt += 1
        except CheckpointError as error:
            assert "\n" not in str(error)
    assert rebuilt > 0
