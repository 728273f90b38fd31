"""Where and how exactly a training computes."""

from __future__ import annotations

import contextlib
from typing import Literal, cast

import torch

from ganplugin.errors import ProviderError

__all__ = ["Precision", "autocast", "choose_device", "choose_precision", "worth_trying"]

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
    if name in ("fp32", "bf16"):
        return cast(Precision, name)
    return "bf16" if device.type != "mps" and _multiplies_bf16(device) else "fp32"


def worth_trying(name: str, device: torch.device) -> tuple[Precision, ...]:
    """Return the precisions of which a training measures the faster: both on processors that multiply bf16.

    Where they do not, bf16 takes two to three times as long, and a measurement would waste the time of some steps.
    """
    if name == "auto" and device.type == "cpu" and _multiplies_bf16(device):
        return ("fp32", "bf16")
    return (choose_precision(name, device),)


def _multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(able.get("amx_bf16") or able.get("avx512_bf16"))


def autocast(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context in which a forward pass runs."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bf16")
