"""InvokeAI's stand-in with the pack in it, and models that its nodes find by name."""

from __future__ import annotations

import shutil
import sys

import pytest

from ganplugin.nodes.invokeai import register
from ganplugin.nodes.invokeai.hosting import HOME
from tests.nodes.conftest import models
from tests.nodes.invokeai.stand_in import Host

__all__ = ["models"]


@pytest.fixture
def invokeai(tmp_path, monkeypatch) -> Host:
    host = Host(tmp_path / "invokeai")
    for name, module in host.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    register("ganplugin_invokeai")
    return host


@pytest.fixture
def stocked(invokeai, models) -> Host:
    shutil.copytree(models, invokeai.settings.root_path / HOME / "models")
    return invokeai
