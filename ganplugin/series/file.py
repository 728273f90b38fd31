"""The series file: read, checked, every mistake named with its line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, StrictStr, ValidationError, field_validator

from ganplugin.errors import InputError
from ganplugin.files import os_errors
from ganplugin.limits import MAX_SEED
from ganplugin.registry import did_you_mean
from ganplugin.series.traits import Scalar, Strict, Trait, listed, or_single
from ganplugin.series.yaml_text import Place, YamlText, parse_yaml

__all__ = ["FORMATS", "Keep", "Metadata", "Output", "SeriesFile", "Sheets", "read_series"]

_MOST_BYTES: Final = 16 * 2**20
_MOST_PIECES: Final = 10_000_000

PictureFormat = Literal["png", "webp", "jpg"]
FilmFormat = Literal["mp4", "webm", "mov", "mkv", "gif", "webp", "png"]
FORMATS: Final = {"pictures": ("png", "webp", "jpg"), "film": ("mp4", "webm", "mov", "mkv", "gif", "webp", "png")}


class Output(Strict):
    """What is written of each piece: from where in the graph, in which sizes and formats, under which name."""

    write: Literal["pictures", "film"] = Field(default="pictures", description="pictures, or all of them as one film")
    source: StrictStr = Field(
        default="",
        alias="from",
        description="NODE or NODE.OUTPUT; by default what the graph saves, or the pictures that nothing takes",
    )
    name: StrictStr = Field(
        default="{index:05}",
        min_length=1,
        description="may hold {index}, {number} (from 1) and the names of traits in braces; / makes folders",
    )
    formats: Annotated[tuple[StrictStr, ...], Field(min_length=1), BeforeValidator(listed)] = Field(
        default=(),
        validate_default=False,
        description="png, webp, jpg; of films mp4, webm, mov, mkv, gif, webp, png",
        json_schema_extra=or_single,
    )
    sizes: Annotated[tuple[Annotated[StrictInt, Field(ge=0, le=16384)], ...], BeforeValidator(listed)] = Field(
        default=(0,), min_length=1, description="longer sides in pixels; 0 is as rendered", json_schema_extra=or_single
    )
    enlarge: Literal["smooth", "pixels"] = Field(default="smooth", description="how small pictures grow")
    fps: float = Field(default=30.0, ge=1, le=240, description="frames a second of films")
    quality: StrictInt = Field(default=95, ge=1, le=100, description="of jpg")

    @field_validator("formats")
    @classmethod
    def _known(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        known = [name for names in FORMATS.values() for name in names]
        for name in formats:
            if name not in known:
                raise ValueError(f"{name!r} is not a format - {did_you_mean(name, known)}")
        return formats


class Keep(Strict):
    """Which pieces are kept: the best of many, no two alike."""

    of: StrictInt = Field(ge=1, le=_MOST_PIECES, description="so many are rendered and judged")
    by: StrictStr = Field(default="", description="a scorer, such as builtin:brushwork-scorer; without one, any")
    source: StrictStr = Field(
        default="", alias="from", description="NODE or NODE.OUTPUT to judge; by default what the first output shows"
    )
    apart: float = Field(
        default=0.0, ge=0, le=1, description="least distance between two that are kept, 0 (equal) to 1 (black, white)"
    )


class Sheets(Strict):
    """Contact sheets for print."""

    formats: Annotated[tuple[Literal["png", "pdf"], ...], BeforeValidator(listed)] = Field(
        default=("png", "pdf"), min_length=1, json_schema_extra=or_single
    )
    paper: Literal["a4", "a3", "letter"] = "a4"
    columns: StrictInt = Field(default=0, ge=0, le=40, description="0 chooses")


class Metadata(Strict):
    """A JSON file for each piece in the schema of collections."""

    image_base: StrictStr = Field(default="", description="what comes before file names, such as ipfs://CID/")


def _switched(value: object) -> object:
    return {} if value is True else None if value is False else value


def _or_switch(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [*schema["anyOf"], {"type": "boolean"}]


class SeriesFile(Strict):
    """A whole series."""

    title: StrictStr = Field(default="Untitled", min_length=1, max_length=200)
    description: StrictStr = ""
    author: StrictStr = ""
    license: StrictStr = ""
    link: StrictStr = Field(default="", description="a page about it")
    edition: StrictInt | None = Field(
        default=None,
        ge=1,
        le=_MOST_PIECES,
        description="number of pieces; by default every combination, row or picture once, or 100",
    )
    seed: StrictInt = Field(default=0, ge=0, le=MAX_SEED, description="decides everything that is left to chance")
    graph: StrictStr | dict[str, Any] = Field(
        description="a JSON file, a picture that carries one, or the nodes, as ComfyUI's API format has them"
    )
    traits: dict[str, Trait] = Field(default_factory=dict, description="what varies from piece to piece, by name")
    rows: StrictStr = Field(default="", description="a CSV file for traits with a column")
    pieces: dict[int, dict[str, Scalar]] = Field(
        default_factory=dict, description="values of single pieces, by index from 0: of traits, or of NODE.FIELD"
    )
    outputs: Annotated[tuple[Output, ...], Field(min_length=1)] = (Output(),)
    keep: Keep | None = None
    gallery: StrictBool = Field(default=True, description="index.html with all pieces")
    sheets: Annotated[Sheets | None, BeforeValidator(_switched)] = Field(
        default=Sheets(), json_schema_extra=_or_switch, description="contact sheets for print, or false"
    )
    metadata: Annotated[Metadata | None, BeforeValidator(_switched)] = Field(
        default=Metadata(), json_schema_extra=_or_switch, description="a JSON file for each piece, or false"
    )

    @property
    def is_curated(self) -> bool:
        """Whether only some of the pieces are kept."""
        return self.keep is not None


def read_series(path: Path) -> SeriesFile:
    """Read a series file. Raises `FileError` if it cannot be read, `InputError` for all that is wrong in it."""
    with os_errors(path), path.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise InputError("is too large for a series", where=path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "is no text file",
            where=path,
            fix="name a series file, a YAML in UTF-8; start one with: ganplugin series new",
        ) from error
    return parse_series(text, path)


def parse_series(text: str, where: object) -> SeriesFile:
    """Check the text of a series file. Raises `InputError` naming ``where``, the field and its line."""
    found = parse_yaml(text, where)
    if not isinstance(found.value, dict):
        raise InputError("holds no series", where=where, fix="start one with: ganplugin series new FILE.yaml")
    try:
        return SeriesFile.model_validate(found.value)
    except ValidationError as error:
        raise _first_problem(error, found, where) from error


def _first_problem(error: ValidationError, found: YamlText, where: object) -> InputError:
    # A list whose only item is wrong is "too short" as well.
    problems = [one for one in error.errors() if one["type"] != "too_short"] or error.errors()
    first = problems[0]
    place = _written_place(first["loc"], found.value)
    line = found.line(place)
    name = ".".join(str(part) for part in place)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    shown = ", ".join(part for part in (str(where), name, f"line {line}" if line else "") if part)
    fix = _unknown_fix(place) if first["type"] == "extra_forbidden" else None
    what = "there is no such word" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    return InputError(what[:1].lower() + what[1:] + more, where=shown, fix=fix)


def _written_place(location: Place, value: Any) -> Place:  # noqa: ANN401 - any plain data
    """Return the part of pydantic's location that is written in the file: it adds the kinds of traits in between."""
    if not location:
        return ()
    part, rest = location[0], location[1:]
    key = part if not isinstance(value, dict) or part in value else str(part)
    taken: Place = ()
    if key in (value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()):
        taken = (key, *_written_place(rest, value[key]))
    return max(_written_place(rest, value), taken, key=len)


def _unknown_fix(place: Place) -> str:
    return did_you_mean(str(place[-1]), _words_beside(place)) if place else ""


def _words_beside(place: Place) -> list[str]:
    """Return the words that may stand where an unknown one does."""
    from ganplugin.series.traits import KINDS

    inner: dict[str, Iterable[str]] = {
        "outputs": ("from", *(name for name in Output.model_fields if name != "source")),
        "keep": ("from", *(name for name in Keep.model_fields if name != "source")),
        "sheets": Sheets.model_fields,
        "metadata": Metadata.model_fields,
        "traits": {name for kind in KINDS.values() for name in kind.model_fields},
    }
    outer: Iterable[str] = SeriesFile.model_fields
    return list(inner.get(str(place[0]), outer) if len(place) > 1 else outer)
