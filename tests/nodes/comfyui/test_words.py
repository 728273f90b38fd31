"""What ComfyUI shows of the nodes: complete in both languages, and true to the declarations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from ganplugin.library import resolve_model
from ganplugin.nodes import NODES, Node
from ganplugin.nodes.ports import Port, inputs_of, outputs_of, port_named, summary
from tests.source import load_script

words = load_script("comfyui_words")
CHINESE = words.translated()
EACH = pytest.mark.parametrize("node", NODES, ids=lambda node: node.id)
LANGUAGES = pytest.mark.parametrize("language", [words.ENGLISH, words.CHINESE], ids=["en", "zh"])

TITLES = {
    "en": {node.title: node for node in NODES},
    "zh": {CHINESE[node.id]["display_name"]: node for node in NODES if node.id in CHINESE},
}
COMFYUIS_OWN = {"Load Image", "Save Image", "Preview Image", "加载图像", "保存图像", "预览图像"}
HEADINGS = {"en": ["Tips", "Example"], "zh": ["提示", "示例"]}

HAN = re.compile("[一-鿿]")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
CODE = re.compile(r"[\w*.\-]*[.:=#\[][\w\-=,\]]*[A-Za-z0-9\]]")
PIECE = re.compile(r"\*\*(?P<title>.+?)\*\*|`(?P<field>\w+)=(?P<value>[^`]+)`")


def code_of(language: object) -> str:
    return "en" if language is words.ENGLISH else "zh"


def ports_of(node: type[Node]) -> Iterator[tuple[Port, dict[str, str]]]:
    """Give the ports of a node with their Chinese words."""
    translated = CHINESE[node.id]
    yield from ((port, translated["inputs"][port.name]) for port in inputs_of(node))
    yield from ((port, translated["outputs"][str(number)]) for number, port in enumerate(outputs_of(node)))


def tail(node: type[Node], language: object) -> str:
    return words.parts(words.help_path(node, language))[1]


def settings(text: str, node: type[Node], titles: dict[str, type[Node]]) -> Iterator[tuple[type[Node], str, str]]:
    """Give every `field=value` of a text with the node that it belongs to: the last one named, or the page's own."""
    for paragraph in re.split(r"\n\n|\n- ", text):
        owner: type[Node] | None = node
        for piece in PIECE.finditer(paragraph):
            title = piece["title"]
            if title is None:
                assert owner is not None, f"{piece[0]} is set on a node of ComfyUI"
                yield owner, piece["field"], piece["value"]
            else:
                assert title in titles or title in COMFYUIS_OWN, f"there is no node called {title}"
                owner = titles.get(title)


def check_setting(node: type[Node], field: str, value: str) -> None:
    """Raise unless the node has that input and the value is one of it."""
    port = port_named(inputs_of(node), field)
    assert port is not None, f"{node.id} has no {field}"
    assert not port.is_socket, f"{node.id}.{field} takes a link"
    if port.type in ("INT", "FLOAT"):
        number = int(value) if port.type == "INT" else float(value)
        assert port.least is None or number >= port.least
        assert port.most is None or number <= port.most
    assert port.type != "CHOICE" or value in port.choices
    assert port.type != "BOOL" or value in ("true", "false")
    if port.widget == "model":
        resolve_model(value)


def test_the_translation_has_every_node_and_no_other():
    assert list(CHINESE) == [node.id for node in NODES]


@EACH
def test_every_word_of_a_node_is_translated(node: type[Node]):
    translated = CHINESE[node.id]
    assert list(translated) == ["display_name", "description", "inputs", "outputs"]
    assert list(translated["inputs"]) == [port.name for port in inputs_of(node)]
    assert list(translated["outputs"]) == [str(number) for number, _ in enumerate(outputs_of(node))]
    for port, entry in ports_of(node):
        assert list(entry) == ["name", "tooltip"], port.name
        assert all(HAN.search(text) for text in entry.values()), port.name
    assert all(HAN.search(translated[key]) for key in ("display_name", "description"))


@EACH
def test_a_translation_keeps_numbers_names_and_choices(node: type[Node]):
    pairs = [(summary(node), CHINESE[node.id]["description"])]
    pairs += [(port.help, entry["tooltip"]) for port, entry in ports_of(node)]
    for declared, translated in pairs:
        assert set(NUMBER.findall(declared)) == set(NUMBER.findall(translated)), declared
        missing = [word for word in CODE.findall(declared) if word not in translated]
        assert missing == [], f"{declared}: {translated}"


@EACH
def test_the_choices_that_an_input_names_stand_in_its_translation(node: type[Node]):
    for port, entry in ports_of(node):
        named = [choice for choice in port.choices if re.search(rf"\b{choice}\b", port.help)]
        assert [choice for choice in named if choice not in entry["tooltip"]] == [], port.name


def test_every_node_has_a_title_of_its_own_in_both_languages():
    assert [len(titles) for titles in TITLES.values()] == [len(NODES)] * 2
    assert not COMFYUIS_OWN & {title for titles in TITLES.values() for title in titles}


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_no_message_holds_what_the_window_would_take_for_syntax(locale: str):
    for path in sorted((words.PACK / "locales" / locale).glob("*.json")):
        for text in texts_of(json.loads(path.read_text(encoding="utf-8"))):
            assert text.strip(), path
            assert not words.SYNTAX & set(text), text


def texts_of(messages: object) -> Iterator[str]:
    if isinstance(messages, dict):
        for value in messages.values():
            yield from texts_of(value)
    else:
        assert isinstance(messages, str)
        yield messages


def test_english_leaves_to_the_node_what_would_be_syntax():
    english = json.loads((words.PACK / "locales" / "en" / "nodeDefs.json").read_text(encoding="utf-8"))
    silent = {
        f"{node.id}.{port.name}"
        for node in NODES
        for port in inputs_of(node)
        if "tooltip" not in english[node.id]["inputs"][port.name]
    }
    assert silent == {f"{n.id}.{port.name}" for n in NODES for port in inputs_of(n) if words.SYNTAX & set(port.help)}


def test_both_languages_name_the_same_categories():
    english, chinese = (json.loads((words.PACK / "locales" / code / "main.json").read_text()) for code in ("en", "zh"))
    assert {key: list(value) for key, value in english.items()} == {key: list(value) for key, value in chinese.items()}


@LANGUAGES
@EACH
def test_a_help_page_ends_with_tips_and_an_example(node: type[Node], language: object):
    text = tail(node, language)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS[code_of(language)]
    assert all(len(section.strip()) > 20 for section in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])


@LANGUAGES
@EACH
def test_the_nodes_and_values_of_an_example_exist(node: type[Node], language: object):
    for owner, field, value in settings(tail(node, language), node, TITLES[code_of(language)]):
        check_setting(owner, field, value)


@EACH
def test_both_languages_give_the_same_tips(node: type[Node]):
    english, chinese = tail(node, words.ENGLISH), tail(node, words.CHINESE)
    assert english.count("\n- ") == chinese.count("\n- ")
    ours = [sorted(re.findall(r"`(\w+=[^`]+)`", text)) for text in (english, chinese)]
    assert ours[0] == ours[1]


def test_there_is_no_help_page_of_a_node_that_is_gone():
    docs = words.PACK / "web" / "docs"
    assert {path for path in docs.rglob("*") if path.is_file()} == {p for p in words.pages() if docs in p.parents}


def test_the_checks_notice_a_wrong_example():
    sample = TITLES["en"]["Sample"]
    found = list(settings("- a `seeds=3`\n- **Sample** `truncation=9`", TITLES["en"]["Interpolate"], TITLES["en"]))
    assert [(node.id, field) for node, field, _ in found] == [
        ("GanPluginInterpolate", "seeds"),
        ("GanPluginSample", "truncation"),
    ]
    for field, value in (("truncation", "9"), ("noise", "loud"), ("sedes", "3"), ("model", "builtin:brushwork")):
        with pytest.raises(AssertionError):
            check_setting(sample, field, value)
    with pytest.raises(AssertionError, match="no node called"):
        list(settings("**Sampel**", sample, TITLES["en"]))
