from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from ganplugin.conversion import conversion_model
from ganplugin.images import to_uint8
from ganplugin.modelfile import MAX_IR_VERSION, MAX_OPSET
from tests.test_levels import awkward_values


@pytest.fixture(scope="module")
def session():
    return onnxruntime.InferenceSession(conversion_model(), providers=["CPUExecutionProvider"])


def test_the_graph_rounds_as_the_library_does(session):
    values = awkward_values()
    planes = values[: len(values) // 12 * 12].reshape(2, 3, 2, -1)
    levels, flaw = session.run(["levels", "flaw"], {"image": planes})
    assert levels.dtype == np.uint8
    assert np.array_equal(levels, to_uint8(planes.transpose(0, 2, 3, 1)))
    assert flaw == 0


@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 2, 6, 4)])
def test_the_graph_tells_of_a_single_nan(session, place):
    planes = np.full((2, 3, 7, 5), np.inf, np.float32)
    planes[place] = np.nan
    assert session.run(["flaw"], {"image": planes})[0] == 1


def test_old_versions_of_onnxruntime_can_read_the_graph():
    model = onnx.load_from_string(conversion_model())
    onnx.checker.check_model(model)
    assert model.ir_version <= MAX_IR_VERSION
    assert model.opset_import[0].version <= MAX_OPSET
