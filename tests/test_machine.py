from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from ganplugin import machine
from ganplugin.machine import gpu_memory, nvidia_cards, peak_memory, this_machine, usable_processors


@pytest.mark.parametrize(
    ("answer", "cards"),
    [
        (SimpleNamespace(stdout="Card A, 1, 2 MiB\nCard B, 1, 2 MiB\n"), ["Card A, 1, 2 MiB", "Card B, 1, 2 MiB"]),
        (subprocess.CalledProcessError(9, "nvidia-smi"), []),
        (subprocess.TimeoutExpired("nvidia-smi", 10), []),
        (OSError("not executable"), []),
    ],
)
def test_cards_are_listed_as_nvidia_smi_tells(monkeypatch, answer, cards):
    def run(*arguments, **keywords):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(machine.subprocess, "run", run)
    assert nvidia_cards() == cards


def test_without_nvidia_smi_there_is_no_card(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert nvidia_cards() == []


def test_the_memory_of_one_card_is_told(monkeypatch):
    monkeypatch.setattr(machine, "_asked_of_nvidia", lambda fields: ["312 MiB", "[N/A]"])
    assert [gpu_memory(index) for index in range(3)] == [312, None, None]


def test_this_machine_has_a_processor_and_cores():
    found = this_machine()
    assert found.processor
    assert 1 <= found.usable <= found.cores == os.cpu_count()
    assert found.usable == usable_processors()


def test_a_processor_without_a_file_of_its_own_is_named_in_general(monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda name: SimpleNamespace(read_text=missing))
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "riscv64")
    assert this_machine().processor == "riscv64"


def missing(**options):
    raise FileNotFoundError


def test_peak_memory_grows_with_what_is_held(monkeypatch):
    held = bytearray(64 * 2**20)
    peak = peak_memory()
    assert peak is not None
    assert peak > len(held) // 2**20
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory() is None
