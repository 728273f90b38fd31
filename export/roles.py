"""What the inputs and outputs of a foreign network are: told by their shapes and names, or by the user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ganplugin.errors import CheckpointError
from ganplugin.export.foreign import Foreign, ForeignPort
from ganplugin.manifest import Kind

__all__ = ["Layout", "Picture", "Roles", "Shape", "layouts_of", "roles_of", "unclear"]

Layout = Literal["nchw", "nhwc"]
Shape = tuple["int | None", ...]

_CHANNELS: Final = (1, 3, 4)
_STRENGTHS: Final = ("strength", "alpha")
_FULL_TRUNCATION: Final = ("truncation", "psi")
_LABELS: Final = ("label", "class", "cond")
_FLOATS: Final = frozenset({"float16", "float32", "float64"})


@dataclass(frozen=True)
class Picture:
    """A port that carries pictures. Sizes are None where they are free."""

    port: ForeignPort
    layout: Layout

    @property
    def places(self) -> tuple[int, int, int]:
        """The axes of channels, height and width."""
        return (1, 2, 3) if self.layout == "nchw" else (3, 1, 2)

    @property
    def channels(self) -> int | None:
        """How many channels, if that is fixed."""
        return self.port.shape[self.places[0]]

    @property
    def height(self) -> int | None:
        """The fixed height in pixels."""
        return self.port.shape[self.places[1]]

    @property
    def width(self) -> int | None:
        """The fixed width in pixels."""
        return self.port.shape[self.places[2]]


@dataclass(frozen=True)
class Roles:
    """Which input is which. ``output`` is the first output that fits; others are left out of the model file."""

    kind: Kind
    output: ForeignPort
    picture: Picture | None = None
    z: ForeignPort | None = None
    label: ForeignPort | None = None
    style: Picture | None = None
    style_weights: str | None = None
    strength: str | None = None
    constant_ones: tuple[ForeignPort, ...] = ()

    @property
    def batched(self) -> tuple[ForeignPort, ...]:
        """The inputs that have one row a picture, the main one first."""
        main = self.picture.port if self.picture is not None else self.z
        return tuple(port for port in (main, self.label) if port is not None)


def unclear(path: Path, what: str, fix: str) -> CheckpointError:
    """Return the error for what neither shapes nor names tell."""
    return CheckpointError(f"is an ONNX file whose {what} cannot be told", where=path, fix=fix)


def roles_of(foreign: Foreign, kind: Kind | None, layout: Layout | None) -> Roles:
    """Return what each port is; ``kind`` and ``layout`` are what the user states.

    Raises `CheckpointError` that names the option which would decide, or the input that has no place.
    """
    pictures = [port for port in foreign.inputs if layouts_of(port.shape)]
    found = kind or _kind(foreign, pictures)
    if found is None:
        raise unclear(foreign.path, "kind", "add --kind generator, --kind style or --kind scorer")
    makers = {"generator": _generator, "style": _style, "scorer": _scorer}
    return makers[found](foreign, pictures, layout)


def layouts_of(shape: Shape) -> tuple[Layout, ...]:
    """Return the layouts in which a shape can be that of pictures; both if its channels are free."""
    if len(shape) != 4 or shape[1:3] == (1, 1) or shape[2:] == (1, 1):
        return ()
    named: tuple[tuple[Layout, int], ...] = (("nchw", 1), ("nhwc", 3))
    certain = tuple(layout for layout, place in named if shape[place] in _CHANNELS)
    return certain or tuple(layout for layout, place in named if shape[place] is None)


def _kind(foreign: Foreign, pictures: list[ForeignPort]) -> Kind | None:
    first = foreign.outputs[0].shape
    shows = bool(layouts_of(first))
    if not pictures:
        return "generator" if shows and any(_is_latent(port) for port in foreign.inputs) else None
    if _is_score(first):
        return "scorer"
    # One channel out of a coloured picture may be a picture of scores, or of depths.
    three = [port for port in pictures if 1 not in (port.shape[1], port.shape[3])]
    return "style" if shows and (3 in first[1:] or not three) else None


def _is_score(shape: Shape) -> bool:
    return len(shape) in (1, 2, 4) and all(axis == 1 for axis in shape[1:])


def _is_latent(port: ForeignPort) -> bool:
    shape = port.shape
    flat = len(shape) == 2 or (len(shape) == 4 and (shape[2:] == (1, 1) or shape[1:3] == (1, 1)))
    return flat and port.dtype in _FLOATS


def _picture(foreign: Foreign, port: ForeignPort, layout: Layout | None) -> Picture:
    fitting = layouts_of(port.shape)
    if layout in fitting:
        fitting = (layout,)
    if len(fitting) != 1:
        raise unclear(foreign.path, "layout of pictures", "add --layout nchw or --layout nhwc")
    return Picture(port, fitting[0])


def _shown(foreign: Foreign) -> ForeignPort:
    for port in foreign.outputs:
        if layouts_of(port.shape) or not port.shape:
            return port
    raise CheckpointError("returns no pictures", where=foreign.path, fix="is it another --kind?")


def _generator(foreign: Foreign, pictures: list[ForeignPort], layout: Layout | None) -> Roles:
    latents = [port for port in foreign.inputs if _is_latent(port)]
    labels = [port for port in latents[1:] if any(word in port.name.lower() for word in _LABELS)]
    if not latents:
        raise CheckpointError("takes no latent vector, as a generator does", where=foreign.path)
    z, label = latents[0], labels[0] if labels else None
    ones = [p for p in foreign.inputs if _is_scalar(p) and any(word in p.name.lower() for word in _FULL_TRUNCATION)]
    _refuse_others(foreign, {port.name for port in (z, label, *ones) if port is not None})
    return Roles("generator", _shown(foreign), z=z, label=label, constant_ones=tuple(ones))


def _style(foreign: Foreign, pictures: list[ForeignPort], layout: Layout | None) -> Roles:
    if not pictures:
        raise CheckpointError("takes no pictures, as a style network does", where=foreign.path)
    paintings = [port for port in pictures if "style" in port.name.lower()] if len(pictures) > 1 else []
    painting = next(iter(paintings or pictures[1:]), None)
    content = next(port for port in pictures if port is not painting)
    others = {p.name: p.shape for p in foreign.inputs} | {n: v.shape for n, v in foreign.defaults.items()}
    rest = {name: shape for name, shape in others.items() if name not in (content.name, painting and painting.name)}
    weights = [name for name, shape in rest.items() if _is_weights(shape)]
    strengths = [
        name for name, shape in rest.items() if shape in ((), (1,)) and any(word in name.lower() for word in _STRENGTHS)
    ]
    known = {content.name, *weights[:1], *strengths[:1], *([painting.name] if painting else [])}
    _refuse_others(foreign, known)
    return Roles(
        "style",
        _shown(foreign),
        picture=_picture(foreign, content, layout),
        style=_picture(foreign, painting, layout) if painting else None,
        style_weights=next(iter(weights), None),
        strength=next(iter(strengths), None),
    )


def _scorer(foreign: Foreign, pictures: list[ForeignPort], layout: Layout | None) -> Roles:
    if not pictures:
        raise CheckpointError("takes no pictures, as a scorer does", where=foreign.path)
    _refuse_others(foreign, {pictures[0].name})
    picture = _picture(foreign, pictures[0], layout)
    if picture.height is None or picture.width is None:
        raise CheckpointError("takes pictures of any size, but a scorer's is fixed", where=foreign.path)
    return Roles("scorer", foreign.outputs[0], picture=picture)


def _is_scalar(port: ForeignPort) -> bool:
    return port.shape in ((), (1,)) and port.dtype in _FLOATS


def _is_weights(shape: Shape) -> bool:
    return len(shape) == 1 and shape[0] is not None and shape[0] > 1


def _refuse_others(foreign: Foreign, known: set[str]) -> None:
    for port in foreign.inputs:
        if port.name not in known:
            shape = ", ".join("any" if axis is None else str(axis) for axis in port.shape)
            raise CheckpointError(
                f"needs the input {port.name[:80]!r} [{shape}], which has no place in a model file",
                where=foreign.path,
                fix="export it again with that input built in",
            )
