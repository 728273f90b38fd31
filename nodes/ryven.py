"""Our nodes in ryvencore, the library behind Ryven: one of its classes a node, made from the node's own ports."""

from __future__ import annotations

from typing import Any, ClassVar

import ryvencore

from ganplugin.errors import GanPluginError, InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.catalogue import NODES
from ganplugin.nodes.context import Context, SilentReporter
from ganplugin.nodes.ports import Port, inputs_of, outputs_of, summary
from ganplugin.registry import did_you_mean

__all__ = ["DATA_TYPES", "GanPluginNode", "GanPluginValue", "help_text", "node_types", "register"]

_PACKAGE = "ganplugin_ryven"
"""The name of the folder with ``nodes.py`` that docs/hosts/ryven.md gives; Ryven puts it before the ids."""


class GanPluginValue(ryvencore.Data):
    """What our nodes hand on. It is not saved with a flow: a loaded flow makes it anew."""

    def get_data(self) -> object:
        """Return nothing to save: an open model and pictures that are yet to be rendered cannot be."""
        return None


DATA_TYPES: tuple[type[ryvencore.Data], ...] = (GanPluginValue,)


class Messages(SilentReporter):
    """Sends what nodes tell to ryvencore's messages; it has no progress and no previews."""

    def message(self, text: str) -> None:
        """Write the line where ryvencore writes its own."""
        ryvencore.InfoMsgs.write(text)


class GanPluginNode(ryvencore.Node):
    """A node of ours in a flow: what its classes, one a `Node`, have in common.

    A plain input that is not linked has the value of its port's ``default``, which a host's widget or `set_input` sets.
    """

    kind: ClassVar[type[Node]]
    context: ClassVar[Context]
    error = ""
    """Why the node has no value, in one line; empty where it has one or waits for its inputs."""

    def set_input(self, name: str, value: object) -> None:
        """Give a plain input a value and update the node. Raises `InputError` for a name that is none of its inputs."""
        names = [port.label_str for port in self.inputs]
        if name not in names:
            raise InputError(f"has no input {name!r}", where=self.kind.id, fix=did_you_mean(name, names))
        place = names.index(name)
        self.inputs[place].default = ryvencore.Data(value)
        self.update(place)

    def initialize(self) -> None:
        """Set up the ports, each with a default of its own: ryvencore gives every node of a class the same one."""
        super().initialize()
        for port in self.inputs:
            port.default = _copied(port.default)

    def update_event(self, inp: int = -1) -> None:
        """Run the node if all that it needs is there, and hand on what it gives; else hand on that there is nothing.

        A node that writes files runs only when it is itself updated (``inp`` is -1), never because a value before it
        changed.
        """
        if inp >= 0 and self.kind.writes:
            return
        self.error = ""
        values = self._values()
        missing = self._missing(values)
        try:
            if missing and inp < 0:
                raise InputError(f"{missing[0]}: has no value yet", where=self.kind.id, fix="set it or link it")
            outputs = None if missing else self.kind(**values).run(self.context)
        except GanPluginError:
            self._hand_on(None)
            raise
        self._hand_on(outputs)

    def update_err(self, e: Exception) -> None:
        """Show an error that a person can mend as its one line."""
        if not isinstance(e, GanPluginError):
            super().update_err(e)
            return
        self.error = str(e)
        ryvencore.InfoMsgs.write_err(f"{self.title}: {e}\n")
        self.update_error.emit(e)

    def set_state(self, data: dict[str, Any], version: str | None) -> None:
        """Add the inputs and outputs that the node got since ``version``, in which the flow was saved."""
        for given in self.init_inputs[len(self.inputs) :]:
            self.create_input(given.label, given.type_, _copied(given.default))
        for returned in self.init_outputs[len(self.outputs) :]:
            self.create_output(returned.label, returned.type_)

    def rebuilt(self) -> None:
        """Make the values of a loaded flow anew, from its first nodes on; what writes files waits until it is asked."""
        is_first = not any(self._is_linked(place) for place in range(len(self.inputs)))
        if is_first and not self.kind.writes and not self._missing(self._values()):
            self.update()

    def _values(self) -> dict[str, Any]:
        found = {port.label_str: self._data(place) for place, port in enumerate(self.inputs)}
        return {name: data.payload for name, data in found.items() if data is not None and data.payload is not None}

    def _data(self, place: int) -> ryvencore.Data | None:
        # Flows in "exec" mode overlook the defaults of inputs that are not linked.
        return self.input(place) if self._is_linked(place) else self.inputs[place].default

    def _missing(self, values: dict[str, Any]) -> list[str]:
        ports = inputs_of(self.kind)
        needed = {port.name for port in ports if port.required}
        linked = {port.label_str for place, port in enumerate(self.inputs) if self._is_linked(place)}
        return [port.name for port in ports if port.name in needed | linked and port.name not in values]

    def _is_linked(self, place: int) -> bool:
        return self.flow.connected_output(self.inputs[place]) is not None

    def _hand_on(self, outputs: NodeOutputs | None) -> None:
        values = [GanPluginValue(getattr(outputs, port.label_str, None)) for port in self.outputs]
        # All before any is announced, so that no node after this one sees new pictures beside old latents.
        for port, value in zip(self.outputs, values, strict=True):
            port.val = value
        for place, value in enumerate(values):
            self.set_output_val(place, value)


def node_types(context: Context | None = None) -> tuple[type[GanPluginNode], ...]:
    """Return the classes of all our nodes, to run under this context.

    By default a picture that was written before, with the same recipe, is kept rather than refused.
    """
    return tuple(_node_type(kind, context or Context(existing="keep", reporter=Messages())) for kind in NODES)


def register(session: ryvencore.Session, context: Context | None = None) -> dict[str, type[GanPluginNode]]:
    """Make all our nodes known to a session and return their classes by id. ``context`` is as `node_types` takes it."""
    types = node_types(context)
    session.register_data_types(list(DATA_TYPES))
    session.register_node_types(list(types))
    return {made.kind.id: made for made in types}


def _node_type(declared: type[Node], host: Context) -> type[GanPluginNode]:
    class Made(GanPluginNode):
        kind = declared
        context = host
        title = declared.title
        version = declared.version
        identifier = declared.id

    # Its qualified name stays: Ryven looks the source of a node up by it.
    Made.__name__ = declared.id
    Made.__doc__ = help_text(declared)
    Made.tags = [declared.category]
    Made.legacy_identifiers = [f"{_PACKAGE}.{declared.id}"]
    Made.init_inputs = [_input(port) for port in inputs_of(declared)]
    Made.init_outputs = [ryvencore.NodeOutputType(port.name) for port in outputs_of(declared)]
    return Made


def _input(port: Port) -> ryvencore.NodeInputType:
    default = None if port.default is None else ryvencore.Data(port.default)
    return ryvencore.NodeInputType(port.name, default=default)


def _copied(default: ryvencore.Data | None) -> ryvencore.Data | None:
    return None if default is None else ryvencore.Data(default.payload)


def help_text(kind: type[Node]) -> str:
    """Return what a node promises and what its inputs mean, as Ryven shows it."""
    lines = [f"{port.name}: {_help(port)}" for port in inputs_of(kind)]
    return "\n".join([summary(kind), "", *lines])


def _help(port: Port) -> str:
    limits = "" if port.least is None or port.most is None else f" ({port.least:.12g} to {port.most:.12g})"
    choices = f" ({', '.join(port.choices)})" if port.choices else ""
    return f"{port.help}{limits}{choices}"
