"""Measure the embedded generators and write the table of docs/models.md: ``python scripts/make_cards.py``.

On 2,000 samples each, against the pictures that its training held out, which are fetched and packed if need be.
"""

from __future__ import annotations

import json
from pathlib import Path

from make_models import BUILTIN, generators, packed
from run_results import call, told, write_table

from ganplugin.modelfile import read_manifest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "models.md"
METRICS, NUMBERS = "kid,fid,pr,percentile", ("kid", "fid", "precision", "recall", "percentile")
HEADS = ("model", "thousand pictures", "minutes", "KID", "FID", "precision", "recall", "discriminator", "seen by")


def row_of(name: str) -> tuple[str, ...]:
    """Return the row of an embedded generator."""
    training = read_manifest(BUILTIN / f"{name}.onnx").training
    report = json.loads(call("evaluate", f"builtin:{name}", str(packed(name)), "--metrics", METRICS, "--json"))
    seen, minutes = (float(str(training[key])) for key in ("pictures_seen", "minutes"))
    measured = told(report["numbers"], NUMBERS)
    return (f"`{name}`", f"{seen / 1000:.0f}", f"{minutes:.0f}", *measured, str(report["backbone"]["name"]))


def main() -> None:
    """Measure, and write the table."""
    write_table(PAGE, HEADS, [row_of(name) for name in generators()])


if __name__ == "__main__":
    main()
