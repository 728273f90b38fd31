"""What an export found and wrote, for machines and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganplugin.export import Exported
    from ganplugin.manifest import Manifest

__all__ = ["document", "show"]

_MOST_OTHERS = 6


def document(done: Exported) -> dict[str, object]:
    """Return the report as one JSON object."""
    return {
        "file": str(done.path),
        "container": done.container,
        "part": done.part,
        "averaged": done.averaged,
        "runner_up": done.runner_up,
        "others": [{"part": path, "title": title} for path, title in done.others],
        "scorer": None if done.scorer is None else document(done.scorer),
        "manifest": done.manifest.model_dump(mode="json"),
    }


def show(done: Exported) -> None:
    """Print where every fact came from, the proof, the rights, what else the file holds, and what was written."""
    from rich.console import Console
    from rich.table import Table

    manifest = done.manifest
    table = Table("what", "found", "read from", box=None, header_style="bold", pad_edge=False)
    second = f", second: {done.runner_up}" if done.runner_up else ""
    table.add_row("family", f"{done.family_title} ({manifest.family})", done.container + second)
    for fact in manifest.inferred:
        table.add_row(fact.name, f"{fact.value}", "the common default" if fact.origin == "default" else fact.origin)
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print(table)
    for line in (*_proof(done), f"rights: {manifest.licence or 'unknown'}", *_rest(done)):
        console.print(line)
    console.print(f"{done.path}")
    if done.scorer is not None:
        for line in (*_proof(done.scorer), f"{done.scorer.path}"):
            console.print(line)


def _proof(done: Exported) -> Iterator[str]:
    proof = done.manifest.verification
    if proof is None:
        yield "every tensor was read back and is the same, bit by bit"
        return
    equalled = "the original" if done.container == "ONNX" else "PyTorch"
    yield f"equals {equalled} in {proof.cases} comparisons: {_figures(done.manifest)}"


def _figures(manifest: Manifest) -> str:
    proof = manifest.verification
    if proof is None:
        return ""
    largest = f"largest difference {proof.max_error:.1e}"
    if manifest.precision == "fp16" and proof.psnr is not None:
        return f"{largest}, PSNR at least {proof.psnr:.1f} dB (half precision)"
    in_bytes = {None: "", 0: ", equal in 8 bits", 1: ", one level in 8 bits"}
    levels = in_bytes.get(proof.levels, f", {proof.levels} levels in 8 bits")
    return f"{largest}{levels} (at most {proof.tolerance:g} may be)"


def _rest(done: Exported) -> Iterator[str]:
    """Say what else is in the file, and how to have it; weights that were averaged into those written are no news."""
    written = {"", done.part, done.scorer.part if done.scorer is not None else ""}
    averaged_from = done.family_title if done.averaged else ""
    others = [(path, title) for path, title in done.others if path not in written and title != averaged_from]
    for path, title in others[:_MOST_OTHERS]:
        yield f"it also holds a {title}: add --part {path} to export that"
