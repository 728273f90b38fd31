from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ganplugin.errors import ExportError, ModelError
from ganplugin.export.cases import cases
from ganplugin.export.comparison import SINGLE
from ganplugin.export.convert import convert
from ganplugin.export.verify import verify
from ganplugin.modelfile import check_contract, model_bytes, write_model
from ganplugin.models.network import Network
from ganplugin.runtime import RuntimeOptions, open_model
from tests.export.networks import (
    Broken,
    Flat,
    Frozen,
    Guarded,
    Noisy,
    Plain,
    Same,
    Z,
    everything,
    manifest_of,
    painter,
    plain,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(everything(), tmp_path_factory.mktemp("whole") / "m.onnx")


def written(network: Network, path: Path) -> Path:
    return write_model(convert(network), manifest_of(network), path)


@pytest.mark.parametrize("make", [everything, painter, plain])
def test_a_converted_network_equals_it_in_every_case(tmp_path: Path, make: Callable[[], Network]) -> None:
    network = make()
    proto = convert(network)
    check_contract(proto, manifest_of(network))
    reports: list[tuple[int, int]] = []
    path = write_model(proto, manifest_of(network), tmp_path / "m.onnx")
    proof = verify(path, network, progress=lambda done, total: reports.append((done, total)))
    assert proof.max_error <= SINGLE.error
    assert proof.cases == len(list(cases(network))) == len(reports) == reports[-1][0]


def test_cases_change_every_optional_input_alone_and_all_together() -> None:
    found = {case.label: case for case in cases(everything())}
    optional = [given.name for given in everything().inputs if given.default is not None]
    for given in everything().inputs:
        if given.default is not None:
            title = "noise maps" if given.name.removeprefix("noise_").isdigit() else given.name
            feed = found[f"{title} changed"].feeds[given.name]
            assert np.abs(feed - given.default.numpy()).max() > 0.05
    assert set(optional) < set(found["every optional input changed"].feeds)
    assert {f"batch {batch}, seed {seed}" for batch in (1, 2, 5) for seed in (1, 20260)} < set(found)
    assert found["w alone"].outputs == ("w",)
    assert found["ws changed"].feeds["mix"].max() > 0
    sizes = {case.feeds["content"].shape[2:] for case in cases(painter())}
    assert len(sizes) == 2
    assert any(side % 2 for size in sizes for side in size)


@pytest.mark.parametrize(("scale", "smallest"), [(1, 32), (2, 16), (8, 8)])
def test_an_upscaler_is_compared_on_smaller_pictures(scale: int, smallest: int) -> None:
    network = replace(painter(), facts={"scale": scale})
    sides = {side for case in cases(network) for side in case.feeds["content"].shape[2:]}
    assert min(sides) == smallest
    assert len(sides) == 4


def test_the_required_input_alone_is_enough_and_w_can_be_had_alone(whole: Path) -> None:
    model = open_model(whole, RuntimeOptions(device="cpu"))
    z, label = torch.randn(7, 4).numpy(), torch.eye(2).repeat(4, 1)[:7].numpy()
    assert model.run({"z": z, "label": label})["image"].shape == (7, 3, 8, 8)
    alone = model.run({"z": z, "label": label}, ["w"])
    assert list(alone) == ["w"]
    assert alone["w"].shape == (7, 3, 5)


def test_nothing_local_and_nothing_of_torch_stays_in_the_file(whole: Path) -> None:
    content = whole.read_bytes()
    for trace in (str(Path.cwd()), "site-packages", ".py", "pkg.torch", "namespace", "stack_trace"):
        assert trace.encode() not in content, trace


def test_conversion_is_deterministic_and_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    first, second = (model_bytes(convert(plain()), manifest_of(plain())) for _ in range(2))
    assert first == second
    assert capfd.readouterr() == ("", "")


def test_an_epsilon_of_1e_8_survives_conversion(tmp_path: Path) -> None:
    model = open_model(written(plain(Guarded), tmp_path / "m.onnx"))
    assert np.isfinite(model.generate(np.zeros((2, Z), np.float32))).all()


def test_a_frozen_batch_is_refused() -> None:
    with pytest.raises(ExportError, match=r"could not convert it: .*(2|batch)|froze"):
        convert(plain(Frozen))


def test_randomness_inside_is_refused() -> None:
    network = plain(Noisy)
    with pytest.raises(ModelError, match="random numbers inside"):
        check_contract(convert(network), manifest_of(network))


@pytest.mark.parametrize(
    ("module", "message"), [(Flat, "one flat colour"), (Same, "the same for every input"), (Broken, "not finite")]
)
def test_dead_networks_are_refused(tmp_path: Path, module: type[Plain], message: str) -> None:
    network = plain(module)
    path = written(network, tmp_path / "m.onnx")
    with pytest.raises(ExportError, match=message):
        verify(path, network)


def test_a_difference_is_named_by_case_output_and_size(whole: Path) -> None:
    other = everything(twist=0.5)
    with pytest.raises(ExportError, match=r"on ws changed, image differs from PyTorch by 0\.\d+ \(at most 0\.0001"):
        verify(whole, other)


def test_a_scale_that_the_pictures_do_not_have_is_noticed(tmp_path: Path) -> None:
    network = replace(painter(), facts={**painter().facts, "scale": 2})
    with pytest.raises(ExportError, match="pictures of 40x16 become 40x16, not 2 times as large"):
        verify(written(network, tmp_path / "m.onnx"), network)


def test_a_wrong_default_inside_the_file_is_noticed(tmp_path: Path) -> None:
    network = everything()
    proto = convert(network)
    default = next(tensor for tensor in proto.graph.initializer if tensor.name == "noise_strength")
    default.raw_data = np.float32(0.9).tobytes()
    path = write_model(proto, manifest_of(network), tmp_path / "m.onnx")
    with pytest.raises(ExportError, match="on batch 1, seed 1, image differs"):
        verify(path, network)
