"""The series that a newcomer starts from: it renders as it is, and says what else there is."""

from __future__ import annotations

from typing import Final

__all__ = ["series_schema", "starter"]

STARTER: Final = """\
# A series: a graph of nodes, and what varies from piece to piece. Render it with
#   ganplugin render {name} --out {stem}
# and the same command goes on where it was stopped. --dry-run tells what it would take.
# Every word is explained by: ganplugin series schema (editors that know JSON schemas complete and check it).

title: {title}
description: Walks through the brushwork of old masters, laid out like cloth and dyed in the manner of one painting.
author: ""
license: ""

edition: 60          # number of pieces
seed: 2026           # decides everything that is left to chance: another seed, another edition

# The nodes, as ComfyUI exports them (Workflow > Export (API)): here, or in a file of their own (graph: flow.json).
graph:
  brush: {{class_type: GanPluginLoadModel, inputs: {{model: "builtin:brushwork"}}}}
  walk:  {{class_type: GanPluginInterpolate, inputs: {{model: [brush, 0], frames: 36}}}}
  cloth: {{class_type: GanPluginContactSheet, inputs: {{images: [walk, 0], columns: 6}}}}
  small: {{class_type: GanPluginResize, inputs: {{images: [cloth, 0], side: 640}}}}
  style: {{class_type: GanPluginLoadModel, inputs: {{model: "builtin:great-wave"}}}}
  dye:   {{class_type: GanPluginStyleTransfer, inputs: {{model: [style, 0], images: [small, 0]}}}}

# What varies. Each trait is drawn from the seed above for each piece alone: piece 7 is the same in any edition.
# The kinds: seeds, range, choose, sweep, column, pictures, index, text.
traits:
  Keys:                       # the seeds of a walk, never the same twice
    set: walk.seeds
    seeds: any
    count: 3
  Weave:                      # by weight: common and rare
    set: cloth.columns
    choose:
      - {{value: 6, weight: 6, name: square}}
      - {{value: 4, weight: 2, name: tall}}
      - {{value: 9, weight: 2, name: wide}}
  Dye:
    set: style.model
    choose:
      - {{value: "builtin:great-wave", weight: 4, name: Great Wave}}
      - {{value: "builtin:cafe-terrace", weight: 3, name: Café Terrace}}
      - {{value: "builtin:church-at-auvers", weight: 3, name: Church at Auvers}}
      - {{value: "builtin:spring", weight: 2, name: Spring}}
  Strength:                   # 0 is undyed cloth
    set: dye.strength
    range: [0.2, 0.9]
    decimals: 2
  Pace:
    set: walk.easing
    choose: {{linear: 6, sine: 3, ease-in-out: 1}}
  # Photo:  {{set: load.path, pictures: photos, order: shuffled}}  a folder of pictures
  # Style:  {{set: dye.styles, sweep: [great-wave, spring]}}       every combination of all sweeps
  # Name:   {{column: name}}                                       a column of rows: names.csv

# pieces: {{7: {{Strength: 1}}}}                                  single pieces by hand

outputs:
  - name: "{{index:05}}"
    formats: [png]
    sizes: [0]                # longer side in pixels; 0 is as rendered
  # - {{write: film, from: walk, formats: [mp4], sizes: [512]}}    of a node that gives many pictures

# The best of many, no two alike: render and judge 300 candidates, keep the edition.
# keep: {{of: 300, by: "builtin:brushwork-scorer", apart: 0.08}}

gallery: true
sheets: {{formats: [png, pdf], paper: a4}}
metadata: {{image_base: ""}}
"""


def starter(name: str, stem: str, title: str) -> str:
    """Return the text of a first series file, with its own name in it."""
    return STARTER.format(name=name, stem=stem, title=title)


def series_schema() -> dict[str, object]:
    """Return the JSON schema of series files."""
    from ganplugin.series.file import SeriesFile

    schema = SeriesFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "A ganplugin series"}
