"""Run as a program: read damaged copies of an ONNX file, and print how many were refused and how many passed."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ganplugin.errors import ModelError
from ganplugin.inspection import inspect_model
from ganplugin.isolated import IsolatedSession
from tests.attacks.mutants import mutants

COUNTS = {"parse": 2000, "run": 40}


def read(path: Path, stage: str) -> str:
    try:
        if stage == "parse":
            inspect_model(path)
            return "explained"
        with IsolatedSession(path):
            return "passed"
    except ModelError:
        return "refused"


def main(good: Path, stage: str) -> None:
    verdicts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.onnx"
        for mutant in mutants(good.read_bytes(), COUNTS[stage], seed=11):
            path.write_bytes(mutant)
            verdicts[read(path, stage)] += 1
    print(json.dumps(verdicts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
