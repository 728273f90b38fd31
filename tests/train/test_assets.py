from __future__ import annotations

from pathlib import Path

import pytest

from ganplugin.errors import TrainingError
from ganplugin.train.assets import find_photos


def test_the_fetched_photos_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path))
    (tmp_path / "assets" / "photos").mkdir(parents=True)
    assert find_photos() == tmp_path / "assets" / "photos"


def test_without_photos_it_is_said_where_to_get_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANPLUGIN_CACHE", str(tmp_path))
    with pytest.raises(TrainingError, match="--photos") as raised:
        find_photos()
    assert "fetch_assets.py --only photos" in str(raised.value)
