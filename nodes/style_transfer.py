"""Pictures in the manner of a painting."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeVar

from pydantic import Field

from ganplugin.errors import InputError
from ganplugin.nodes.base import Node, NodeOutputs
from ganplugin.nodes.context import Context, Reporter
from ganplugin.nodes.film_survey import ShotNetworks, origin_in_sequence
from ganplugin.nodes.values import Images, LoadedModel, Masks, Origin, RenderBoth, joined_origin
from ganplugin.registry import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.fixed_statistics import StyleCall
    from ganplugin.runtime import Model

Value = TypeVar("Value", "np.float32", "np.uint8")
Prepare = Callable[[int, "NDArray[np.float32]"], tuple["Model", "NDArray[np.float32]"]]
SMALLEST_TILE: Final = 64
"""The shortest side of a tile: smaller ones are nearly all margin."""

Statistics = Literal["picture", "shot"]
PreserveColor = Literal["off", "luminance", "statistics", "histogram"]


class StyleTransferOutputs(NodeOutputs):
    """One stylised picture for each picture that came in, with its alpha: of its size, or enlarged by an upscaler."""

    images: Images = Field(
        description="one painted picture for each, with its alpha: of its size, or enlarged by an upscaler"
    )


class StyleTransfer(Node):
    """Paint pictures in the style of the model, of several of its styles at once, or of a style picture."""

    id: ClassVar[str] = "GanPluginStyleTransfer"
    title: ClassVar[str] = "Style Transfer"
    version: ClassVar[str] = "1.1.0"
    computes: ClassVar[bool] = True
    each: ClassVar[str] = "images"
    alone: ClassVar[frozenset[str]] = frozenset({"mask"})
    Outputs: ClassVar[type[NodeOutputs]] = StyleTransferOutputs

    model: LoadedModel = Field(description="a style network")
    images: Images = Field(description="pictures of any size; alpha is kept")
    style_image: Images | None = Field(default=None, description="the painting, for networks that take one")
    strength: float = Field(default=1.0, ge=0.0, le=1.0, description="0 is the picture, 1 the full style")
    preserve_color: PreserveColor = Field(
        default="off", description="keep the picture's colours: its chroma, their statistics, or their histogram"
    )
    styles: str = Field(default="", description="weights of several styles, such as great-wave=2,spring=1")
    max_side: int = Field(default=0, ge=0, le=16384, description="shrink pictures to this many pixels first; 0: never")
    mask: Masks | None = Field(
        default=None, description="paint only where it is 1, softly between; one mask, or one a picture, of any size"
    )

    statistics: Statistics = Field(
        default="picture",
        description="what the network measures: picture by picture, or alike for each shot of a film, against flicker",
    )
    tile: int = Field(
        default=0,
        ge=0,
        le=16384,
        description="paint in tiles of this many pixels, the same picture in less memory; 0: large pictures alone",
    )

    def run(self, context: Context) -> StyleTransferOutputs:
        """Check the request; pictures are painted when they are looked at."""
        brush = self._brush()
        self._check_tile()
        if self.mask is not None and len(self.mask) not in (1, len(self.images)):
            raise InputError(
                f"{len(self.mask)} masks for {len(self.images)} pictures",
                where="mask",
                fix="give one, or one a picture",
            )

        prepare = self._prepare(brush, context)

        def render(start: int, stop: int) -> list[NDArray[np.float32]]:
            painted = []
            for index, picture in enumerate(self.images.render(start, stop), start):
                context.check()
                with TileProgress(context.reporter) as progress:
                    made = self._paint(*prepare(index, picture), brush, progress)
                painted.append(self._within_mask(index, picture, made))
            return painted

        def levels(start: int, stop: int) -> list[NDArray[np.uint8]]:
            painted = []
            for index, picture in enumerate(self.images.render(start, stop), start):
                context.check()
                with TileProgress(context.reporter) as progress:
                    painted.append(self._paint_levels(*prepare(index, picture), brush, progress))
            return painted

        def origin(index: int) -> Origin:
            content = self.images.origin(index)
            made = self._with_mask(content, index)
            name = self.title_of(content.name)
            return brush.with_style_inputs(made, name)

        made = RenderBoth(render, levels) if self._network_is_last() else render
        return StyleTransferOutputs(images=Images(len(self.images), made, origin, self.recipe(), 1))

    def _check_tile(self) -> None:
        if 0 < self.tile < SMALLEST_TILE:
            raise InputError(f"{self.tile} is too small", where="tile", fix=f"choose {SMALLEST_TILE} or more, or 0")
        if self.tile and self.statistics == "shot":
            raise InputError("tiles measure picture by picture", where="tile", fix="leave it at 0")

    def title_of(self, content: str) -> str:
        """Return the name of the painting of a picture of this name: the styles, or the model, behind it."""
        suffix = "-".join(self._brush().names) or self.model.name.rpartition("/")[2].removesuffix(".onnx")
        return f"{content}-{suffix}".replace("#", "-").replace(":", "-")

    def _prepare(self, brush: Brush, context: Context) -> Prepare:
        """Return what gives the network for a picture of a number, and the picture as that network is to see it."""
        if self.statistics == "picture":
            return lambda index, picture: (self.model.session, picture)
        shots = ShotNetworks(
            self.model.session,
            self.images,
            lambda picture: self._content(picture)[0],
            lambda: self._call(brush),
            context,
        )
        return lambda index, picture: (shots.network(index), shots.frame(index, picture))

    def _with_mask(self, content: Origin, index: int) -> Origin:
        """Return the origin of the picture painted from ``content``, with the mask that was laid over it."""
        if self.statistics == "shot":
            made = origin_in_sequence(self.images, index, self.recipe()).after(self.recipe(), self.model)
            masks = () if self.mask is None else self.mask.origins()
            return replace(made, inputs=joined_origin((made, *masks), made.recipe, made.name).inputs)
        if self.mask is None:
            return content.after(self.recipe(images=content.recipe), self.model)
        mask = self.mask.origin(index if len(self.mask) > 1 else 0)
        if len(self.mask) > 1 and mask.recipe == self.mask.recipe:
            # It cannot be made alone, so only the whole of both sequences tells which mask belongs to which picture.
            whole = joined_origin((*self.images.origins(), *self.mask.origins()), self.recipe(), content.name)
            return replace(whole.after(whole.recipe, self.model), index=index, seed=content.seed)
        made = content.after(self.recipe(images=content.recipe, mask=mask.recipe), self.model)
        return replace(made, inputs={**made.inputs, **mask.inputs})

    def _within_mask(
        self, index: int, picture: NDArray[np.float32], painted: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if self.mask is None:
            return painted
        from ganplugin.sizing import resize, row_bands, with_channels

        height, width = painted.shape[:2]
        share = resize(self.mask[index if len(self.mask) > 1 else 0][..., :1], width, height)
        plain = resize(picture, width, height)
        for rows in row_bands(painted):
            beneath = with_channels(plain[rows], "RGBA" if painted.shape[2] == 4 else "RGB")
            painted[rows] = beneath * (1 - share[rows]) + painted[rows] * share[rows]
        return painted

    def _brush(self) -> Brush:
        self.model.require("style")
        session = self.model.session
        takes_picture = "style" in session.input_names
        if takes_picture and self.style_image is None:
            raise InputError(
                "this network needs a style picture", where="style_image", fix="give one with --style-image"
            )
        if takes_picture and self.style_image is not None and len(self.style_image) != 1:
            raise InputError(f"{len(self.style_image)} style pictures given", where="style_image", fix="give one")
        if not takes_picture and self.style_image is not None:
            raise InputError("this network has its styles built in", where="style_image", fix="leave it out")
        weights = parse_style_weights(self.styles, session.manifest.styles, self.model.style)
        return Brush(weights, session.manifest.styles, self.style_image)

    def _paint(
        self, network: Model, picture: NDArray[np.float32], brush: Brush, progress: TileProgress
    ) -> NDArray[np.float32]:
        import numpy as np

        from ganplugin.colour import preserve_colour

        content, alpha = self._content(picture)
        painted = self._network(network, content, brush, progress)
        if self.preserve_color != "off":
            painted = preserve_colour(self.preserve_color, painted, self._enlarged(content), into=painted)
        return painted if alpha is None else np.concatenate([painted, self._enlarged(alpha)], axis=2)

    def _paint_levels(
        self, network: Model, picture: NDArray[np.float32], brush: Brush, progress: TileProgress
    ) -> NDArray[np.uint8]:
        """Paint as `_paint` does, where the network has the last word on every colour."""
        import numpy as np

        from ganplugin.levels import to_uint8

        content, alpha = self._content(picture)
        painted = _as_rgb(self._stylized(network.stylize_levels, content, brush, progress))
        return painted if alpha is None else np.concatenate([painted, to_uint8(self._enlarged(alpha))], axis=2)

    def _network_is_last(self) -> bool:
        fades_itself = self.strength == 1 or "strength" in self.model.session.input_names
        return self.mask is None and self.preserve_color == "off" and fades_itself

    def _content(self, picture: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return the colours that the network sees, and the alpha, if there is one."""
        from ganplugin.sizing import fit_within

        picture = fit_within(picture, self.max_side) if self.max_side else picture
        return _as_rgb(picture), picture[..., 3:] if picture.shape[2] == 4 else None

    def _network(
        self, network: Model, content: NDArray[np.float32], brush: Brush, progress: TileProgress
    ) -> NDArray[np.float32]:
        import numpy as np

        from ganplugin.sizing import row_bands

        painted = _as_rgb(self._stylized(network.stylize, content, brush, progress))
        if self.strength == 1 or "strength" in self.model.session.input_names:
            return painted
        plain = self._enlarged(content)
        for rows in row_bands(painted):
            painted[rows] = plain[rows] + np.float32(self.strength) * (painted[rows] - plain[rows])
        return painted

    def _call(self, brush: Brush) -> StyleCall:
        import numpy as np

        from ganplugin.fixed_statistics import StyleCall

        weights = None if brush.weights is None else np.asarray(brush.weights, np.float32)
        strength = self.strength if "strength" in self.model.session.input_names else None
        return StyleCall(brush.picture(), weights, strength)

    def _stylized(
        self,
        stylize: Callable[..., NDArray[Value]],
        content: NDArray[np.float32],
        brush: Brush,
        progress: TileProgress,
    ) -> NDArray[Value]:
        call = self._call(brush)
        painted = stylize(
            content[None],
            style=call.style,
            style_weights=call.style_weights,
            strength=call.strength,
            tile=self.tile,
            progress=progress,
        )
        first: NDArray[Value] = painted[0]
        return first

    def _enlarged(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return pixels at the size that the network gives to its pictures."""
        from ganplugin.sizing import resize

        scale = self.model.session.manifest.scale
        return resize(pixels, pixels.shape[1] * scale, pixels.shape[0] * scale)


class TileProgress:
    """Shows how many tiles of a picture are painted, in a task that is opened by the first."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._tasks = ExitStack()
        self._show: Callable[[int], None] | None = None

    def __enter__(self) -> TileProgress:
        return self

    def __exit__(self, *trouble: object) -> None:
        self._tasks.close()

    def __call__(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` tiles are painted."""
        if self._show is None:
            self._show = self._tasks.enter_context(self._reporter.task("tiles", total))
        self._show(done)


@dataclass(frozen=True)
class Brush:
    """The style of one request: weights over the network's styles, or a style picture."""

    weights: tuple[float, ...] | None
    styles: tuple[str, ...]
    painting: Images | None

    @property
    def names(self) -> tuple[str, ...]:
        """The styles that take part."""
        return tuple(s for s, w in zip(self.styles, self.weights or (), strict=False) if w > 0)

    def picture(self) -> NDArray[np.float32] | None:
        """Return the style picture as float32 [1, h, w, 3], or None."""
        return None if self.painting is None else _as_rgb(self.painting[0])[None]

    def with_style_inputs(self, origin: Origin, name: str) -> Origin:
        """Return the origin under its new name, with what the style picture was made from."""
        if self.painting is None:
            return replace(origin, name=name)
        style = self.painting.origin(0)
        inputs, models = {**origin.inputs, **style.inputs}, {**style.models, **origin.models}
        return replace(origin, name=name, inputs=inputs, models=models)


def parse_style_weights(text: str, styles: tuple[str, ...], chosen: str | None) -> tuple[float, ...] | None:
    """Read ``"great-wave=2,harvest"`` as one weight a style, in the network's order; None for its default.

    Raises `InputError` for unknown styles, negative or non-finite weights, and weights that are all zero.
    """
    if not text:
        return None if chosen is None else tuple(float(style == chosen) for style in styles)
    if not styles:
        raise InputError("this network has one style", where=f"styles {text!r}", fix="leave styles out")
    weights = dict.fromkeys(styles, 0.0)
    for item in text.split(","):
        name, _, number = (part.strip() for part in item.partition("="))
        if name not in weights:
            raise InputError(f"there is no style {name!r}", where=f"styles {text!r}", fix=did_you_mean(name, styles))
        weights[name] = _weight(number or "1", text)
    if not any(weights.values()):
        raise InputError("all weights are zero", where=f"styles {text!r}", fix="give one style a weight above 0")
    return tuple(weights.values())


def _weight(number: str, text: str) -> float:
    try:
        weight = float(number)
    except ValueError:
        weight = -1.0
    if not 0 <= weight <= 1e6:
        raise InputError(f"{number!r} is not a weight", where=f"styles {text!r}", fix="write them like a=2,b=0.5")
    return weight


def _as_rgb(picture: NDArray[Value]) -> NDArray[Value]:
    import numpy as np

    return np.repeat(picture[..., :1], 3, axis=2) if picture.shape[2] < 3 else picture[..., :3]
