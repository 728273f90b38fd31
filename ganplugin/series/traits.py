"""What varies from piece to piece, as a series file says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

__all__ = [
    "KINDS",
    "Choose",
    "Column",
    "Index",
    "Option",
    "Pictures",
    "Range",
    "Scalar",
    "Seeds",
    "Strict",
    "Sweep",
    "Text",
    "Trait",
    "listed",
    "or_single",
]


def _scalar(value: object) -> object:
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError("is no text, number or true/false")
    return value


Scalar = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr, BeforeValidator(_scalar)]
"""A single value."""


class Strict(BaseModel):
    """A part of a series file: unknown words are errors, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def listed(value: object) -> object:
    """Return a single value as a list of one."""
    return value if isinstance(value, list) else [value]


def or_single(schema: dict[str, Any]) -> None:
    """Let a JSON schema of a list take one of its items too."""
    schema["anyOf"] = [{name: schema.pop(name) for name in ("type", "items", "minItems") if name in schema}]
    schema["anyOf"].append(schema["anyOf"][0]["items"])


class _Trait(Strict):
    set: Annotated[tuple[StrictStr, ...], BeforeValidator(listed)] = Field(
        default=(), description="the inputs that take the value, each NODE.FIELD", json_schema_extra=or_single
    )
    shown: StrictBool = Field(default=True, description="show it in the gallery and in the metadata")


class Seeds(_Trait):
    """Seeds of latents, none twice in the series."""

    seeds: StrictStr = Field(description="any, or the seeds to draw from, such as 0-9999")
    count: StrictInt = Field(default=1, ge=1, le=4096, description="seeds for one piece, such as the keys of a walk")
    in_order: StrictBool = Field(default=False, description="take them as they are listed, not shuffled")
    shown: StrictBool = False

    @model_validator(mode="after")
    def _in_order_needs_a_list(self) -> Seeds:
        if self.in_order and self.seeds == "any":
            raise ValueError("in_order needs a list of seeds, such as 0-9999")
        return self


class Range(_Trait):
    """A number drawn evenly between two bounds, both included; whole where both bounds are."""

    range: tuple[StrictInt | StrictFloat, StrictInt | StrictFloat] = Field(description="lowest and highest")
    decimals: StrictInt | None = Field(default=None, ge=0, le=9, description="rounded to so many; by default 3")
    scale: Literal["linear", "log"] = Field(default="linear", description="log: as many below as above the middle one")

    @model_validator(mode="after")
    def _rises(self) -> Range:
        low, high = self.range
        if low > high:
            raise ValueError("the lowest number comes first")
        if self.scale == "log" and low <= 0:
            raise ValueError("log needs numbers above 0")
        return self

    def at(self, draw: float) -> int | float:
        """Return the number that a draw in 0..1 means."""
        low, high = self.range
        if isinstance(low, int) and isinstance(high, int) and self.decimals is None:
            return self._whole(low, high, draw)
        return round(self._between(low, high, draw), 3 if self.decimals is None else self.decimals)

    def _whole(self, low: int, high: int, draw: float) -> int:
        if self.scale == "log":
            return min(high, math.floor(self._between(low, high + 1, draw)))
        return low + math.floor(draw * (high - low + 1))

    def _between(self, low: float, high: float, draw: float) -> float:
        if self.scale == "log":
            return math.exp(math.log(low) + draw * (math.log(high) - math.log(low)))
        return low + draw * (high - low)


class Option(Strict):
    """One value of a choice: how likely it is beside the others, and what people are told."""

    value: Scalar
    weight: StrictInt | StrictFloat = Field(default=1, ge=0, le=1e9)
    name: StrictStr | None = Field(default=None, description="what the gallery says instead of the value")


def _any_options(schema: dict[str, Any]) -> None:
    """Let a JSON schema of a list of options take plain values, and a table of weights, too."""
    whole, weights = schema.pop("items"), {"type": "number", "minimum": 0}
    plain = {"type": ["string", "number", "boolean"]}
    lists = {"type": schema.pop("type"), "items": {"anyOf": [whole, plain]}, "minItems": schema.pop("minItems")}
    schema["anyOf"] = [lists, {"type": "object", "additionalProperties": weights, "minProperties": 1}]


def _options(value: object) -> object:
    if isinstance(value, Mapping):
        return [{"value": key, "weight": weight} for key, weight in value.items()]
    if isinstance(value, list):
        return [item if isinstance(item, Mapping) else {"value": item} for item in value]
    return value


class Choose(_Trait):
    """One of several values, by weight: rare ones and common ones."""

    choose: Annotated[tuple[Option, ...], Field(min_length=1, max_length=10_000), BeforeValidator(_options)] = Field(
        description="a list of values, a table of value: weight, or a list of {value, weight, name}",
        json_schema_extra=_any_options,
    )

    @model_validator(mode="after")
    def _some_weight(self) -> Choose:
        if not any(option.weight for option in self.choose):
            raise ValueError("all weights are zero")
        return self


class Sweep(_Trait):
    """Every value in turn; several sweeps give every combination, the last one changing fastest."""

    sweep: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=100_000)] = Field(description="the values")


class Column(_Trait):
    """A column of the CSV file that ``rows`` names; piece after piece takes row after row."""

    column: StrictStr = Field(min_length=1, description="the column's heading")


class Pictures(_Trait):
    """A picture of a folder; piece after piece takes picture after picture, from the start again after the last."""

    pictures: StrictStr = Field(min_length=1, description="a folder or a pattern such as photos/*.jpg")
    order: Literal["listed", "shuffled", "random"] = Field(
        default="listed", description="by name, each once in a drawn order, or each piece any of them"
    )


class Index(_Trait):
    """The number of the piece, counted from ``index``."""

    index: StrictInt = Field(description="the first piece's number", ge=-(2**53), le=2**53)
    step: StrictInt = Field(default=1, ge=-(2**31), le=2**31)
    shown: StrictBool = False


class Text(_Trait):
    """A text with the values of traits above it in it, such as ``{Palette} at dawn``."""

    text: StrictStr = Field(description="may hold {index}, {number} and the names of traits above")


KINDS: Final[Mapping[str, type[_Trait]]] = {
    "seeds": Seeds,
    "range": Range,
    "choose": Choose,
    "sweep": Sweep,
    "column": Column,
    "pictures": Pictures,
    "index": Index,
    "text": Text,
}
"""Every kind of trait by the word that makes it one."""


def _kind(value: object) -> str | None:
    given = value if isinstance(value, Mapping) else {name: 0 for name in KINDS if hasattr(value, name)}
    found = [name for name in KINDS if name in given]
    return found[0] if len(found) == 1 else None


Trait = Annotated[
    Annotated[Seeds, Tag("seeds")]
    | Annotated[Range, Tag("range")]
    | Annotated[Choose, Tag("choose")]
    | Annotated[Sweep, Tag("sweep")]
    | Annotated[Column, Tag("column")]
    | Annotated[Pictures, Tag("pictures")]
    | Annotated[Index, Tag("index")]
    | Annotated[Text, Tag("text")],
    Discriminator(
        _kind,
        custom_error_type="trait_kind",
        custom_error_message="is no trait: give it exactly one of " + ", ".join(KINDS),
    ),
]
"""Any kind of trait, told apart by its word."""
