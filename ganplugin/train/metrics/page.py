"""Findings as one HTML file that needs nothing beside it, or as one picture."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from ganplugin.captions import caption_font
from ganplugin.images import encode_picture, from_uint8
from ganplugin.sheets import PAPER, contact_sheet
from ganplugin.train.metrics.catalogue import Number
from ganplugin.train.metrics.findings import Findings, Pair

__all__ = ["best_of", "eye_of", "page", "picture", "shown_value", "summary"]

Levels = NDArray[np.uint8]
Pixels = NDArray[np.float32]

_LARGEST_CELL = 160

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1b19; --paper: #f8f6f3; --quiet: #6b665e; --line: #ddd8d0 }
@media (prefers-color-scheme: dark) { :root { --ink: #eceae6; --paper: #191817; --quiet: #a29c92; --line: #383530 } }
body { margin: 0 auto; max-width: 76rem; padding: 2rem 1.2rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
p, li { max-width: 60rem } .quiet { color: var(--quiet) }
.sides { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)) }
figure { margin: 0 } figcaption { color: var(--quiet); margin-top: .3rem }
img { width: 100%; height: auto; image-rendering: pixelated; border-radius: 4px }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 } th span { font-weight: 400 }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap }
"""


def shown_value(value: float) -> str:
    """Return a number with the digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 0.0005 else "0"


def best_of(number: Number) -> str:
    """Return in words what perfect samples would get."""
    words = {"low": "lower is better", "high": "higher is better"}
    return words[number.best] if isinstance(number.best, str) else f"best at {shown_value(number.best)}"


def page(findings: Findings, title: str) -> str:
    """Return an HTML page: notes, numbers with what they mean, samples beside real pictures, and nearest pictures."""
    parts = [
        f"<h1>{escape(title)}</h1><p class=quiet>{escape(summary(findings))}</p>",
        "".join(f"<li>{escape(note)}</li>" for note in findings.notes).join(("<ul>", "</ul>")),
        "<h2>Samples beside real pictures</h2><div class=sides>",
        _figure(_grid(findings.samples), "samples, as they come") + _figure(_grid(findings.real), _kind(findings)),
        "</div><h2>Numbers</h2>" + _table(findings),
    ]
    if findings.pairs:
        parts.append("<h2>Nearest training pictures</h2>" + _figure(_pair_grid(findings.pairs), _PAIR_WORDS))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>{''.join(parts)}</body></html>\n"
    )


_PAIR_WORDS = "above: the samples that are nearest to a training picture; below: that picture. Equal pairs are copies."


def summary(findings: Findings) -> str:
    """Return in one line what was compared with what."""
    return (
        f"{findings.sample_count:,} samples against {findings.real_count:,} {_kind(findings)}, "
        f"seen by {findings.backbone}"
    )


def _kind(findings: Findings) -> str:
    return "real pictures that were held out" if findings.unseen else "real pictures, perhaps trained on"


def _table(findings: Findings) -> str:
    heads = ["number", "value", *(["training pictures in their place"] if findings.floor else []), "", "what it means"]
    rows = []
    for name, value in findings.numbers.items():
        number = findings.meanings[name]
        floor = [shown_value(findings.floor[name]) if name in findings.floor else "–"] if findings.floor else []
        cells = [f"<td class=number>{cell}</td>" for cell in (shown_value(value), *floor)]
        meaning = f"<td class=quiet>{best_of(number)}</td><td>{escape(number.words)}</td>"
        eye = f"<span class=quiet>{escape(eye_of(number, findings))}</span>"
        rows.append(f"<tr><th scope=row>{escape(number.title)} {eye}</th>{''.join(cells)}{meaning}</tr>")
    head = "".join(f"<th scope=col>{head}</th>" for head in heads)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"


def eye_of(number: Number, findings: Findings) -> str:
    """Return who saw it: the backbone's short name, the pixels alone, or the discriminator."""
    return findings.backbone_key if number.seen_by == "backbone" else number.seen_by


def _figure(pixels: Pixels, words: str) -> str:
    data = base64.b64encode(encode_picture(pixels, ".png", text={})).decode()
    height, width = pixels.shape[:2]
    source = f"data:image/png;base64,{data}"
    return (
        f'<figure><img src="{source}" width="{width}" height="{height}" alt="{escape(words)}">'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )


def _grid(levels: Levels, columns: int = 8) -> Pixels:
    pictures = [from_uint8(np.ascontiguousarray(picture.transpose(1, 2, 0))) for picture in levels]
    return contact_sheet(pictures, columns=columns, cell=min(max(levels.shape[2:]), _LARGEST_CELL), gap=4)


def _pair_grid(pairs: Sequence[Pair]) -> Pixels:
    levels = [pair.sample for pair in pairs] + [pair.nearest for pair in pairs]
    return _grid(np.stack(levels), columns=len(pairs))


def picture(findings: Findings, title: str) -> Pixels:
    """Return one picture, float32 [h, w, 3] in 0..1: numbers above, samples, real pictures and nearest pairs below."""
    words = [title, summary(findings), *_number_lines(findings), *(f"* {note}" for note in findings.notes)]
    grids = [("samples", _grid(findings.samples)), (_kind(findings), _grid(findings.real))]
    if findings.pairs:
        grids.append(("samples and the nearest training pictures", _pair_grid(findings.pairs)))
    width = max(900, *(grid.shape[1] for _, grid in grids[:2]), sum(grid.shape[1] for _, grid in grids[:2]))
    parts = [_written(words, width), *_beside(grids[:2], width)]
    for label, grid in grids[2:]:
        parts += [_written([label], width), _padded(grid, width)]
    return np.concatenate(parts)


def _number_lines(findings: Findings) -> list[str]:
    return [
        f"{findings.meanings[name].title} ({eye_of(findings.meanings[name], findings)}): {shown_value(value)}"
        + (f"   (training pictures: {shown_value(findings.floor[name])})" if name in findings.floor else "")
        + f"   {best_of(findings.meanings[name])}"
        for name, value in findings.numbers.items()
    ]


def _beside(grids: Sequence[tuple[str, Pixels]], width: int) -> list[Pixels]:
    (left_label, left), (right_label, right) = grids
    height = max(left.shape[0], right.shape[0])
    row = _paper(height, width)
    row[: left.shape[0], : left.shape[1]] = left
    row[: right.shape[0], left.shape[1] : left.shape[1] + right.shape[1]] = right
    return [_written([f"left: {left_label}; right: {right_label}"], width), row]


def _padded(grid: Pixels, width: int) -> Pixels:
    page = _paper(grid.shape[0], max(width, grid.shape[1]))
    page[:, : grid.shape[1]] = grid
    return page[:, :width]


def _paper(height: int, width: int) -> Pixels:
    page = np.empty((height, width, 3), np.float32)
    page[:] = PAPER
    return page


def _written(lines: Sequence[str], width: int) -> Pixels:
    from PIL import Image, ImageDraw

    font = caption_font(15)
    image = Image.fromarray((_paper(22 * len(lines) + 14, width) * 255).round().astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for row, line in enumerate(lines):
        draw.text((10, 7 + 22 * row), line, fill=(28, 27, 25), font=font)
    return from_uint8(np.asarray(image))
