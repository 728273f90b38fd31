from __future__ import annotations

import pytest

from ganplugin.series.joining import Joining
from tests.series.kit import SAMPLE, SEEDS, digests, plan_of, rendered

PAINT = {
    **SAMPLE,
    "style": {"class_type": "GanPluginLoadModel", "inputs": {"model": "styles.onnx"}},
    "grow": {"class_type": "GanPluginResize", "inputs": {"images": ["make", 0], "side": 12}},
    "paint": {"class_type": "GanPluginStyleTransfer", "inputs": {"model": ["style", 0], "images": ["grow", 0]}},
}
MASKED = {**PAINT, "paint": {**PAINT["paint"], "inputs": {**PAINT["paint"]["inputs"], "mask": ["photo", 1]}},
          "photo": {"class_type": "GanPluginLoadImages", "inputs": {"path": "photos/cat.png"}}}  # fmt: skip
OWN_STYLE = {
    **SAMPLE,
    "style": {"class_type": "GanPluginLoadModel", "inputs": {"model": "painting.onnx"}},
    "paint": {
        "class_type": "GanPluginStyleTransfer",
        "inputs": {"model": ["style", 0], "images": ["make", 0], "style_image": ["make", 0]},
    },
}
SHEET = {**SAMPLE, "sheet": {"class_type": "GanPluginContactSheet", "inputs": {"images": ["make", 0]}}}
LATENTS = {
    **SAMPLE,
    "again": {"class_type": "GanPluginSample", "inputs": {"model": ["model", 0], "latents": ["make", 1]}},
}


@pytest.mark.parametrize(
    ("graph", "outputs", "found"),
    [
        (SAMPLE, [{}], "make.seeds"),
        (PAINT, [{}], "make.seeds"),
        (PAINT, [{}, {"from": "make", "name": "raw-{index}"}], "make.seeds"),
        (MASKED, [{"from": "paint"}], None),
        (OWN_STYLE, [{}], None),
        (SHEET, [{}], None),
        (SAMPLE, [{"write": "film", "formats": "webp"}], None),
        (LATENTS, [{"from": "again"}], None),
    ],
)
def test_seeds_are_joined_where_each_picture_is_of_one_seed(home, graph, outputs, found):
    plan = plan_of(graph=graph, outputs=outputs)
    assert Joining.of(plan.graph, plan.views).input == found


@pytest.mark.parametrize("graph", [SAMPLE, PAINT])
def test_joined_pieces_have_the_bytes_that_they_have_alone(home, tmp_path, graph):
    traits = {**SEEDS, "T": {"set": "make.truncation", "choose": [0.5, 1.0]}}
    plan = plan_of(graph=graph, traits=traits, edition=12, outputs=[{"formats": ["png", "jpg"]}])
    together = digests(rendered(plan, tmp_path / "together", batch=6))
    alone = digests({index: rendered(plan, tmp_path / "alone", [index], batch=1)[index] for index in range(12)})
    assert together == alone
    assert len(together) == 24


def test_pieces_of_several_seeds_get_their_own_parts(home, tmp_path):
    traits = {"Seed": {"set": "make.seeds", "seeds": "any", "count": 3}}
    plan = plan_of(traits=traits)
    assert digests(rendered(plan, tmp_path / "a", batch=4)) == digests(rendered(plan, tmp_path / "b", batch=1))
    assert len(list((tmp_path / "a" / "pieces").glob("*/*.png"))) == 12


def test_a_key_is_all_but_the_seeds(home):
    plan = plan_of(traits={**SEEDS, "T": {"set": "make.truncation", "sweep": [0.5, 1.0]}})
    joining = Joining.of(plan.graph, plan.views)
    keys = [joining.key(piece.changes) for piece in plan]
    assert keys[0] == keys[2] != keys[1] == keys[3]
