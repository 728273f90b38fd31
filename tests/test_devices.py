from __future__ import annotations

from importlib import metadata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin import devices
from ganplugin.devices import DEVICES, Device, both_wheels_installed, parse_device
from ganplugin.errors import InputError


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("auto", Device("auto")),
        ("cpu", Device("cpu")),
        ("cuda", Device("cuda")),
        ("cuda:1", Device("cuda", 1)),
        ("CUDA:0", Device("cuda")),
        (" tensorrt:2 ", Device("tensorrt", 2)),
        ("cuda+graphs", Device("cuda", mode="graphs")),
        ("CUDA+Graphs:2", Device("cuda", 2, "graphs")),
        ("tensorrt+fp16", Device("tensorrt", mode="fp16")),
        ("directml", Device("directml")),
        ("coreml", Device("coreml")),
        ("openvino", Device("openvino")),
    ],
)
def test_every_written_form_is_read(text, device):
    assert parse_device(text) == device


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("cdua", "did you mean 'cuda'?"),
        ("gpu", "cpu"),
        ("", "known: auto"),
        ("cuda:-1", "did you mean 'cuda'?"),
        ("cuda:", "did you mean 'cuda'?"),
        ("cuda:1:1", "did you mean"),
        ("cpu:1", "write --device cpu"),
        ("cpu+graphs", "write --device cpu"),
        ("auto+graphs", "write --device auto"),
        ("cuda+fp16", "write --device cuda+graphs"),
        ("cuda:1+graphs", "known: auto"),
        ("tensorrt+", "did you mean 'tensorrt'?"),
        ("auto:1", "write --device auto"),
        ("cuda:٣", "did you mean 'cuda'?"),
    ],
)
def test_anything_else_is_refused_with_the_way_out(text, fix):
    with pytest.raises(InputError) as caught:
        parse_device(text)
    assert fix in str(caught.value)


@given(st.text())
def test_no_text_gives_anything_but_a_device_or_an_input_error(text):
    try:
        device = parse_device(text)
    except InputError:
        return
    assert device.kind == "auto" or device.kind in DEVICES


@given(st.sampled_from([kind for kind, backend in DEVICES.items() if backend.indexed]), st.integers(0, 999))
def test_a_device_is_written_as_it_is_read(kind, index):
    assert parse_device(str(Device(kind, index))) == Device(kind, index)


def test_every_backend_says_how_to_get_it():
    assert all(backend.missing and backend.broken for backend in DEVICES.values())
    assert 'pip install "ganplugin[gpu]"' in DEVICES["cuda"].missing


@pytest.mark.parametrize(
    ("present", "both"),
    [
        ({"onnxruntime", "onnxruntime-gpu"}, True),
        ({"onnxruntime"}, False),
        ({"onnxruntime-gpu"}, False),
        (set(), False),
    ],
)
def test_both_wheels_are_noticed(monkeypatch, present, both):
    def version(name):
        if name in present:
            return "1.0"
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(devices.metadata, "version", version)
    assert both_wheels_installed() is both
