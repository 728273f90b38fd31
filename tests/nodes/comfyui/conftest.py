"""ComfyUI's stand-in with the small models of the tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.nodes.comfyui.stand_in import Comfy, installed


@pytest.fixture(params=[pytest.param(True, id="v3")])
def comfy(request, here, models) -> Iterator[Comfy]:
    """ComfyUI with its V3 interface; parametrised indirectly with False, one that has V1 alone."""
    made = Comfy(here / "ComfyUI")
    for path in models.iterdir():
        shutil.copy(path, made.root / "models" / "ganplugin")
    with installed(made, v3=request.param):
        yield made
