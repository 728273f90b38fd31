"""Where and how exactly a training computes."""

from __future__ import annotations

import contextlib
from typing import Literal

import torch

from ganplugin.errors import ProviderError

__all__ = ["Precision", "autocast", "choose_device", "choose_precision"]

Precision = Literal["fp32", "bf16"]


def choose_device(name: str) -> torch.device:
    """Return the device of ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; auto takes a GPU where one works.

    Raises `ProviderError` if the demanded device does not work.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ProviderError("torch cannot use this device", where=name, fix="use --device cpu") from error
    return device


def choose_precision(name: str, device: torch.device) -> Precision:
    """Return ``fp32`` or ``bf16``; auto takes bf16 where the hardware multiplies it faster than fp32."""
    if name == "fp32":
        return "fp32"
    if name == "bf16":
        return "bf16"
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    fast = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return "bf16" if device.type == "cpu" and fast.get("amx_bf16") else "fp32"


def autocast(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context in which a forward pass runs."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
