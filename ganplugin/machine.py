"""What this computer is, as far as speed depends on it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Machine", "gpu_memory", "nvidia_cards", "peak_memory", "this_machine", "usable_processors"]


@dataclass(frozen=True)
class Machine:
    """``usable`` of the ``cores`` may be used by this process. ``cards`` are name, driver and memory of NVIDIA GPUs."""

    processor: str
    cores: int
    usable: int
    system: str
    cards: tuple[str, ...]


def this_machine() -> Machine:
    """Look at the machine; what cannot be found out is named in general terms."""
    return Machine(
        _processor_name(), os.cpu_count() or 1, usable_processors(), platform.platform(), tuple(nvidia_cards())
    )


def usable_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine() or "unknown"


def nvidia_cards() -> list[str]:
    """Return name, driver and memory of each card, or nothing where NVIDIA's tool is missing or fails."""
    return _asked_of_nvidia("name,driver_version,memory.total")


def gpu_memory(index: int) -> int | None:
    """Return the MiB that all programs use of an NVIDIA card, counted from 0; None where nobody tells."""
    cards = _asked_of_nvidia("memory.used")
    used = cards[index].split()[0] if index < len(cards) else ""
    return int(used) if used.isdigit() else None


def _asked_of_nvidia(fields: str) -> list[str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    question = [tool, f"--query-gpu={fields}", "--format=csv,noheader"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]


def peak_memory() -> int | None:
    """Return the most MiB of main memory that this process has held, or None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10
