"""Run by the Python of a Ryven host: our pack in its real window, off screen. Prints what it saw as JSON.

``in_ryven.py PACK MODEL FOLDER``: the folder with ``nodes.py``, a model, and where to write.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
from typing import Any

from qtpy.QtWidgets import QApplication
from ryven import run_ryven


def drive(editor: Any, pack: str, model: str, folder: str) -> dict[str, Any]:
    session = editor.core_session
    editor.import_nodes(path=pack)
    types = {made.identifier: made for made in session.nodes}
    flow = session.flows[0]
    nodes = [
        flow.create_node(types[f"ganplugin_ryven.GanPlugin{name}"]) for name in ("LoadModel", "Sample", "SaveImages")
    ]
    for before, after in itertools.pairwise(nodes):
        flow.connect_nodes(before.outputs[0], after.inputs[0])
    QApplication.processEvents()
    write(nodes[0], "model", model)
    write(nodes[1], "seeds", "3,4")
    write(nodes[1], "truncation", "0.5")
    write(nodes[2], "folder", folder)
    nodes[2].gui.actions["run"]["method"]()
    errors = [node.error for node in nodes]
    write(nodes[1], "truncation", "much")
    project = session.serialize()
    session.delete_flow(flow)
    loaded = session.load(json.loads(json.dumps(project)))[0].nodes
    QApplication.processEvents()
    return {
        "types": sorted(types),
        "errors": errors,
        "wrong": nodes[1].error,
        "fields": {node.title: [node.inputs.index(port) for port in node.gui.input_widgets] for node in loaded},
        "values": [port.default and port.default.payload for port in loaded[1].inputs],
        "help": loaded[1].gui.description_html,
    }


def write(node: Any, name: str, text: str) -> None:
    """Type into a field."""
    place = [port.label_str for port in node.inputs].index(name)
    node.gui.input_widget(place).setText(text)


def main() -> None:
    with contextlib.redirect_stdout(sys.stderr):
        app = QApplication([])
        editor = run_ryven(qt_app=app, use_sysargs=False, show_dialog=False, qt_api="pyside6")
        found = drive(editor, *sys.argv[1:])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
