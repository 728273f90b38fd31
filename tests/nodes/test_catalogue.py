from __future__ import annotations

import pytest

from ganplugin.nodes import NODES, Context, Node, node_registry
from ganplugin.nodes.catalogue import HEADLESS_NODES


def test_every_node_is_listed_once_under_its_id():
    registry = node_registry()
    assert list(registry) == [*NODES, *HEADLESS_NODES]
    assert all(registry[kind.id] is kind for kind in NODES)
    assert all(issubclass(kind, Node) for kind in NODES)
    with pytest.raises(NotImplementedError):
        Node().run(Context())
    assert Node().destinations(Context()) == ()
