from __future__ import annotations

from benchmarks.networks import TITLES, family_of
from ganplugin.models.families import FAMILIES


def test_every_family_is_measured() -> None:
    assert {family_of(title) for title in TITLES} == {family.id for family in FAMILIES}
