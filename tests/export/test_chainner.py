"""What chaiNNer 0.25's ONNX nodes do to a file and a picture, as its source tells it, done to plain exports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from ganplugin.builtin import builtin_file, catalog
from ganplugin.export.convert import convert
from ganplugin.export.profiles import plain, sized
from ganplugin.modelfile import write_model
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Network
from ganplugin.runtime import RuntimeOptions, open_model
from tests.export.networks import manifest_of, painter
from tests.models.test_detection import EXAMPLES
from tests.models.upscalers import need_spandrel

Array = NDArray[np.float32]


def upscaler() -> Network:
    need_spandrel()
    return FAMILIES["realesrgan-compact"].rebuild(EXAMPLES["realesrgan-compact"](), {})


MAKERS = {"style": painter, "upscaler": upscaler}


class Chainner:
    """Load Model and Upscale Image, without tiles and without alpha."""

    def __init__(self, path: Path):
        proto = onnx.load(path)
        assert (len(proto.graph.input), len(proto.graph.output)) == (1, 1), "picture to picture only"
        self.session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.sides = self._sides(self.session.get_inputs()[0].shape)
        self._sides(self.session.get_outputs()[0].shape)
        self.multiple, self.scale = (1, 1) if None not in self.sides else self._size_rule(proto)

    @staticmethod
    def _sides(shape: list[int | str]) -> tuple[int | None, int | None]:
        """Check that axes are read as planes first, three of them, and return the height and width that are fixed."""
        assert len(shape) == 4
        assert isinstance(shape[1], int)
        assert shape[1] == 3, "up to 4 mean planes first"
        height, width = (side if isinstance(side, int) else None for side in shape[2:])
        return height, width

    @staticmethod
    def _size_rule(proto: onnx.ModelProto) -> tuple[int, int]:
        """Return the first size for which strict shape inference knows that of the result, and how much that grows."""
        for side in (16, 64, 256, 512):
            tried = onnx.ModelProto()
            tried.CopyFrom(proto)
            for axis, size in zip(tried.graph.input[0].type.tensor_type.shape.dim, (1, 3, side, side), strict=True):
                axis.dim_value = size
            known = onnx.shape_inference.infer_shapes(tried, strict_mode=True)
            height, width = known.graph.output[0].type.tensor_type.shape.dim[2:]
            if height.HasField("dim_value") and width.HasField("dim_value"):
                return side, height.dim_value // side
        raise AssertionError("the size of the result is not known for any size")

    def padded(self, picture: Array) -> Array:
        rows, columns = (-side % self.multiple for side in picture.shape[:2])
        return np.pad(picture, ((0, rows), (0, columns), (0, 0)), "reflect")

    def upscale(self, bgr: Array) -> Array:
        """Take and return a picture [h, w, 3], 0..1, blue first."""
        planes = self.padded(bgr)[..., ::-1].transpose(2, 0, 1)[None]
        name = self.session.get_inputs()[0].name
        (found,) = self.session.run([self.session.get_outputs()[0].name], {name: np.ascontiguousarray(planes)})
        height, width = (side * self.scale for side in bgr.shape[:2])
        return found[0].transpose(1, 2, 0)[..., ::-1].clip(0, 1)[:height, :width]


def write(folder: Path, network: Network) -> Path:
    return write_model(convert(network), manifest_of(network), folder / "m.onnx")


def ours(path: Path, picture: Array) -> Array:
    return open_model(path, RuntimeOptions(device="cpu")).stylize(picture)[0]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_plain_export_gives_chainner_the_picture_that_it_gives_us(make, tmp_path: Path) -> None:
    network = make()
    path = write(tmp_path, plain(network))
    host = Chainner(path)
    assert (host.sides, host.multiple) == ((None, None), 16)
    assert host.scale == network.facts.get("scale", 1)
    rgb = np.random.RandomState(0).rand(43, 50, 3).astype(np.float32)
    shown = host.upscale(rgb[..., ::-1])
    assert shown.shape == (43 * host.scale, 50 * host.scale, 3)
    assert shown.std() > 0.01
    wanted = ours(path, host.padded(rgb))[: shown.shape[0], : shown.shape[1]]
    assert np.abs(shown[..., ::-1] - wanted).max() < 1e-5


def test_an_export_of_one_size_is_a_tile_for_chainner(tmp_path: Path) -> None:
    path = write(tmp_path, plain(sized(painter(), 40, 24)))
    host = Chainner(path)
    assert host.sides == (24, 40)
    rgb = np.random.RandomState(0).rand(24, 40, 3).astype(np.float32)
    assert np.abs(host.upscale(rgb[..., ::-1])[..., ::-1] - ours(path, rgb)).max() < 1e-5


def test_a_full_export_is_more_than_chainner_takes() -> None:
    with pytest.raises(AssertionError, match="picture to picture only"):
        Chainner(builtin_file(catalog()["masters"]))
