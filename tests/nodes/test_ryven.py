"""Our nodes in ryvencore itself, which is small enough to be the host of every run of the tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import ryvencore

from ganplugin.errors import InputError
from ganplugin.nodes import NODES, Context, LoadImages, LoadModel, Sample, SaveImages, StyleTransfer
from ganplugin.nodes.base import Node
from ganplugin.nodes.ports import inputs_of, outputs_of
from ganplugin.nodes.ryven import DATA_TYPES, GanPluginNode, GanPluginValue, node_types, register
from tests.nodes.kit import save

HERE = Context(device="cpu", existing="keep")


class Desk:
    """A session with one flow, and what went wrong in it."""

    def __init__(self, context: Context | None = HERE, mode: str = "data"):
        self.session = ryvencore.Session()
        self.types = register(self.session, context)
        self.flow = self.session.create_flow("main")
        self.flow.set_algorithm_mode(mode)
        self.errors: list[str] = []

    def add(self, kind: type[Node], **inputs: object) -> GanPluginNode:
        node = self.flow.create_node(self.types[kind.id])
        node.update_error.sub(lambda error: self.errors.append(str(error)))
        for name, value in inputs.items():
            node.set_input(name, value)
        return node

    def link(self, before: GanPluginNode, output: str, after: GanPluginNode, name: str) -> None:
        made = self.flow.connect_nodes(
            next(port for port in before.outputs if port.label_str == output),
            next(port for port in after.inputs if port.label_str == name),
        )
        assert made is not None

    def unlink(self, before: GanPluginNode, after: GanPluginNode, name: str) -> None:
        port = next(port for port in after.inputs if port.label_str == name)
        self.flow.disconnect_nodes(self.flow.connected_output(port), port)


def value(node: GanPluginNode, name: str) -> object:
    return next(port.val.payload for port in node.outputs if port.label_str == name and port.val is not None)


def sampler(desk: Desk, models: Path, **inputs: object) -> tuple[GanPluginNode, GanPluginNode, GanPluginNode]:
    model = desk.add(LoadModel, model=str(models / "full.onnx"))
    sample = desk.add(Sample, seeds="3-5", truncation=0.5, **inputs)
    written = desk.add(SaveImages, folder="ryven")
    desk.link(model, "model", sample, "model")
    desk.link(sample, "images", written, "images")
    return model, sample, written


def headless(models: Path, folder: str, seeds: str = "3-5") -> list[Path]:
    model = LoadModel(model=str(models / "full.onnx")).run(HERE).model
    images = Sample(model=model, seeds=seeds, truncation=0.5).run(HERE).images
    return [Path(path) for path in SaveImages(images=images, folder=folder).run(HERE).paths]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


@pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.id)
def test_a_node_shows_what_its_class_declares(kind):
    desk = Desk()
    node = desk.flow.create_node(desk.types[kind.id])
    shown = [(port.label_str, port.type_, port.default and port.default.payload) for port in node.inputs]
    assert shown == [(port.name, "data", port.default) for port in inputs_of(kind)]
    assert [(port.label_str, port.type_) for port in node.outputs] == [(p.name, "data") for p in outputs_of(kind)]
    assert (node.identifier, node.title, node.version, node.tags) == (kind.id, kind.title, kind.version, ["ganplugin"])
    for port in inputs_of(kind):
        assert f"{port.name}: {port.help}" in (type(node).__doc__ or "")


def test_every_node_is_registered_under_its_id():
    desk = Desk()
    assert list(desk.types) == [kind.id for kind in NODES]
    assert {kind.identifier for kind in desk.session.nodes} == set(desk.types)
    assert desk.session.data_types == {kind.identifier: kind for kind in DATA_TYPES}


@pytest.mark.parametrize("mode", ["data", "data opt", "exec"])
def test_a_flow_writes_the_bytes_of_a_headless_run(models, here, mode):
    desk = Desk(mode=mode)
    written = sampler(desk, models)[2]
    written.update()
    assert desk.errors == []
    paths = headless(models, "headless")
    assert contents(here / "ryven") == contents(here / "headless")
    assert [Path(path).name for path in value(written, "paths")] == [path.name for path in paths]


def test_a_style_flow_writes_the_bytes_of_a_headless_run(models, here):
    photo = save(here / "photo.png", 9, 14)
    desk = Desk()
    model = desk.add(LoadModel, model=str(models / "styles.onnx"))
    images = desk.add(LoadImages, path="photo.png")
    style = desk.add(StyleTransfer, strength=0.5)
    written = desk.add(SaveImages, folder="ryven", format="webp")
    desk.link(model, "model", style, "model")
    desk.link(images, "images", style, "images")
    desk.link(style, "images", written, "images")
    written.update()
    loaded = LoadImages(path=photo.name).run(HERE).images
    network = LoadModel(model=str(models / "styles.onnx")).run(HERE).model
    painted = StyleTransfer(model=network, images=loaded, strength=0.5).run(HERE).images
    SaveImages(images=painted, folder="headless", format="webp").run(HERE)
    assert desk.errors == []
    assert len(contents(here / "ryven")) == 1
    assert contents(here / "ryven") == contents(here / "headless")


def test_a_change_reaches_what_follows_but_writes_nothing_by_itself(models, here, rendered):
    desk = Desk()
    _, sample, written = sampler(desk, models)
    sample.set_input("seeds", "7")
    assert len(value(sample, "images")) == 1
    assert rendered == []
    assert not (here / "ryven").exists()
    written.update()
    assert list(contents(here / "ryven")) == ["seed-0007.png"]
    written.update()
    assert rendered == [1], "a picture that is there already, by the same recipe, is not made again"


def test_nodes_of_a_class_do_not_share_their_values():
    desk = Desk()
    first, second = desk.add(Sample), desk.add(Sample)
    first.inputs[1].default.payload = "1"
    assert second.inputs[1].default.payload == desk.add(Sample).inputs[1].default.payload == "0-15"


def test_a_node_waits_until_all_that_it_needs_is_there(models):
    desk = Desk()
    sample = desk.add(Sample)
    model = desk.add(LoadModel)
    desk.link(model, "model", sample, "model")
    assert desk.errors == []
    assert value(sample, "images") is None
    model.set_input("model", str(models / "full.onnx"))
    assert len(value(sample, "images")) == 16
    desk.unlink(model, sample, "model")
    assert value(sample, "images") is None
    sample.update()
    assert desk.errors == [sample.error] == ["GanPluginSample: model: has no value yet - set it or link it"]


def test_an_error_is_one_line_and_takes_the_old_value_away(models, capsys):
    desk = Desk()
    model, sample, written = sampler(desk, models)
    ryvencore.InfoMsgs.enable_errors(traceback=False)
    try:
        sample.set_input("truncation", 9.0)
    finally:
        ryvencore.InfoMsgs.enabled_errors = False
    assert desk.errors == [sample.error]
    assert sample.error.startswith("GanPluginSample: truncation: ")
    assert capsys.readouterr().err.split("\n") == [f" Sample: {sample.error}", ""]
    assert (value(sample, "images"), model.error) == (None, "")
    sample.set_input("truncation", 0.7)
    assert sample.error == ""
    assert len(value(sample, "images")) == 3
    model.set_input("model", "builtin:nothing-like-it")
    assert "nothing-like-it" in model.error
    written.update()
    assert "images: has no value yet" in written.error


def test_a_fault_that_nobody_can_mend_reaches_the_host_as_it_is(models, monkeypatch):
    desk = Desk()
    sample = sampler(desk, models)[1]
    found: list[Exception] = []
    sample.update_error.sub(found.append)
    monkeypatch.setattr(Sample, "run", lambda self, context: 1 / 0)
    sample.update()
    assert [type(error) for error in found] == [ZeroDivisionError]


def test_an_unknown_input_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="has no input 'sedes' - did you mean 'seeds'"):
        Desk().add(Sample, sedes="3")


def test_values_in_memory_may_be_given_too(models, here):
    desk = Desk()
    sample = desk.add(Sample, seeds="1,2", model=LoadModel(model=str(models / "full.onnx")).run(HERE).model)
    assert value(sample, "images").batch().shape == (2, 8, 8, 3)


def loaded(project: str) -> Desk:
    desk = Desk()
    desk.session.delete_flow(desk.flow)
    desk.flow = desk.session.load(json.loads(project))[0]
    return desk


def test_a_saved_flow_is_loaded_ready_and_renders_the_same(models, here, rendered):
    desk = Desk()
    _, sample, written = sampler(desk, models, label="")
    sample.set_input("seeds", "8-9")
    project = json.dumps(desk.session.serialize())
    written.update()
    first = contents(here / "ryven")
    (here / "ryven").rename(here / "first")
    rendered.clear()
    again = loaded(project)
    assert rendered == []
    assert not (here / "ryven").exists()
    assert len(value(again.flow.nodes[1], "images")) == 2
    again.flow.nodes[2].update()
    assert contents(here / "ryven") == first == contents(here / "first")
    assert len(first) == 2


def test_nothing_of_a_model_or_a_picture_is_in_a_saved_flow(models):
    desk = Desk()
    sampler(desk, models)
    outputs = desk.session.serialize()["flows"]["main"]["output data"]
    assert {entry["data"]["identifier"] for entry in outputs} == {GanPluginValue.identifier}
    assert {ryvencore.deserialize(entry["data"]["serialized"]) for entry in outputs} == {None}


def test_a_flow_of_an_older_version_gets_the_inputs_that_came_later(models):
    desk = Desk()
    sampler(desk, models)
    project = desk.session.serialize()
    saved = project["flows"]["main"]["nodes"][1]
    assert saved["version"] == Sample.version
    del saved["inputs"][3:], saved["outputs"][1:]
    sample = loaded(json.dumps(project)).flow.nodes[1]
    assert [port.label_str for port in sample.inputs] == [port.name for port in inputs_of(Sample)]
    assert [port.label_str for port in sample.outputs] == [port.name for port in outputs_of(Sample)]
    assert value(sample, "images").batch().shape == (3, 8, 8, 3)


def test_a_flow_saved_by_ryven_itself_is_known(models):
    desk = Desk()
    sampler(desk, models)
    project = desk.session.serialize()
    for node in project["flows"]["main"]["nodes"]:
        node["identifier"] = f"ganplugin_ryven.{node['identifier']}"
    assert len(loaded(json.dumps(project)).flow.nodes) == 3


def test_messages_of_nodes_are_ryvencores(models, capsys):
    desk = Desk(context=None)
    model = desk.add(LoadModel, model=str(models / "classes.onnx"), device="cpu")
    sample = desk.add(Sample, seeds="0")
    ryvencore.InfoMsgs.enable()
    try:
        desk.link(model, "model", sample, "model")
    finally:
        ryvencore.InfoMsgs.disable()
    assert "no label given: using 'cat'" in capsys.readouterr().out


def test_each_context_makes_classes_of_its_own(models, here):
    elsewhere = Context(device="cpu", existing="number")
    assert all(kind.context is elsewhere for kind in node_types(elsewhere))
    desk = Desk(elsewhere)
    written = sampler(desk, models)[2]
    written.update()
    written.update()
    assert len(contents(here / "ryven")) == 6


class Witness(ryvencore.Node):
    """Remembers how many pictures and latents it saw at a time."""

    title = "Witness"
    init_inputs = [ryvencore.NodeInputType("images"), ryvencore.NodeInputType("latents")]  # noqa: RUF012

    def __init__(self, params):
        super().__init__(params)
        self.seen: list[tuple[int, ...]] = []

    def update_event(self, inp=-1):
        given = [self.input(place) for place in range(2)]
        self.seen.append(tuple(0 if data is None or data.payload is None else len(data.payload) for data in given))


def test_both_outputs_change_before_anything_after_them_runs(models):
    desk = Desk()
    sample = sampler(desk, models)[1]
    desk.session.register_node_type(Witness)
    witness = desk.flow.create_node(Witness)
    desk.link(sample, "images", witness, "images")
    desk.link(sample, "latents", witness, "latents")
    witness.seen.clear()
    sample.set_input("seeds", "1,2,3,4,5")
    assert witness.seen == [(5, 5), (5, 5)]
    sample.set_input("seeds", "none")
    assert witness.seen[2:] == [(0, 0), (0, 0)]
