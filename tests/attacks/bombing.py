"""Run as a program: load every bomb under limits on memory and time, and print each verdict as JSON."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from ganplugin.errors import CheckpointError
from ganplugin.export.checkpoint import load_checkpoint
from ganplugin.export.detect import matches_of
from ganplugin.models.families import FAMILIES
from tests.attacks.bombs import MEBIBYTE, write_bombs

ROOM = 64 * MEBIBYTE


def limit_memory(extra: int) -> None:
    """Let this process have ``extra`` bytes more than it has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + extra, resource.RLIM_INFINITY))


def verdict(path: Path) -> str:
    limit_memory(path.stat().st_size + ROOM)
    try:
        matches_of(load_checkpoint(path), FAMILIES)
    except CheckpointError as error:
        return f"refused: {error.what}"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "loaded"


def main() -> None:
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in write_bombs(Path(folder)):
            start = time.process_time()
            found[path.name] = (verdict(path), time.process_time() - start)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
    sys.exit(0)
