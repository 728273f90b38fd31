"""The series that a newcomer starts from: it renders as it is, and says what else there is."""

from __future__ import annotations

from typing import Final

__all__ = ["STARTER", "series_schema"]

STARTER: Final = """\
# A series: a graph of nodes, and what varies from piece to piece. Render it with
#   ganplugin render {name} --out {stem}
# and the same command goes on where it was stopped. --dry-run tells what it would take.
# Every word is explained by: ganplugin series schema (editors that know JSON schemas complete and check it).

title: {title}
description: Brushwork that nobody painted, in the manner of those who did.
author: ""
license: ""

edition: 60          # number of pieces
seed: 2026           # decides everything that is left to chance: another seed, another edition

# The nodes, as ComfyUI exports them (Workflow > Export (API)): here, or in a file of their own (graph: flow.json).
graph:
  model: {{class_type: GanPluginLoadModel, inputs: {{model: "builtin:brushwork"}}}}
  make:  {{class_type: GanPluginSample, inputs: {{model: [model, 0]}}}}
  grow:  {{class_type: GanPluginResize, inputs: {{images: [make, 0], side: 512}}}}
  style: {{class_type: GanPluginLoadModel, inputs: {{model: "builtin:great-wave"}}}}
  paint: {{class_type: GanPluginStyleTransfer, inputs: {{model: [style, 0], images: [grow, 0]}}}}

# What varies. Each trait is drawn from the seed above for each piece alone: piece 7 is the same in any edition.
# The kinds: seeds, range, choose, sweep, column, pictures, index, text.
traits:
  Seed:                       # never the same twice
    set: make.seeds
    seeds: any
  Matter:                     # by weight: common and rare
    set: model.model
    choose:
      - {{value: "builtin:brushwork", weight: 4, name: Brushwork}}
      - {{value: "builtin:icons", weight: 1, name: Dreams}}
  Manner:
    set: style.model
    choose:
      - {{value: "builtin:great-wave", weight: 3, name: Great Wave}}
      - {{value: "builtin:spring", weight: 2, name: Spring}}
      - {{value: "builtin:cafe-terrace", name: Café Terrace}}
  Strength:
    set: paint.strength
    range: [0.5, 1.0]
    decimals: 2
  # Calm:   {{set: make.truncation, range: [0.4, 1.0]}}           a number, for networks with a W space
  # Photo:  {{set: load.path, pictures: photos, order: shuffled}}  a folder of pictures
  # Style:  {{set: paint.styles, sweep: [great-wave, spring]}}     every combination of all sweeps
  # Name:   {{set: save.name, column: name}}                       a column of rows: names.csv

# pieces: {{7: {{Strength: 1}}}}                                  single pieces by hand

outputs:
  - name: "{{index:05}}"
    formats: [png]
    sizes: [0]                # longer side in pixels; 0 is as rendered
  # - {{write: film, from: walk, formats: [mp4], fps: 24}}         of a node that gives many pictures

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
