"""Model files opened and run: pictures in and out as float32 [n, h, w, c], 0..1, any n, on any device.

On the CPU the same rows give the same bytes whatever the batch size, the order and the number of calls; other thread
counts, devices and onnxruntime versions may differ in the last bits, which is why the options are recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganplugin.batches import filling, suggested_size
from ganplugin.devices import Device, parse_device
from ganplugin.errors import InputError, ModelError
from ganplugin.execution import DEFAULT_THREADS, Execution, Planes, RuntimeOptions
from ganplugin.feeds import Feeds, as_picture_rows, as_planes, checked
from ganplugin.framing import Frame
from ganplugin.levels import lay_planes, to_uint8
from ganplugin.manifest import Kind, Manifest
from ganplugin.registry import did_you_mean
from ganplugin.session_cache import SessionCache, SharedSession
from ganplugin.tiled_style import Progress, TiledStyle

__all__ = ["DEFAULT_THREADS", "Model", "RuntimeOptions", "forget_models", "open_model"]

Array = NDArray[np.float32]
Levels = NDArray[np.uint8]
Value = TypeVar("Value", np.float32, np.uint8)
Found = TypeVar("Found", Array, Planes)

_MAPPING_ROWS: Final = 1024
_CHANNELS: Final = {"L": 1, "RGB": 3, "RGBA": 4}
_NOUNS: Final[Mapping[Kind, str]] = {"generator": "generator", "style": "style network", "scorer": "scorer"}
_CACHE: Final = SessionCache()


def open_model(path: Path, options: RuntimeOptions | None = None) -> Model:
    """Open a model file; an equal file that is open already on that device is shared, not opened again.

    Raises `FileError` if it cannot be read, `ModelError` if it is not ours or breaks its contract, `ProviderError` if
    the demanded device did not come up, `DependencyError` if onnxruntime is missing. ``auto`` falls back to the CPU
    and says so once through the logger ``ganplugin``; `Model.provider` tells what came up.
    """
    options = options or RuntimeOptions()
    return Model(path, options, _CACHE.get(path, parse_device(options.device), options.threads))


def forget_models() -> None:
    """Close every cached session that no `Model` uses, to give memory back to the host."""
    _CACHE.clear()


@dataclass(frozen=True, eq=False)
class Model:
    """An open model file. Safe to use from many threads at once."""

    path: Path
    options: RuntimeOptions
    _shared: SharedSession = field(repr=False)

    @property
    def manifest(self) -> Manifest:
        """What the file says of itself."""
        return self._shared.manifest

    @property
    def digest(self) -> str:
        """SHA-256 of the file, 64 hexadecimal digits."""
        return self._shared.digest

    @property
    def provider(self) -> str:
        """The provider that really came up, such as ``CPUExecutionProvider``."""
        return self._shared.provider

    @property
    def device(self) -> Device:
        """The device behind `provider`; never ``auto``."""
        return self._shared.device

    @cached_property
    def inputs(self) -> Mapping[str, tuple[int | str, ...]]:
        """Every input's shape in the file: sizes, or names for axes that are free.

        A file for single pictures is run once for each, so that its inputs have a free ``batch`` too.
        """
        session = self._shared.session
        shapes = {
            port.name: tuple(axis if isinstance(axis, int) else str(axis or "any") for axis in port.shape)
            for port in (*session.get_inputs(), *session.get_overridable_initializers())
        }
        return {name: ("batch", *shape[1:]) for name, shape in shapes.items()} if self.manifest.single else shapes

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of `inputs`."""
        return tuple(self.inputs)

    @property
    def batch_size(self) -> int:
        """How many pictures one run takes at first: the option, or chosen by picture size and device."""
        if self.manifest.single:
            return 1
        side = 512  # what a style network, which takes any size, is likely to meet
        height, width = ((known or side) * self.manifest.scale for known in (self.manifest.height, self.manifest.width))
        return self.options.batch or suggested_size(height * width, self.device.kind)

    @cached_property
    def optional_inputs(self) -> tuple[str, ...]:
        """The inputs that carry their default in the file."""
        overridable = (port.name for port in self._shared.session.get_overridable_initializers())
        return (*overridable, *self._shared.defaults)

    @cached_property
    def noise_shapes(self) -> Mapping[str, tuple[int, int]]:
        """The height and width of every noise input, by name; empty for a network without noise."""
        return {
            name: (shape[2], shape[3])
            for name, shape in self.inputs.items()
            if name.startswith("noise_") and len(shape) == 4 and isinstance(shape[2], int) and isinstance(shape[3], int)
        }

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what the file computes."""
        return self._shared.outputs

    @cached_property
    def _execution(self) -> Execution:
        return Execution(self.path, self._shared, self.options)

    def run(self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None) -> dict[str, Array]:
        """Run the network once and return the named outputs (default: all) as the file has them, planes first.

        Only what the named outputs need is computed. Raises `InputError` for an unknown name, a wrong shape or a value
        that is not finite, `ModelError` if the run fails.
        """
        wanted = list(outputs if outputs is not None else self.outputs)
        for name in wanted:
            self._known(name, self.outputs, "output")
        values = {name: self._checked(name, value) for name, value in feeds.items()}
        missing = [name for name in self.inputs if name not in values and name not in self.optional_inputs]
        if missing:
            raise InputError(f"the input {missing[0]!r} is missing", where=self.manifest.name)
        return dict(zip(wanted, self._execution.run(values, wanted), strict=True))

    def generate(
        self,
        z: ArrayLike,
        *,
        label: ArrayLike | None = None,
        truncation: ArrayLike | None = None,
        ws: ArrayLike | None = None,
        mix: ArrayLike | None = None,
        noise_strength: float | None = None,
        noise: Mapping[str, ArrayLike] | None = None,
    ) -> Array:
        """Return the pictures of latents ``z`` [n, z_dim] as [n, h, w, c], 0..1, in as many runs as memory asks for.

        ``label``: [classes] or [n, classes]. ``truncation``, ``mix``: one number or [num_ws]. ``ws``: [1 or n, num_ws,
        w_dim], used as far as ``mix`` says (default then: 1, fully). ``noise``: arrays [1 or n, 1, h, w] by input name.
        A neutral value (truncation 1, noise strength 1) is accepted by every generator.
        Raises `InputError` for what this model does not take, `ModelError` if a run fails.
        """
        feeds = self._latent_feeds(z, label, truncation, ws, mix, noise_strength, noise)
        return self._pictures(feeds, self._size(), self._size(), np.float32)

    def generate_levels(
        self,
        z: ArrayLike,
        *,
        label: ArrayLike | None = None,
        truncation: ArrayLike | None = None,
        ws: ArrayLike | None = None,
        mix: ArrayLike | None = None,
        noise_strength: float | None = None,
        noise: Mapping[str, ArrayLike] | None = None,
    ) -> Levels:
        """Return the pictures of `generate` as uint8 [n, h, w, c]: what `to_uint8` gives of them, sooner.

        Raises as `generate` does, and `ImageError` if a value is NaN.
        """
        feeds = self._latent_feeds(z, label, truncation, ws, mix, noise_strength, noise)
        return self._pictures(feeds, self._size(), self._size(), np.uint8)

    def map_latents(
        self, z: ArrayLike, *, label: ArrayLike | None = None, truncation: ArrayLike | None = None
    ) -> Array:
        """Return ``w`` [n, num_ws, w_dim] of latents ``z`` [n, z_dim]; no picture is computed.

        Raises `InputError` if the model has no W space.
        """
        feeds = self._mapping_feeds(z, label, truncation)
        if self.manifest.num_ws is None or self.manifest.w_dim is None:
            raise InputError(f"the family {self.manifest.family} has no W space", where=self.manifest.name)
        latents = np.empty((feeds.rows, self.manifest.num_ws, self.manifest.w_dim), np.float32)
        self._batches(feeds, "w", self._only("w"), filling(latents), _MAPPING_ROWS)
        return latents

    def stylize(
        self,
        content: ArrayLike,
        *,
        style: ArrayLike | None = None,
        style_weights: ArrayLike | None = None,
        strength: float | None = None,
        tile: int = 0,
        progress: Progress | None = None,
    ) -> Array:
        """Return pictures [n, h, w, 3], 0..1, redrawn in a style, at the very size that they came in.

        An upscaler's are the manifest's ``scale`` times as high and as wide. ``style``: a picture [h, w, 3], for
        networks that take one. ``style_weights``: [styles], for networks that know several. ``strength``: 0..1. Small
        or odd sizes are padded by reflection for the network and cut back; a network of one fixed size sees the
        picture resized to fit. ``tile``: the side in pixels of tiles to paint in, the network seeing the whole picture
        all the same; 0 takes tiles where a picture is too large (`fits_whole`) and the network allows it; ``progress``
        is told how many of how many are done.
        Raises `InputError` for what this model does not take and for a result of more than `MAX_PIXELS`, `ModelError`
        if a run fails.
        """
        feeds, frame, pictures = self._style_request(content, style, style_weights, strength)
        return frame.leave(self._painted(feeds, frame, pictures, np.float32, tile, progress))

    def stylize_levels(
        self,
        content: ArrayLike,
        *,
        style: ArrayLike | None = None,
        style_weights: ArrayLike | None = None,
        strength: float | None = None,
        tile: int = 0,
        progress: Progress | None = None,
    ) -> Levels:
        """Return the pictures of `stylize` as uint8: what `to_uint8` gives of them, sooner where no size changes.

        Raises as `stylize` does, and `ImageError` if a value is NaN.
        """
        feeds, frame, pictures = self._style_request(content, style, style_weights, strength)
        if frame.painted != frame.result:
            return to_uint8(frame.leave(self._painted(feeds, frame, pictures, np.float32, tile, progress)))
        return self._painted(feeds, frame, pictures, np.uint8, tile, progress)

    def score(self, images: ArrayLike, *, label: ArrayLike | None = None) -> Array:
        """Return the scorer's opinion [n] of pictures [n, h, w, c], 0..1, at the manifest's size; higher is better.

        Raises `InputError` if size or channels do not fit, `ModelError` if a run fails.
        """
        self._demand("scorer")
        pictures = as_picture_rows("images", images, _CHANNELS[self.manifest.channels])
        height, width = self._size()
        if pictures.shape[1:3] != (height, width):
            raise InputError(
                f"pictures are {pictures.shape[2]}x{pictures.shape[1]}, but the scorer judges {width}x{height}",
                where=self.manifest.name,
                fix="resize the pictures or use the scorer of this generator",
            )
        feeds = self._feeds(len(pictures)).add("image", as_planes(pictures)).add("label", label)
        scores = np.empty(len(pictures), np.float32)
        rows = suggested_size(height * width, self.device.kind)
        self._batches(feeds, "score", self._only("score"), filling(scores), rows)
        return scores

    def _latent_feeds(
        self,
        z: ArrayLike,
        label: ArrayLike | None,
        truncation: ArrayLike | None,
        ws: ArrayLike | None,
        mix: ArrayLike | None,
        noise_strength: float | None,
        noise: Mapping[str, ArrayLike] | None,
    ) -> Feeds:
        feeds = self._mapping_feeds(z, label, truncation)
        feeds.add("ws", ws)
        feeds.add("mix", 1.0 if mix is None and ws is not None else mix, neutral=0.0 if ws is None else None)
        feeds.add("noise_strength", noise_strength, neutral=1.0)
        for name, value in (noise or {}).items():
            feeds.add(name, value)
        return feeds

    def _mapping_feeds(self, z: ArrayLike, label: ArrayLike | None, truncation: ArrayLike | None) -> Feeds:
        self._demand("generator")
        latents = checked("z", z, self.inputs["z"])
        if label is None and self.manifest.classes:
            known = ", ".join(self.manifest.classes[:8])
            raise InputError("a class must be chosen", where=self.manifest.name, fix=f"give a label: {known}")
        feeds = self._feeds(len(latents)).add("z", latents).add("label", label)
        return feeds.add("truncation", truncation, neutral=1.0)

    def style_feeds(
        self, content: ArrayLike, style: ArrayLike | None, weights: ArrayLike | None, strength: float | None
    ) -> Feeds:
        """Return what `stylize` runs the network on. Raises as it does."""
        feeds, frame, pictures = self._style_request(content, style, weights, strength)
        return feeds.add("content", as_planes(frame.enter(pictures)))

    def _style_request(
        self, content: ArrayLike, style: ArrayLike | None, weights: ArrayLike | None, strength: float | None
    ) -> tuple[Feeds, Frame, Array]:
        """Return all feeds but the content, how its pictures are framed, and those."""
        self._demand("style")
        pictures = as_picture_rows("content", content, 3)
        frame = Frame.around(pictures.shape[1], pictures.shape[2], self.manifest)
        feeds = self._feeds(len(pictures))
        if style is not None:
            feeds.add("style", as_planes(as_picture_rows("style", style, 3)[:1]))
        feeds.add("style_weights", weights)
        return feeds.add("strength", strength, neutral=1.0), frame, pictures

    def _painted(
        self, feeds: Feeds, frame: Frame, pictures: Array, kind: type[Value], tile: int, progress: Progress | None
    ) -> NDArray[Value]:
        if self.tiled.suits(frame, inputs := feeds.part(0, 0), tile):
            painted = np.empty((feeds.rows, *frame.painted, _CHANNELS[self.manifest.channels]), kind)
            for picture, target in zip(pictures, painted, strict=True):
                self.tiled.paint(picture, frame, inputs, target, tile, progress)
            return painted
        feeds.add("content", as_planes(frame.enter(pictures)))
        return self._pictures(feeds, frame.returned, frame.painted, kind)

    @cached_property
    def tiled(self) -> TiledStyle:
        """What paints large pictures with a style network."""
        return TiledStyle(self._execution)

    def over(self, session: Any, given: Mapping[str, Array]) -> Model:  # noqa: ANN401 - onnxruntime.InferenceSession
        """Return this model over another session of its graph, which is fed ``given`` wherever a run brings nothing."""
        shared = replace(self._shared, session=session, altered=True, defaults={**self._shared.defaults, **given})
        return replace(self, _shared=shared)

    def _feeds(self, rows: int) -> Feeds:
        return Feeds(rows, self.inputs, self.manifest.name)

    def _size(self) -> tuple[int, int]:
        height, width = self.manifest.height, self.manifest.width
        if height is None or width is None:
            raise ModelError("its manifest lacks the picture size", where=self.path)
        return height, width

    def _demand(self, kind: Kind) -> None:
        if self.manifest.kind != kind:
            raise InputError(
                f"is a {_NOUNS[self.manifest.kind]}, but a {_NOUNS[kind]} is needed",
                where=self.manifest.name,
                fix="choose another model; see: ganplugin models",
            )

    def _pictures(
        self, feeds: Feeds, returned: tuple[int, int], kept: tuple[int, int], kind: type[Value]
    ) -> NDArray[Value]:
        """Return the ``kept`` upper left (height, width) of pictures that come from the network as ``returned``."""
        pictures = np.empty((feeds.rows, *kept, _CHANNELS[self.manifest.channels]), kind)

        def fill(start: int, stop: int, found: Planes) -> None:
            height, width = found.shape[2:]
            if (height, width) != returned:
                message = f"returns pictures of {width}x{height}, not {returned[1]}x{returned[0]}"
                raise ModelError(message, where=self.path)
            with self.options.timing("conversion"):
                lay_planes(found[:, :, : kept[0], : kept[1]], pictures[start:stop])

        run = self._execution.levels if kind is np.uint8 else self._only("image")
        rows = suggested_size(returned[0] * returned[1], self.device.kind)
        self._batches(feeds, ("image", returned), run, fill, rows)
        return pictures

    def _only(self, output: str) -> Callable[[Mapping[str, Array]], Array]:
        return lambda feeds: self._execution.run(feeds, [output])[0]

    def _batches(
        self,
        feeds: Feeds,
        work: Hashable,
        run: Callable[[Mapping[str, Array]], Found],
        fill: Callable[[int, int, Found], None],
        rows: int,
    ) -> None:
        """Fill all rows in runs of ``rows``, or as many as the options say; ``work`` is what memory is learned of."""
        wanted = 1 if self.manifest.single else self.options.batch or rows

        def batch(start: int, stop: int) -> None:
            filled = self._execution.rows(stop - start, wanted)
            fill(start, stop, run(feeds.part(start, stop, filled))[: stop - start])

        self._shared.batches.run(work, feeds.rows, wanted, batch)

    def _checked(self, name: str, value: ArrayLike) -> Array:
        self._known(name, tuple(self.inputs), "input")
        return checked(name, value, self.inputs[name])

    def _known(self, name: str, names: tuple[str, ...], noun: str) -> None:
        if name not in names:
            raise InputError(f"has no {noun} {name!r}", where=self.manifest.name, fix=did_you_mean(name, names))
