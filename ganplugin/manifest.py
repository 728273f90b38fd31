"""What a model file says of itself: the JSON under the ONNX metadata key ``ganplugin``."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ganplugin.errors import ModelError

__all__ = [
    "METADATA_KEY",
    "Channels",
    "HyperParameter",
    "Kind",
    "Manifest",
    "Precision",
    "Source",
    "Verification",
    "parse_manifest",
]

METADATA_KEY: Final = "ganplugin"

_LARGEST_SCALE: Final = 16

Kind = Literal["generator", "style", "scorer"]
Channels = Literal["L", "RGB", "RGBA"]
Origin = Literal["tensor", "metadata", "default", "option"]
Precision = Literal["fp32", "fp16"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Source(_Record):
    """The checkpoint that a model came from."""

    file: str = Field(description="file name without its folder")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="digest of that file")


class HyperParameter(_Record):
    """One fact about the network and where it was found."""

    name: str
    value: str | int | float | bool
    origin: Origin = Field(description="where the value was read")


class Verification(_Record):
    """The proof that the file computes what the checkpoint's network computes."""

    max_error: float = Field(ge=0, description="largest absolute difference of any output, on the 0..1 scale")
    tolerance: float = Field(gt=0, description="the largest difference that would have passed")
    levels: int | None = Field(default=None, ge=0, description="largest difference of pictures in 8 bits")
    psnr: float | None = Field(default=None, description="smallest PSNR of a picture in dB; 200 is equality")
    cases: int = Field(gt=0, description="comparisons made: batch sizes, seeds, optional inputs, picture sizes")
    runtime: str = Field(description="the onnxruntime version that computed the comparison")
    reference: str = Field(description="the torch version that computed the reference")


class Manifest(_Record):
    """All that a host needs to know to use a model file.

    Pictures are 0..1. Sizes are in pixels; ``None`` means any size (style networks) or absent.
    """

    schema_version: Literal[1] = 1
    kind: Kind
    family: str = Field(min_length=1, description="the network family, such as dcgan or ganplugin-quick")
    name: str = Field(min_length=1, max_length=100)
    channels: Channels = "RGB"
    width: int | None = Field(default=None, ge=1)
    height: int | None = Field(default=None, ge=1)
    z_dim: int | None = Field(default=None, ge=1)
    w_dim: int | None = Field(default=None, ge=1)
    num_ws: int | None = Field(default=None, ge=1)
    classes: tuple[str, ...] = Field(default=(), strict=False, description="class names; empty if unconditional")
    styles: tuple[str, ...] = Field(default=(), strict=False, description="the order of `style_weights`")
    size_multiple: int = Field(default=1, ge=1, description="style networks return sizes rounded up to this")
    minimum_size: int = Field(default=1, ge=1, description="the smallest side a style network takes")
    scale: int = Field(
        default=1, ge=1, le=_LARGEST_SCALE, description="style networks return pictures so many times larger"
    )
    single: bool = Field(default=False, description="whether a run takes one picture, not any number of them")
    precision: Precision = Field(default="fp32", description="fp16: feature maps and their weights in half precision")
    licence: str = Field(default="", description="what is known of the rights in the weights")
    source: Source | None = None
    inferred: tuple[HyperParameter, ...] = Field(default=(), strict=False)
    exporter: str = Field(default="", description="ganplugin and torch versions that wrote the file")
    training: dict[str, str | int | float] = Field(default_factory=dict, description="provenance, where known")
    verification: Verification | None = None

    def to_json(self) -> str:
        """Return the manifest as the JSON text that `parse_manifest` reads."""
        return self.model_dump_json(exclude_defaults=False)


def parse_manifest(text: str, *, where: object) -> Manifest:
    """Read a manifest.

    Raises `ModelError` naming the first wrong field if the text is not a manifest of a version that we know.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise ModelError(
            f"its manifest is not valid at {field}: {first['msg']}",
            where=where,
            fix="export the checkpoint again with this version: ganplugin export CHECKPOINT",
        ) from error
