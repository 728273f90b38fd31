"""Run by the Python of an old onnxruntime, with nothing of ours installed: every file of a folder beside its outputs.

``compare.py FOLDER`` prints {file: {output: largest difference}} as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def differences(path: Path) -> dict[str, float]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    with np.load(path.with_suffix(".npz")) as arrays:
        given = {name[3:]: arrays[name] for name in arrays.files if name.startswith("in/")}
        wanted = {name[4:]: arrays[name] for name in arrays.files if name.startswith("out/")}
    found = session.run(list(wanted), given)
    return {name: float(np.abs(value - wanted[name]).max()) for name, value in zip(wanted, found)}  # noqa: B905


if __name__ == "__main__":
    files = sorted(Path(sys.argv[1]).glob("*.onnx"))
    print(json.dumps({"version": onnxruntime.__version__, "files": {path.name: differences(path) for path in files}}))
