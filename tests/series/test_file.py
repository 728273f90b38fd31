from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from ganplugin.errors import FileError, InputError
from ganplugin.series.file import SeriesFile, parse_series, read_series
from ganplugin.series.starter import series_schema, starter
from tests.series.kit import SAMPLE, series_text

BASE = "graph: {a: {class_type: X}}\n"


def refused(text: str) -> str:
    with pytest.raises(InputError) as error:
        parse_series(BASE + text, "t.yaml")
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("editon: 3", "t.yaml, editon, line 2: there is no such word - did you mean 'edition'?"),
        ("edition: 0", "t.yaml, edition, line 2: input should be greater than or equal to 1"),
        ("edition: 1.5", "t.yaml, edition, line 2: "),
        ("seed: -1", "t.yaml, seed, line 2: "),
        ("traits:\n  T: {range: [3, 1]}", "t.yaml, traits.T.range, line 3: the lowest number comes first"),
        ("traits:\n  T: {range: [1, 3], decimls: 2}", "traits.T.decimls, line 3: there is no such word - did you mean"),
        ("traits:\n  T: {rang: [3, 1]}", "traits.T, line 3: is no trait: give it exactly one of seeds, range"),
        ("traits:\n  T: {range: [0, 1], scale: log}", "log needs numbers above 0"),
        ("traits:\n  T: {range: [0, 1], sweep: [1]}", "is no trait: give it exactly one of"),
        ("traits: {T: {choose: {a: 0}}}", "all weights are zero"),
        ("traits: {T: {choose: [[1]]}}", "traits.T.choose"),
        ("traits: {T: {seeds: any, in_order: true}}", "in_order needs a list of seeds"),
        ("outputs: []", "outputs, line 2"),
        ("outputs: [{formats: pgn}]", "'pgn' is not a format - did you mean 'png'?"),
        ("outputs: [{size: 3}]", "outputs.0.size, line 2: there is no such word - did you mean 'sizes'?"),
        ("pieces: {x: {a: 1}}", "pieces.x, line 2: input should be a valid integer"),
        ("pieces: {3: {T: [1]}}", "pieces.3.T, line 2: is no text, number or true/false"),
        ("keep: {of: yes}", "keep.of, line 2: "),
        ("sheets: {paper: a9}", "sheets.paper, line 2: "),
        ("keep: 5", "keep, line 2: "),
    ],
)
def test_a_mistake_is_named_with_field_line_and_remedy(text, words):
    assert words in refused(text)


def test_a_file_without_a_series_says_how_to_begin():
    for text in ("", "- 1", "just words"):
        with pytest.raises(InputError, match="ganplugin series new"):
            parse_series(text, "t.yaml")


def test_switches_take_true_and_false():
    assert parse_series(BASE + "sheets: false\nmetadata: false", "t").sheets is None
    assert parse_series(BASE + "sheets: true", "t").sheets == SeriesFile.model_fields["sheets"].default


def test_one_of_many_needs_no_list():
    found = parse_series(BASE + "outputs: [{formats: jpg, sizes: 512}]\ntraits: {T: {set: a.b, range: [0, 1]}}", "t")
    assert (found.outputs[0].formats, found.outputs[0].sizes) == (("jpg",), (512,))
    assert found.traits["T"].set == ("a.b",)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(FileError):
        read_series(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is no text file"):
        read_series(tmp_path / "bytes.yaml")


def test_what_a_folder_keeps_of_a_series_reads_back_the_same():
    text = series_text(
        traits={
            "A": {"choose": {"x": 1, "y": 2}}, "B": {"choose": [1, True, {"value": 2.5, "name": "b"}]},
            "C": {"sweep": ["a", 1]}, "D": {"seeds": "0-99", "count": 2}, "E": {"index": 5}, "F": {"text": "{A}"},
        },
        pieces={3: {"A": "y"}}, keep={"of": 10}, outputs=[{"from": "make", "sizes": [0, 16]}], sheets=False,
    )  # fmt: skip
    series = parse_series(text, "t")
    plain = json.loads(json.dumps(series.model_dump(mode="json", by_alias=True, exclude_unset=True)))
    assert SeriesFile.model_validate(plain) == series


def test_the_schema_takes_what_we_take_and_refuses_what_we_refuse():
    check = jsonschema.Draft202012Validator(series_schema())
    check.validate({"graph": SAMPLE, "traits": {"T": {"choose": {"a": 1}, "set": "make.seeds"}}})
    check.validate(yaml.safe_load(starter("tides.yaml", "tides", "Tides")))
    for wrong in ({"graph": SAMPLE, "edition": 0}, {"graph": SAMPLE, "editon": 1}, {}):
        assert not check.is_valid(wrong)


def test_the_starter_is_a_series_with_one_commented_line_for_every_kind_of_trait():
    text = starter("tides.yaml", "tides", "Tides")
    assert parse_series(text, Path("tides.yaml")).title == "Tides"
    for kind in ("seeds", "range", "choose", "sweep", "column", "pictures"):
        assert f"{kind}:" in text
