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
    largest: dict[str, float] = {}
    for case in sorted(path.parent.glob(f"{path.stem}.*.npz")):
        with np.load(case) as arrays:
            given = {name[3:]: arrays[name] for name in arrays.files if name.startswith("in/")}
            wanted = {name[4:]: arrays[name] for name in arrays.files if name.startswith("out/")}
        for name, value in zip(wanted, session.run(list(wanted), given)):  # noqa: B905 - Python 3.9 runs this too
            largest[name] = max(largest.get(name, 0.0), float(np.abs(value - wanted[name]).max()))
    return largest


if __name__ == "__main__":
    files = sorted(Path(sys.argv[1]).glob("*.onnx"))
    print(json.dumps({"version": onnxruntime.__version__, "files": {path.name: differences(path) for path in files}}))
