from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from torch import Tensor, nn

from ganplugin.errors import ExportError
from ganplugin.export import ExportOptions, export_checkpoint
from ganplugin.export.comparison import HALF
from ganplugin.export.convert import convert
from ganplugin.export.half import halve, rounded_twin
from ganplugin.export.verify import verify
from ganplugin.manifest import Verification
from ganplugin.modelfile import write_model
from ganplugin.models.network import GraphInput, Network, eval_mode
from ganplugin.runtime import RuntimeOptions, open_model
from tests.export.files import WRITERS
from tests.export.networks import Z, manifest_of, plain
from tests.models.test_dcgan import example_generator, state_of


class Decoder(nn.Module):
    """z to a picture through wide maps, a normalisation, a square and noise: everything that is treated differently."""

    def __init__(self, loudness: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(9)
        self.first = nn.Linear(Z, 16 * 16)
        self.up = nn.ConvTranspose2d(16, 16, 4, 2, 1)
        self.norm = nn.InstanceNorm2d(16, affine=True)
        self.conv = nn.Conv2d(16, 16, 3, padding=1)
        self.picture = nn.Conv2d(16, 3, 1)
        self.loudness = loudness

    def forward(self, z: Tensor, noise_0: Tensor, noise_strength: Tensor) -> Tensor:
        x = self.first(z).view(-1, 16, 4, 4)
        x = nn.functional.leaky_relu(self.norm(self.up(x)), 0.2)
        x = self.conv(x + noise_0 * noise_strength) * self.loudness**0.5 * self.loudness**0.5
        x = x * torch.rsqrt((x * x).mean(dim=1, keepdim=True) + 1e-8)
        return torch.sigmoid(self.picture(x))


def decoder(loudness: float = 1.0) -> Network:
    inputs = (
        GraphInput("z", ("batch", Z)),
        GraphInput("noise_0", ("rows", 1, 8, 8), torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))),
        GraphInput("noise_strength", (), torch.tensor(0.5)),
    )
    facts = {"z_dim": Z, "width": 8, "height": 8}
    return Network("generator", eval_mode(Decoder(loudness)), inputs, ("image",), facts)


def test_maps_are_halved_and_what_measures_them_is_not() -> None:
    proto = halve(convert(decoder()))
    onnx.checker.check_model(proto, full_check=True)
    halved = {node.op_type for node in proto.graph.node if node.output[0].endswith(".half") and node.op_type != "Cast"}
    assert {"Conv", "ConvTranspose", "LeakyRelu"} <= halved
    kinds = {node.op_type for node in proto.graph.node}
    assert kinds & {"InstanceNormalization", "ReduceMean", "Gemm", "Sigmoid"}
    assert not halved & {"InstanceNormalization", "ReduceMean", "Gemm", "MatMul", "Sigmoid", "Reciprocal", "Sqrt"}
    assert all(value.type.tensor_type.elem_type == TensorProto.FLOAT for value in proto.graph.input)
    weights = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    assert weights["noise_0"] == TensorProto.FLOAT
    assert list(weights.values()).count(TensorProto.FLOAT16) >= 4
    assert not any(
        node.op_type == "Mul" and node.input[0] == node.input[1] and node.output[0].endswith(".half")
        for node in proto.graph.node
    )


def test_the_file_is_about_half_and_passes_its_own_bar(tmp_path: Path) -> None:
    network = decoder()
    whole = convert(network)
    size = whole.ByteSize()
    proto = halve(whole)
    assert proto.ByteSize() < 0.8 * size
    proof = verify(write_model(proto, manifest_of(network), tmp_path / "m.onnx"), network, bar=HALF)
    assert proof.psnr is not None
    assert 40 <= proof.psnr < 120
    assert proof.max_error > 1e-6


def proved(network: Network, path: Path) -> Verification:
    """Prove both what is written and what a device makes of it."""
    proto = halve(convert(network))
    verify(write_model(proto, manifest_of(network), path), network, bar=HALF)
    return verify(write_model(rounded_twin(proto), manifest_of(network), path, overwrite=True), network, bar=HALF)


def test_squares_that_half_precision_cannot_hold_are_computed_in_single(tmp_path: Path) -> None:
    """Maps around 3,000 have squares of 9 million; the largest half is 65,504."""
    proof = proved(decoder(loudness=3000.0), tmp_path / "m.onnx")
    assert proof.psnr is not None
    assert proof.psnr >= 40


def test_the_proof_computes_in_half_precision_as_a_device_would(tmp_path: Path) -> None:
    """Maps above 65,504 must fail, although this CPU computes in single precision if it is let."""
    with pytest.raises(ExportError, match=r"not finite|PSNR"):
        proved(decoder(loudness=1e6), tmp_path / "m.onnx")


def test_an_export_in_half_precision_is_proved_so(tmp_path: Path) -> None:
    state = state_of(example_generator(5, (24, 16), 3))
    path = WRITERS["torch zip"](tmp_path / "x.pt", state)
    whole = export_checkpoint(path, tmp_path / "whole.onnx")
    half = export_checkpoint(path, tmp_path / "half.onnx", ExportOptions(precision="fp16"))
    assert half.path.stat().st_size < 0.7 * whole.path.stat().st_size
    assert half.manifest.precision == "fp16"
    assert half.manifest.verification is not None
    assert 1e-5 < half.manifest.verification.max_error < 0.1
    z = np.random.RandomState(0).randn(2, 5).astype(np.float32)
    pictures = [open_model(done.path, RuntimeOptions(device="cpu")).generate(z) for done in (whole, half)]
    assert 0 < np.abs(pictures[0] - pictures[1]).max() < 0.02


def test_a_weight_beyond_the_range_is_named() -> None:
    network = decoder()
    next(network.module.get_submodule("conv").parameters()).data[0, 0, 0, 0] = 1e5
    with pytest.raises(ExportError, match="too large for half precision"):
        halve(convert(network))


def test_a_network_without_maps_is_refused() -> None:
    with pytest.raises(ExportError, match="nothing in this network is safe"):
        halve(convert(plain()))


def test_half_the_bits_are_not_taken_for_equality(tmp_path: Path) -> None:
    network = decoder()
    path = write_model(halve(convert(network)), manifest_of(network), tmp_path / "m.onnx")
    broken = decoder()
    list(broken.module.get_submodule("picture").parameters())[1].data += 0.1
    with pytest.raises(ExportError, match=r"a PSNR of \d+\.\d dB \(at least 40 must be\)"):
        verify(path, broken, bar=HALF)
    assert np.isfinite(HALF.psnr)
