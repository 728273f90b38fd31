from __future__ import annotations

import json

import pytest

from ganplugin.errors import InputError
from tests.series.kit import SAMPLE, SEEDS, plan_of


def refused(home, **fields) -> str:
    with pytest.raises(InputError) as error:
        plan_of(home, **fields)
    return str(error.value)


def test_a_trait_sets_one_input_or_several(home):
    traits = {"A": {"set": ["make.seeds", "make.label"], "sweep": [3, "4"]}}
    plan = plan_of(traits=traits, graph={**SAMPLE, "model": {**SAMPLE["model"], "inputs": {"model": "classes.onnx"}}})
    assert [dict(piece.changes) for piece in plan][:2] == [
        {"make.seeds": "3", "make.label": "3"},
        {"make.seeds": "4", "make.label": "4"},
    ]


def test_values_become_what_inputs_take(home):
    traits = {
        "A": {"set": "make.truncation", "choose": ["0.5"]}, "B": {"set": "make.seed", "choose": ["7", 7.0]},
        "C": {"set": "make.seeds", "range": [1, 9]},
    }  # fmt: skip
    changes = plan_of(traits=traits)[0].changes
    assert (changes["make.truncation"], changes["make.seed"], type(changes["make.seeds"])) == (0.5, 7, str)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"traits": {"A": {"set": "mak.seeds", "seeds": "any"}}}, "traits.A.set, mak.seeds: there is no node 'mak'"),
        ({"traits": {"A": {"set": "seeds", "seeds": "any"}}}, "write NODE.FIELD"),
        ({"traits": {"A": {"set": "make.seedz", "seeds": "any"}}}, "no input 'seedz' - did you mean 'seed"),
        ({"traits": {"A": {"set": "make.model", "choose": ["x"]}}}, "takes a link to an output of type MODEL"),
        (
            {"traits": {"A": {"set": "make.truncation", "range": [0, 3]}}},
            "traits.A, node make (GanPluginSample), trunc",
        ),
        ({"traits": {"A": {"set": "make.truncation", "choose": ["wild"]}}}, "'wild' is not a number, -2 to 2"),
        ({"traits": {"A": {"set": "make.noise", "sweep": ["none", "nun"]}}}, "did you mean 'none'?"),
        ({"traits": {**SEEDS, "B": {"set": "make.seeds", "index": 1}}}, "make.seeds is set by Seed too"),
        ({"pieces": {9: {"Seed": 1}}}, "pieces.9: is no piece of the series - pieces are 0 to 3"),
        ({"pieces": {1: {"Sed": 1}}}, "pieces.1: there is no trait 'Sed' - did you mean 'Seed'?"),
        ({"pieces": {1: {"make.seedz": 1}}}, "no input 'seedz'"),
        ({"pieces": {1: {"make.truncation": 9}}}, "pieces.1, node make (GanPluginSample), truncation"),
        ({"keep": {"of": 3}}, "keep.of: 4 cannot be kept of 3"),
        ({"keep": {"of": 3}, "edition": None}, "edition: keep needs an edition"),
        ({"keep": {"of": 9, "from": "model"}}, "keep.from: node model gives no pictures"),
        ({"keep": {"of": 9, "form": "make"}}, "keep.form"),
        ({"outputs": [{"name": "same"}]}, "pieces 0 and 1 would both be pieces/same.png - add {index} to the name"),
        ({"outputs": [{"name": "{Sed}"}]}, "outputs.0.name: there is no {Sed} - did you mean 'Seed'?"),
        ({"outputs": [{}, {}]}, "pieces/00000.png"),
        ({"outputs": [{"name": "../{index}"}]}, "is not a safe file name"),
        ({"outputs": [{"write": "film", "formats": "jpg"}]}, "jpg cannot hold film"),
        ({"outputs": [{"from": "modle"}]}, "there is no node 'modle' - did you mean 'model'?"),
        ({"outputs": [{"from": "model"}]}, "node model gives no pictures"),
        ({"outputs": [{"from": "make.latents"}]}, "has no pictures 'latents'"),
        ({"graph": {"a": {"class_type": "GanPluginSampl"}}}, "did you mean 'GanPluginSample'?"),
        ({"graph": {"model": SAMPLE["model"]}, "traits": {}}, "nothing in the graph gives pictures"),
        (
            {"graph": {**SAMPLE, "more": SAMPLE["make"]}},
            "several outputs have pictures - say which one: from: make, more",
        ),
    ],
)
def test_what_cannot_be_rendered_is_refused_with_field_and_remedy(home, fields, words):
    assert words in refused(home, **fields)


def test_single_pieces_are_changed_by_trait_or_by_input(home):
    plan = plan_of(pieces={1: {"Seed": 5, "make.truncation": 0.5}})
    assert dict(plan[1].changes) == {"make.seeds": "5", "make.truncation": 0.5}
    assert set(plan[0].changes) == {"make.seeds"}


def test_hidden_traits_are_not_shown_but_count(home):
    one, other = plan_of(), plan_of(seed=1)
    assert one[0].traits == {}
    assert one[0].digest != other[0].digest


def test_a_graph_comes_from_a_file_a_picture_or_a_window(home):
    (home / "flow.json").write_text(json.dumps(SAMPLE))
    assert plan_of(graph="flow.json").graph.prompt == plan_of().graph.prompt


def test_what_the_graph_saves_is_what_the_series_shows(home):
    saved = {
        **SAMPLE,
        "sheet": {"class_type": "GanPluginContactSheet", "inputs": {"images": ["make", 0]}},
        "save": {"class_type": "GanPluginSaveImages", "inputs": {"images": ["make", 0]}},
    }
    assert plan_of(graph=saved).views[0].link == ("make", 0)
    assert plan_of(graph=saved, outputs=[{"from": "sheet"}]).views[0].link == ("sheet", 0)
    assert plan_of(graph=saved, outputs=[{"from": "make.images"}]).views[0].link == ("make", 0)


def test_names_take_traits_and_stay_safe(home):
    traits = {**SEEDS, "Sky": {"choose": ["a/b:c*?"]}, "Dot": {"choose": ["..."]}}
    plan = plan_of(
        traits=traits, outputs=[{"name": "{Sky}/{index:03}-{Dot}", "formats": ["png", "jpg"], "sizes": [0, 16]}]
    )
    assert [name.path for name in plan.files.names(2, plan[2].named)] == [
        f"pieces/a-b-c/002-x{size}.{kind}" for size in ("", "-16") for kind in ("png", "jpg")
    ]


def test_a_plan_of_a_million_pieces_is_made_at_once(home):
    plan = plan_of(edition=1_000_000)
    assert plan[999_999].changes != plan[0].changes
