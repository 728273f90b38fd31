from __future__ import annotations

import pytest

from benchmarks.gallery import measured
from tests.hosts.chromium import opened


@pytest.mark.hosts
def test_a_gallery_is_measured(tmp_path) -> None:
    with opened() as page:
        row = measured(20, tmp_path / "20", page)
    assert row["works"] == 20
    assert all(value > 0 for value in row.values())
