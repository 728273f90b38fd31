"""What ComfyUI shows of our nodes, made from their declarations: the English locale and the head of every help page.

``nodes/comfyui/locales/zh/nodeDefs.json`` is written by hand, and so are the tips and examples of a help page, below
its mark. Everything else here is made; scripts/make_docs.py writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ganplugin.nodes import NODES, Node
from ganplugin.nodes.ports import Port, inputs_of, outputs_of, summary

__all__ = ["CHINESE", "ENGLISH", "Language", "help_path", "pages", "parts", "translated"]

PACK = Path(__file__).resolve().parent.parent / "nodes" / "comfyui"
CHINESE_NODES = PACK / "locales" / "zh" / "nodeDefs.json"
MADE = "<!-- Made by scripts/make_docs.py, down to the next comment: change the declarations, then run `make docs`. -->"
BY_HAND = "<!-- By hand from here. -->"
SYNTAX = frozenset("@${}|%\\")
"""What vue-i18n takes for a placeholder, a link or a plural. Frontends differ in where they unescape it."""


@dataclass(frozen=True)
class Language:
    """The words of a help page that no declaration holds. ``kinds`` names the types of ports."""

    inputs: str
    outputs: str
    required: str
    default: str
    comma: str
    kinds: Mapping[str, str]


ENGLISH = Language(
    inputs="Inputs",
    outputs="Outputs",
    required="required",
    default="default",
    comma=", ",
    kinds={
        "MODEL": "GAN model",
        "LATENT": "GAN latents",
        "IMAGE": "image",
        "MASK": "mask",
        "BOOL": "yes or no",
        "INT": "whole number",
        "FLOAT": "number",
        "TEXT": "text",
        "TEXTS": "texts",
        "FLOATS": "numbers",
    },
)
CHINESE = Language(
    inputs="输入",
    outputs="输出",
    required="必填",
    default="默认",
    comma="，",
    kinds={
        "MODEL": "GAN 模型",
        "LATENT": "GAN 潜变量",
        "IMAGE": "图像",
        "MASK": "遮罩",
        "BOOL": "布尔值",
        "INT": "整数",
        "FLOAT": "数值",
        "TEXT": "文本",
        "TEXTS": "多个文本",
        "FLOATS": "多个数值",
    },
)

Entry = dict[str, str]
NodeWords = dict[str, "str | dict[str, Entry]"]


def declared(node: type[Node]) -> NodeWords:
    """Return a node's words as its class declares them, in the form of ComfyUI's nodeDefs.json.

    A text that holds characters of vue-i18n's syntax is left out: ComfyUI then shows the node's own, as it is.
    """
    return {
        **_messages(display_name=node.title, description=summary(node)),
        "inputs": {port.name: _messages(name=port.name, tooltip=port.help) for port in inputs_of(node)},
        "outputs": {
            str(number): _messages(name=port.name, tooltip=port.help) for number, port in enumerate(outputs_of(node))
        },
    }


def _messages(**texts: str) -> Entry:
    return {name: text for name, text in texts.items() if not SYNTAX & set(text)}


def translated() -> dict[str, NodeWords]:
    """Return the Chinese words of all nodes, as they were written by hand."""
    words: dict[str, NodeWords] = json.loads(CHINESE_NODES.read_text(encoding="utf-8"))
    return words


def _categories() -> dict[str, dict[str, str]]:
    names = [name for node in NODES for name in node.category.split("/")]
    return {"nodeCategories": {name: name for name in names}}


def help_path(node: type[Node], language: Language) -> Path:
    """Return the help page of a node: ComfyUI looks for ``<id>/<locale>.md``, then for ``<id>.md``."""
    docs = PACK / "web" / "docs"
    return docs / f"{node.id}.md" if language is ENGLISH else docs / node.id / "zh.md"


def parts(path: Path) -> tuple[str, str]:
    """Return the made head of a help page, and what stands below its mark."""
    head, _, tail = path.read_text(encoding="utf-8").partition(BY_HAND) if path.exists() else ("", "", "")
    return head, tail.strip()


def _help_page(node: type[Node], language: Language, words: NodeWords) -> str:
    inputs = [_item(port, _entry(words, "inputs", port.name), _terms(port, language)) for port in inputs_of(node)]
    outputs = [
        _item(port, _entry(words, "outputs", str(number)), _kind(port, language))
        for number, port in enumerate(outputs_of(node))
    ]
    sections = [
        MADE,
        str(words.get("description", summary(node))),
        f"## {language.inputs}",
        "\n".join(inputs),
        f"## {language.outputs}",
        "\n".join(outputs),
        BY_HAND,
        parts(help_path(node, language))[1],
    ]
    return "\n\n".join(sections).rstrip() + "\n"


def _entry(words: NodeWords, kind: str, key: str) -> Entry:
    ports = words.get(kind, {})
    return ports.get(key, {}) if isinstance(ports, dict) else {}


def _item(port: Port, words: Entry, terms: str) -> str:
    """Return a port as an item of a list: the panel of ComfyUI is too narrow for a table."""
    label = words.get("name", port.name)
    name = f"`{port.name}`" if label == port.name else f"**{label}** `{port.name}`"
    return f"- {name}<br>{words.get('tooltip', port.help)}<br>{terms}"


def _terms(port: Port, language: Language) -> str:
    kind = _kind(port, language)
    if port.required:
        return kind + language.comma + language.required
    return kind if port.default in (None, "") else f"{kind}{language.comma}{language.default} `{_value(port.default)}`"


def _kind(port: Port, language: Language) -> str:
    if port.type == "CHOICE":
        return " ".join(f"`{choice}`" for choice in port.choices)
    span = "" if port.least is None or port.most is None else f" {_value(port.least)} … {_value(port.most)}"
    return language.kinds[port.type] + span


def _value(value: object) -> str:
    if isinstance(value, bool):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _as_json(words: object) -> str:
    return json.dumps(words, ensure_ascii=False, indent=2) + "\n"


def pages() -> dict[Path, str]:
    """Return what is made for ComfyUI: path to text."""
    english, chinese = {node.id: declared(node) for node in NODES}, translated()
    made = {
        PACK / "locales" / "en" / "nodeDefs.json": _as_json(english),
        PACK / "locales" / "en" / "main.json": _as_json(_categories()),
    }
    for node in NODES:
        made[help_path(node, ENGLISH)] = _help_page(node, ENGLISH, english[node.id])
        made[help_path(node, CHINESE)] = _help_page(node, CHINESE, chinese.get(node.id, {}))
    return made
