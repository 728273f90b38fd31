"""A node that workers do not survive."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from ganplugin.nodes.graph import Graph
from ganplugin.nodes.sample import Sample
from ganplugin.series.plan import Plan

UNLUCKY = "13"


class Deadly(Sample):
    """Samples, but ends its process when it is asked for the unlucky seed."""

    def run(self, context: Any) -> Any:
        if UNLUCKY in self.seeds.split(","):
            os._exit(1)
        return super().run(context)


def deadly(plan: Plan) -> Graph:
    """Return the graph of a plan with deadly nodes in place of those that sample."""
    calls = plan.graph.calls
    samples = {name: replace(call, kind=Deadly) for name, call in calls.items() if call.kind is Sample}
    return replace(plan.graph, calls={**calls, **samples})
