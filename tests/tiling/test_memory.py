"""The memory of a large painting is bounded: measured in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.tiling.networks import network

MEASURE = """
import sys
import numpy as np
from pathlib import Path
from ganplugin.runtime import RuntimeOptions, open_model
def peak():
    # Not resource's figure, which starts with what the parent held when it began this process.
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024
height, width, tile = (int(word) for word in sys.argv[2:])
picture = np.zeros((height, width, 3), np.float32)
picture[::7, ::5] = 1
model = open_model(Path(sys.argv[1]), RuntimeOptions(device="cpu"))
model.stylize(picture[:64, :64], tile=32)
before = peak()
model.stylize(picture, tile=tile)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is counted in other units elsewhere")
def test_what_a_large_painting_takes_beside_itself_does_not_grow_with_it(tmp_path):
    """A map of 4 channels alone is 64 MiB here, and three are alive at once; the result is 48 MiB of the growth."""
    path = network(tmp_path / "net.onnx", "reflect", "instance", "linear", "instance", "reflect", "instance")
    environment = {**os.environ, "GANPLUGIN_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", MEASURE, str(path), "2048", "2048"]
    grown = {}
    for tile in ("256", "2048"):
        done = subprocess.run([*command, tile], capture_output=True, text=True, check=True, env=environment)
        grown[tile] = int(done.stdout)
    assert grown["256"] < 160
    assert grown["2048"] > 2 * grown["256"], "tiles of the whole picture should need more"
