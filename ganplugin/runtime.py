"""Model files opened and run: pictures in and out as float32 [n, h, w, c], 0..1, any n, on any device.

On the CPU the same rows give the same bytes whatever the batch size, the order and the number of calls; other thread
counts, devices and onnxruntime versions may differ in the last bits, which is why the options are recorded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganplugin.batches import OutOfMemory, is_out_of_memory, suggested_size
from ganplugin.devices import DEVICES, Device, parse_device
from ganplugin.errors import Cancelled, GanPluginError, InputError, ModelError
from ganplugin.feeds import Feeds, as_picture_rows, as_planes, checked
from ganplugin.framing import Frame
from ganplugin.interruption import interruptible
from ganplugin.limits import MAX_PIXELS
from ganplugin.manifest import Kind, Manifest
from ganplugin.registry import did_you_mean
from ganplugin.session_cache import SessionCache, SharedSession
from ganplugin.sessions import load_onnxruntime, runtime_errors, short_reason

__all__ = ["DEFAULT_THREADS", "Model", "RuntimeOptions", "forget_models", "open_model"]

Array = NDArray[np.float32]

DEFAULT_THREADS: Final = 2
"""Threads of one session: fixed, so that the bytes of a picture do not depend on the machine's core count."""

_MAPPING_ROWS: Final = 1024
_CHANNELS: Final = {"L": 1, "RGB": 3, "RGBA": 4}
_NOUNS: Final[Mapping[Kind, str]] = {"generator": "generator", "style": "style network", "scorer": "scorer"}
_CACHE: Final = SessionCache()


@dataclass(frozen=True)
class RuntimeOptions:
    """How models run: ``device`` as `parse_device` reads it, ``threads`` 1..256, ``batch`` rows a run (0 = choose).

    ``cancelled``, asked from another thread while a network runs, ends the run early, with `Cancelled`.
    Raises `InputError` if one of them is out of range.
    """

    device: str = "auto"
    threads: int = DEFAULT_THREADS
    batch: int = 0
    cancelled: Callable[[], bool] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        parse_device(self.device)
        if not 1 <= self.threads <= 256:
            raise InputError(f"{self.threads} is not a number of threads", where="--threads", fix="choose 1 to 256")
        if not 0 <= self.batch <= 65536:
            raise InputError(
                f"{self.batch} is not a batch size", where="--batch", fix="choose 1 to 65536, or 0 for auto"
            )


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

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """The names of what the file computes."""
        return tuple(port.name for port in self._shared.session.get_outputs())

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
        return dict(zip(wanted, self._run(values, wanted), strict=True))

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
        feeds = self._latent_feeds(z, label, truncation)
        feeds.add("ws", ws)
        feeds.add("mix", 1.0 if mix is None and ws is not None else mix, neutral=0.0 if ws is None else None)
        feeds.add("noise_strength", noise_strength, neutral=1.0)
        for name, value in (noise or {}).items():
            feeds.add(name, value)
        height, width = self._size()
        pictures = np.empty((feeds.rows, height, width, _CHANNELS[self.manifest.channels]), np.float32)
        self._batches(feeds, "image", height * width, self._fill_pictures(pictures, (height, width)))
        return pictures

    def map_latents(
        self, z: ArrayLike, *, label: ArrayLike | None = None, truncation: ArrayLike | None = None
    ) -> Array:
        """Return ``w`` [n, num_ws, w_dim] of latents ``z`` [n, z_dim]; no picture is computed.

        Raises `InputError` if the model has no W space.
        """
        feeds = self._latent_feeds(z, label, truncation)
        if self.manifest.num_ws is None or self.manifest.w_dim is None:
            raise InputError(f"the family {self.manifest.family} has no W space", where=self.manifest.name)
        latents = np.empty((feeds.rows, self.manifest.num_ws, self.manifest.w_dim), np.float32)
        self._batches(feeds, "w", 1, _fill(latents), most=_MAPPING_ROWS)
        return latents

    def stylize(
        self,
        content: ArrayLike,
        *,
        style: ArrayLike | None = None,
        style_weights: ArrayLike | None = None,
        strength: float | None = None,
    ) -> Array:
        """Return pictures [n, h, w, 3], 0..1, redrawn in a style, at the very size that they came in.

        An upscaler's are the manifest's ``scale`` times as high and as wide. ``style``: a picture [h, w, 3], for
        networks that take one. ``style_weights``: [styles], for networks that know several. ``strength``: 0..1. Small
        or odd sizes are padded by reflection for the network and cut back; a network of one fixed size sees the
        picture resized to fit.
        Raises `InputError` for what this model does not take and for a result of more than `MAX_PIXELS`, `ModelError`
        if a run fails.
        """
        self._demand("style")
        pictures = as_picture_rows("content", content, 3)
        frame = self._frame(pictures.shape[1], pictures.shape[2])
        grown = frame.enter(pictures)
        feeds = self._feeds(len(grown)).add("content", as_planes(grown))
        if style is not None:
            feeds.add("style", as_planes(as_picture_rows("style", style, 3)[:1]))
        feeds.add("style_weights", style_weights)
        feeds.add("strength", strength, neutral=1.0)
        painted = np.empty((len(grown), *frame.painted, _CHANNELS[self.manifest.channels]), np.float32)
        height, width = frame.returned
        self._batches(feeds, "image", height * width, self._fill_pictures(painted, frame.returned))
        return frame.leave(painted)

    def _frame(self, height: int, width: int) -> Frame:
        frame = Frame.around(height, width, self.manifest)
        rows, columns = frame.result
        if rows * columns > MAX_PIXELS:
            raise InputError(
                f"{columns}x{rows} would be more pixels than a picture may have",
                where=self.manifest.name,
                fix="shrink the picture first, with --max-side",
            )
        return frame

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
        self._batches(feeds, "score", height * width, _fill(scores))
        return scores

    def _latent_feeds(self, z: ArrayLike, label: ArrayLike | None, truncation: ArrayLike | None) -> Feeds:
        self._demand("generator")
        latents = checked("z", z, self.inputs["z"])
        if label is None and self.manifest.classes:
            known = ", ".join(self.manifest.classes[:8])
            raise InputError("a class must be chosen", where=self.manifest.name, fix=f"give a label: {known}")
        feeds = self._feeds(len(latents)).add("z", latents).add("label", label)
        return feeds.add("truncation", truncation, neutral=1.0)

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

    def _batches(
        self, feeds: Feeds, output: str, pixels: int, fill: Callable[[int, int, Array], None], most: int = 0
    ) -> None:
        def batch(start: int, stop: int) -> None:
            fill(start, stop, self._run(feeds.part(start, stop), [output])[0])

        wanted = self.options.batch or most or suggested_size(pixels, self.device.kind)
        wanted = 1 if self.manifest.single else wanted
        self._shared.batches.run((output, pixels), feeds.rows, wanted, batch)

    def _run(self, feeds: Mapping[str, Array], outputs: list[str]) -> list[Array]:
        try:
            with self._shared.turn():
                return self._run_on_device(feeds, outputs)
        except GanPluginError:
            raise
        except runtime_errors() as error:
            if self.options.cancelled is not None and self.options.cancelled():
                raise Cancelled(fix="files already written are whole") from error
            where = f"{self.path} on {self.device}"
            if is_out_of_memory(error):
                fix = "use a smaller size, close other programs, or choose --device cpu"
                raise OutOfMemory("does not fit into memory", where=where, fix=fix) from error
            raise ModelError(f"the run failed: {short_reason(str(error))}", where=where) from error

    def _run_on_device(self, feeds: Mapping[str, Array], outputs: list[str]) -> list[Array]:
        run_options, cancelled = self._run_options(outputs), self.options.cancelled
        feeds = {**self._shared.defaults, **feeds}
        with interruptible(run_options, cancelled) if cancelled else contextlib.nullcontext():
            return self._run_with(run_options, feeds, outputs)

    def _run_with(self, run_options: Any, feeds: Mapping[str, Array], outputs: list[str]) -> list[Array]:  # noqa: ANN401
        session, memory = self._shared.session, DEVICES[self.device.kind].memory
        if memory is None:
            found: list[Array] = session.run(outputs, feeds, run_options)
            return found
        binding = session.io_binding()
        values = load_onnxruntime().OrtValue
        for name, value in feeds.items():
            # Not bind_cpu_input: that one knows required inputs only, and refuses those that carry a default.
            binding.bind_ortvalue_input(name, values.ortvalue_from_numpy(value))
        for name in outputs:
            # The result's buffer stays on the device until the run is over; its shape need not be known before.
            binding.bind_output(name, memory, self.device.index)
        session.run_with_iobinding(binding, run_options)
        copied: list[Array] = binding.copy_outputs_to_cpu()
        return copied

    def _fill_pictures(self, target: Array, size: tuple[int, int]) -> Callable[[int, int, Array], None]:
        """Return what copies pictures of ``size`` (height, width), or their upper left, into ``target``."""

        def fill(start: int, stop: int, found: Array) -> None:
            if found.shape[2:] != size:
                height, width = found.shape[2:]
                raise ModelError(f"returns pictures of {width}x{height}, not {size[1]}x{size[0]}", where=self.path)
            target[start:stop] = found.transpose(0, 2, 3, 1)[:, : target.shape[1], : target.shape[2]]

        return fill

    def _run_options(self, outputs: list[str]) -> Any:  # noqa: ANN401 - onnxruntime.RunOptions
        options = load_onnxruntime().RunOptions()
        options.only_execute_path_to_fetches = set(outputs) != set(self.outputs)
        return options

    def _checked(self, name: str, value: ArrayLike) -> Array:
        self._known(name, tuple(self.inputs), "input")
        return checked(name, value, self.inputs[name])

    def _known(self, name: str, names: tuple[str, ...], noun: str) -> None:
        if name not in names:
            raise InputError(f"has no {noun} {name!r}", where=self.manifest.name, fix=did_you_mean(name, names))


def _fill(target: Array) -> Callable[[int, int, Array], None]:
    def fill(start: int, stop: int, found: Array) -> None:
        target[start:stop] = found

    return fill
