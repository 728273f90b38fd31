from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ganplugin.errors import InputError
from ganplugin.nodes.blender.drawing import IMAGE_INPUT, IMAGE_OUTPUT, Request, inputs_drawn, read_tree
from ganplugin.nodes.graph import Graph
from ganplugin.nodes.graph_checks import Link
from tests.nodes.blender.drawn import Tree, chain


def read(tree, **pictures):
    return read_tree(tree, {name: Path(path) for name, path in pictures.items()}, lambda path: "/scene" + path[1:])


def test_a_drawn_tree_is_a_graph_that_runs_without_blender():
    drawing = read(chain(seeds="3"))
    assert drawing.graph["Load"] == {
        "class_type": "GanPluginLoadModel",
        "inputs": {"model": "builtin:icons", "device": "auto"},
    }
    assert drawing.graph["Sample"]["inputs"]["model"] == ["Load", 0]
    assert "latents" not in drawing.graph["Sample"]["inputs"]
    assert drawing.requests == (Request("Output", Link("Sample", 0), "{name}", None),)
    assert not drawing.writes
    assert set(Graph.parse(drawing.graph).calls) == {"Load", "Sample"}


def test_a_number_is_the_one_that_was_typed():
    drawing = read(chain(truncation=float(np.float32(0.7))))
    assert drawing.graph["Sample"]["inputs"]["truncation"] == 0.7


def test_an_output_is_numbered_among_all_those_that_are_declared():
    tree = chain()
    score = tree.add("GanPluginScore", "Score")
    mix = tree.add("GanPluginMixStyles", "Mix")
    tree.link(tree.nodes[1], "Latents", mix, "A")
    tree.link(score, "Images", tree.nodes[2], "Images")
    drawing = read(tree)
    assert drawing.graph["Mix"]["inputs"]["a"] == ["Sample", 1]
    assert drawing.requests[0].link == ("Score", 0)


def test_reroutes_and_muted_nodes_hand_on():
    tree = chain()
    sample, output = tree.nodes[1:]
    join = tree.add("GanPluginJoinImages", "Join", mute=True)
    join.internal_links = [SimpleNamespace(from_socket=join.inputs["A"], to_socket=join.outputs["Images"])]
    bend = tree.add("NodeReroute", "Bend")
    tree.link(sample, "Images", bend, "Images")
    tree.link(bend, "Images", join, "A")
    tree.link(join, "Images", output, "Images")
    drawing = read(tree)
    assert drawing.requests[0].link == ("Sample", 0)
    assert "Join" not in drawing.graph
    join.internal_links = []
    with pytest.raises(InputError, match="GAN: there is nothing to render"):
        read(tree)


def test_a_muted_link_or_output_is_none():
    tree = chain()
    tree.nodes[1].inputs["Model"].links[0].is_muted = True
    assert "model" not in read(tree).graph["Sample"]["inputs"]
    tree.nodes[2].mute = True
    with pytest.raises(InputError, match="link an Image Output node"):
        read(tree)


def test_reroutes_in_a_circle_end():
    tree = chain()
    first, second = tree.add("NodeReroute", "A"), tree.add("NodeReroute", "B")
    tree.link(first, "Images", second, "Images")
    tree.link(second, "Images", first, "Images")
    tree.link(second, "Images", tree.nodes[2], "Images")
    with pytest.raises(InputError, match="runs in a circle"):
        read(tree)


def test_an_image_of_blender_comes_in_as_a_file():
    tree = chain()
    photo = tree.add(IMAGE_INPUT, "Photo")
    muted = tree.add(IMAGE_INPUT, "Other", mute=True)
    assert list(inputs_drawn(tree)) == [photo]
    assert muted in tree.nodes
    style = tree.add("GanPluginStyleTransfer", "Style")
    tree.link(photo, "Masks", style, "Mask")
    graph = read(tree, Photo="x/photo.png").graph
    assert graph["Photo"] == {"class_type": "GanPluginLoadImages", "inputs": {"path": str(Path("x/photo.png"))}}
    assert graph["Style"]["inputs"]["mask"] == ["Photo", 1]


def test_two_slashes_are_the_scene_for_what_is_read_and_the_output_folder_for_what_is_written():
    tree = chain(model="//mine.onnx")
    tree.add("GanPluginSaveImages", "Save", folder="//pictures")
    drawing = read(tree)
    assert drawing.graph["Load"]["inputs"]["model"] == "/scene/mine.onnx"
    assert drawing.graph["Save"]["inputs"]["folder"] == "pictures"
    assert (drawing.writers, drawing.writes) == (("Save",), True)


def test_two_sequences_may_not_have_one_name():
    tree = chain()
    tree.nodes[2].destination = "SEQUENCE"
    assert read(tree).requests[0].sequence == "frames"
    assert read(tree).writes
    other = tree.add(IMAGE_OUTPUT, "Again", destination="SEQUENCE")
    tree.link(tree.nodes[1], "Images", other, "Images")
    with pytest.raises(InputError, match="sequence 'frames': would be written twice"):
        read(tree)
    other.sequence = "more"
    assert [request.sequence for request in read(tree).requests] == ["frames", "more"]


def test_an_empty_tree_is_refused():
    with pytest.raises(InputError, match="nothing to render"):
        read(Tree())
