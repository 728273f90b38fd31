"""Large graphs kept on disk as onnxruntime optimised them, so that the next start is faster."""

from __future__ import annotations

import contextlib
import hashlib
import platform
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ganplugin.cache import cache_folder
from ganplugin.errors import FileError, ModelError, ProviderError
from ganplugin.files import atomic_write, file_digest, sweep_temporary

if TYPE_CHECKING:
    from ganplugin.sessions import SessionSpec

__all__ = ["SMALLEST_BYTES", "open_with_cache"]

SMALLEST_BYTES: Final = 95 * 2**20
"""Smaller files start as fast without a cache."""

_MOST_FILES: Final = 8
_CACHED_KINDS: Final = frozenset({"cpu", "cuda"})  # the others compile nodes that cannot be written


def open_with_cache(spec: SessionSpec, digest: str, version: str, create: Callable[[SessionSpec], Any]) -> Any:  # noqa: ANN401 - onnxruntime.InferenceSession
    """Open a large model from its optimised copy, making the copy first where there is none.

    The copy belongs to one model digest, provider, onnxruntime ``version`` and processor. It carries its own digest:
    a damaged one is ignored and written anew. A folder that cannot be written costs nothing but the gain.
    Raises what ``create`` raises for the model itself.
    """
    if spec.device.kind not in _CACHED_KINDS or spec.path.stat().st_size < SMALLEST_BYTES:
        return create(spec)
    key = hashlib.sha256("\n".join((digest, str(spec.device), version, _processor())).encode()).hexdigest()
    kept = cache_folder() / "optimised" / f"{key[:40]}.onnx"
    if _is_whole(kept):
        with contextlib.suppress(ModelError, ProviderError):
            return create(_replaced(spec, path=kept, optimised=True))
    return _create_and_keep(spec, kept, create)


def _create_and_keep(spec: SessionSpec, kept: Path, create: Callable[[SessionSpec], Any]) -> Any:  # noqa: ANN401
    session: Any = None
    try:
        with atomic_write(kept, overwrite=True) as part:
            session = create(_replaced(spec, write_optimised=part))
            mark = file_digest(part)
        with atomic_write(_mark(kept), overwrite=True) as part:
            part.write_text(mark, encoding="ascii")
        _prune(kept.parent)
    except (FileError, ModelError):
        # No room, no permission, or a bad model: without the copy it opens, or fails with its own reason.
        pass
    return create(spec) if session is None else session


def _replaced(spec: SessionSpec, **changes: Any) -> SessionSpec:  # noqa: ANN401
    from dataclasses import replace

    return replace(spec, **changes)


def _mark(kept: Path) -> Path:
    return kept.with_suffix(".sha256")


def _is_whole(kept: Path) -> bool:
    try:
        return _mark(kept).read_text(encoding="ascii").strip() == file_digest(kept)
    except (OSError, UnicodeDecodeError, FileError):
        return False


def _prune(folder: Path) -> None:
    """Keep the copies that were written last."""
    sweep_temporary(folder)
    copies = sorted(folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for old in copies[_MOST_FILES:]:
        old.unlink(missing_ok=True)
        _mark(old).unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _processor() -> str:
    """Name the processor as closely as the system tells: its layout choices are inside the optimised graph."""
    facts = [platform.machine(), platform.processor(), platform.system()]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        facts += sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return "|".join(facts)
