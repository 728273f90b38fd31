"""What flows between nodes: models, pictures and latents, each knowing how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pydantic_core import CoreSchema, core_schema

from ganplugin.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ganplugin.runtime import Model

__all__ = ["Images", "LatentBatch", "LoadedModel", "Masks", "Origin", "Recipe", "RenderBoth", "Scalar", "joined_origin"]

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Recipe:
    """The node call that makes a value: its class id, its inputs (values or the recipes of links), and which output."""

    node: str
    inputs: tuple[tuple[str, Scalar | Recipe], ...] = ()
    output: int = 0

    def graph(self) -> tuple[dict[str, dict[str, object]], list[str | int]]:
        """Return ComfyUI's API-format graph of this recipe and the link ``[node id, output]`` to its value."""
        graph: dict[str, dict[str, object]] = {}
        return graph, self._link(graph, {})

    def _link(self, graph: dict[str, dict[str, object]], ids: dict[Recipe, str]) -> list[str | int]:
        call = replace(self, output=0)
        if call not in ids:
            inputs = {n: v._link(graph, ids) if isinstance(v, Recipe) else v for n, v in self.inputs}
            ids[call] = str(len(graph) + 1)
            graph[ids[call]] = {"class_type": self.node, "inputs": inputs}
        return [ids[call], self.output]


@dataclass(frozen=True)
class Origin:
    """Where one picture comes from: enough to render it again alone.

    ``recipe`` makes a sequence of pictures of which this is number ``index``. ``models`` and ``inputs`` give the
    SHA-256 of every model and input file by name; ``provider`` and ``threads`` say what computed it. ``source`` is the
    file that it was read from, for people: it is never recorded.
    """

    recipe: Recipe
    index: int = 0
    name: str = "picture"
    seed: int | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""
    threads: int = 0
    source: str = ""

    def after(self, recipe: Recipe, model: LoadedModel) -> Origin:
        """Return the origin of what a picture-to-picture node made of this picture with ``model``."""
        used = {**self.models, model.name: model.digest}
        return replace(self, recipe=recipe, models=used, provider=model.provider, threads=model.threads)

    def beside(self, model: LoadedModel) -> Origin:
        """Return this origin with ``model`` among its models, for pictures that were chosen but not changed by it."""
        used = {**self.models, model.name: model.digest}
        provider, threads = self.provider or model.provider, self.threads or model.threads
        return replace(self, models=used, provider=provider, threads=threads)


def joined_origin(origins: Iterable[Origin], recipe: Recipe, name: str) -> Origin:
    """Return the origin of one work made of several pictures: with the models and files of them all."""
    models: dict[str, str] = {}
    inputs: dict[str, str] = {}
    provider, threads = "", 0
    for origin in origins:
        models.update(origin.models)
        inputs.update(origin.inputs)
        provider, threads = provider or origin.provider, threads or origin.threads
    return Origin(recipe, name=name, models=models, inputs=inputs, provider=provider, threads=threads)


class Socket:
    """A value that goes over a link: pydantic checks its class and looks no further."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> CoreSchema:
        """Accept instances of this class alone."""
        return core_schema.is_instance_schema(cls)


@dataclass(frozen=True, eq=False)
class LoadedModel(Socket):
    """An open model file and, for a file of several styles, the style that was named."""

    session: Model
    name: str
    recipe: Recipe
    style: str | None = None

    @property
    def digest(self) -> str:
        """The SHA-256 of the file."""
        return self.session.digest

    @property
    def provider(self) -> str:
        """The execution provider that really came up."""
        return self.session.provider

    @property
    def threads(self) -> int:
        """The thread count that the bytes of a picture depend on."""
        return self.session.options.threads

    def require(self, kind: str) -> None:
        """Raise `InputError` unless the model is of this kind (generator, style or scorer)."""
        actual = self.session.manifest.kind
        if actual != kind:
            raise InputError(f"is a {actual}, but a {kind} is needed", where=self.name, fix="see: ganplugin models")

    def origin(self, recipe: Recipe, *, name: str, index: int = 0, seed: int | None = None) -> Origin:
        """Return the origin of a picture that this model made from latents."""
        used = {self.name: self.digest}
        return Origin(recipe, index, name, seed, models=used, provider=self.provider, threads=self.threads)


Render = Callable[[int, int], "Sequence[NDArray[np.float32]]"]
RenderLevels = Callable[[int, int], "Sequence[NDArray[np.uint8]]"]


@dataclass(frozen=True)
class RenderBoth:
    """A `Render` with a faster way to the levels of its pictures than to round them; both must give the same."""

    pictures: Render
    levels: RenderLevels

    def __call__(self, start: int, stop: int) -> Sequence[NDArray[np.float32]]:
        """Give pictures as float32."""
        return self.pictures(start, stop)


@dataclass(frozen=True, eq=False)
class Images(Socket):
    """A sequence of pictures that are computed when they are looked at, so that any length fits in memory.

    ``render(start, stop)`` gives pictures as float32 [h, w, 1|3|4], 0..1; sizes may differ. Each picture depends on
    its index alone, never on how the sequence is cut. ``chunk`` is how many are worth computing together.
    Where ``render`` is a `RenderBoth`, `levels` are made without them.
    """

    count: int
    render: Render
    origin: Callable[[int], Origin]
    recipe: Recipe
    chunk: int = 1

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> NDArray[np.float32]:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.render(index, index + 1)[0]

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for start in range(0, self.count, self.chunk):
            yield from self.render(start, min(start + self.chunk, self.count))

    def levels(self, start: int, stop: int) -> Sequence[NDArray[np.uint8]]:
        """Return pictures as uint8 [h, w, 1|3|4], as files hold them. Raises `ImageError` if a value is NaN."""
        if isinstance(self.render, RenderBoth):
            return self.render.levels(start, stop)
        from ganplugin.levels import to_uint8

        return [to_uint8(picture) for picture in self.render(start, stop)]

    def at(self, indices: Sequence[int]) -> Iterator[NDArray[np.float32]]:
        """Yield the pictures of these numbers; neighbours are computed together."""
        return (picture for start, stop in self._runs(indices) for picture in self.render(start, stop))

    def levels_at(self, indices: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Yield the `levels` of these numbers; neighbours are computed together."""
        return (picture for start, stop in self._runs(indices) for picture in self.levels(start, stop))

    def _runs(self, indices: Sequence[int]) -> Iterator[tuple[int, int]]:
        start = 0
        while start < len(indices):
            stop = start + 1
            while stop < len(indices) and stop - start < self.chunk and indices[stop] == indices[stop - 1] + 1:
                stop += 1
            yield indices[start], indices[stop - 1] + 1
            start = stop

    def origins(self) -> Iterator[Origin]:
        """Yield the origin of every picture."""
        return (self.origin(index) for index in range(self.count))

    def batch(self) -> NDArray[np.float32]:
        """Return all pictures as one float32 [n, h, w, c]. Raises `InputError` if their sizes differ."""
        import numpy as np

        pictures = list(self)
        if len({picture.shape for picture in pictures}) > 1:
            raise InputError("the pictures differ in size", where="images", fix="resize them or take them one by one")
        return np.stack(pictures) if pictures else np.zeros((0, 1, 1, 3), np.float32)


@dataclass(frozen=True, eq=False)
class Masks(Images):
    """A sequence of masks, float32 [h, w, 1], 0..1; those that come from alpha are 1 where it is transparent."""


@dataclass(frozen=True, eq=False)
class LatentBatch(Socket):
    """A sequence of latents of one model, computed when looked at.

    ``rows(start, stop)`` gives float32 [n, z_dim] if ``space`` is ``z`` and [n, num_ws, w_dim] if it is ``w``.
    ``inputs`` gives the SHA-256 of every latent file that they come from by name.
    """

    count: int
    space: str
    rows: Callable[[int, int], NDArray[np.float32]]
    recipe: Recipe
    model_digest: str
    seeds: tuple[int, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.count

    def array(self) -> NDArray[np.float32]:
        """Return all latents at once."""
        return self.rows(0, self.count)
