from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from ganplugin.cli.inspect import command as inspect
from ganplugin.errors import CheckpointError, DependencyError
from ganplugin.export import export_checkpoint
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Network
from ganplugin.runtime import RuntimeOptions, open_model
from tests.models.states import State
from tests.models.upscalers import compact, compact_state, need_spandrel, renamed, rrdb, rrdb_state

RRDB, COMPACT = FAMILIES["esrgan"], FAMILIES["realesrgan-compact"]


@pytest.fixture
def spandrel() -> None:
    need_spandrel()


def photo(*sides: int) -> torch.Tensor:
    return torch.rand(2, 3, *sides, generator=torch.Generator().manual_seed(5))


def facts(network: Network) -> dict[str, object]:
    return {fact.name: fact.value for fact in network.inferred}


@pytest.mark.parametrize(
    ("layout", "how", "scale"),
    [
        ("basicsr", {"ups": 2}, 4),
        ("basicsr", {"ups": 2, "unshuffle": 2}, 2),
        ("basicsr", {"ups": 2, "unshuffle": 4, "blocks": 1}, 1),
        ("bsrgan", {"ups": 1, "width": 8}, 2),
        ("old", {"ups": 0}, 1),
        ("old", {"ups": 3, "blocks": 3}, 8),
        ("old", {"ups": 2, "plus": True}, 4),
    ],
)
def test_an_rrdb_network_in_any_layout_equals_its_plain_writing(spandrel, layout, how, scale) -> None:
    state = rrdb_state(**how)
    network = RRDB.rebuild(renamed(state, layout), {})
    x = photo(8, 12)
    found = network.module(x)
    assert found.shape == (2, 3, 8 * scale, 12 * scale)
    expected = rrdb(state, x, unshuffle=how.get("unshuffle", 1)).clamp(0, 1)
    assert (found - expected).abs().max() < 1e-5
    assert expected.std() > 0.05
    assert (network.facts["scale"], network.facts["channels"]) == (scale, "RGB")
    assert network.facts["size_multiple"] % how.get("unshuffle", 1) == 0
    assert f"{how.get('blocks', 2)}nb" in str(facts(network)["architecture"])


@pytest.mark.parametrize(("scale", "width", "convs"), [(1, 6, 2), (2, 5, 1), (4, 8, 3)])
def test_a_compact_network_equals_its_plain_writing(spandrel, scale: int, width: int, convs: int) -> None:
    state = compact_state(scale=scale, width=width, convs=convs)
    network = COMPACT.rebuild(state, {})
    x = photo(5, 7)
    expected = compact(state, x, scale).clamp(0, 1)
    assert (network.module(x) - expected).abs().max() < 1e-5
    assert expected.std() > 0.05
    assert facts(network)["scale"] == scale
    assert str(facts(network)["network code"]).startswith("spandrel 0.")


def test_an_upscaler_s_checkpoint_becomes_a_model_that_enlarges(spandrel, tmp_path: Path) -> None:
    averaged, raw = rrdb_state(unshuffle=2, blocks=1), rrdb_state(unshuffle=2, blocks=1, width=5)
    torch.save({"params": raw, "params-ema": averaged}, tmp_path / "x2plus.pth")
    done = export_checkpoint(tmp_path / "x2plus.pth")
    manifest = done.manifest
    assert (manifest.family, manifest.kind, manifest.scale, done.part) == ("esrgan", "style", 2, "params-ema")
    assert "ask whoever trained it" in manifest.licence
    content = photo(9, 6)
    found = open_model(done.path, RuntimeOptions(device="cpu")).stylize(content.permute(0, 2, 3, 1).numpy())
    padded = torch.nn.functional.pad(content, (0, 2, 0, 3), mode="reflect")
    expected = rrdb(averaged, padded, unshuffle=2).clamp(0, 1)[:, :, :18, :12].permute(0, 2, 3, 1).numpy()
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("state", [rrdb_state(blocks=1), renamed(rrdb_state(blocks=1), "old"), compact_state()])
def test_without_spandrel_the_file_is_known_and_the_extra_is_named(tmp_path: Path, monkeypatch, state: State) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    torch.save({"params": state}, tmp_path / "up.pth")
    with pytest.raises(DependencyError) as refused:
        export_checkpoint(tmp_path / "up.pth")
    assert "spandrel, which is not installed - run: pip install 'ganplugin[upscale]'" in str(refused.value)
    report = json.loads(CliRunner().invoke(inspect, [str(tmp_path / "up.pth"), "--json"]).stdout)
    (family,) = report["families"]
    assert "upscaler" in family["title"]
    assert "not installed" in family["problem"]


@pytest.mark.parametrize("failure", ["import torchvision_that_is_not_there", "raise RuntimeError('operator nms')"])
def test_a_spandrel_that_does_not_start_says_why(tmp_path: Path, monkeypatch, failure: str) -> None:
    (tmp_path / "spandrel.py").write_text(failure)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spandrel", raising=False)
    with pytest.raises(DependencyError, match=r"does not start: .*(torchvision_that_is_not_there|operator nms)"):
        RRDB.rebuild(rrdb_state(blocks=1), {})


def _with(state: State, **changes: torch.Tensor) -> State:
    return {**state, **{name.replace("__", "."): tensor for name, tensor in changes.items()}}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (_with(rrdb_state(blocks=1), extra__weight=torch.zeros(2)), "of which the network has"),
        (_with(rrdb_state(blocks=1), body__999999999__rdb1__conv1__weight=torch.zeros(2)), "past the last"),
        (_with(compact_state(), body__700__weight=torch.zeros(2)), "past the last"),
        (rrdb_state(blocks=1, ups=1, unshuffle=4), "smaller than they came in"),
        (
            _with(compact_state(), body__6__weight=torch.zeros(7, 6, 3, 3), body__6__bias=torch.zeros(7)),
            "channels to be",
        ),
        (_with(rrdb_state(blocks=1), conv_first__weight=torch.zeros(6, 1, 3, 3)), "of 1 channels"),
        (_with(rrdb_state(blocks=1), conv_hr__bias=torch.zeros(9)), "size mismatch"),
    ],
)
def test_what_is_almost_an_upscaler_is_refused_in_one_line(spandrel, state: State, words: str) -> None:
    family = COMPACT if COMPACT.detect(state) else RRDB
    with pytest.raises(CheckpointError, match=words) as refused:
        family.rebuild(state, {})
    assert "\n" not in str(refused.value)


def test_shapes_that_do_not_fit_cost_no_memory(spandrel, monkeypatch) -> None:
    from spandrel import MAIN_REGISTRY

    architecture = MAIN_REGISTRY["ESRGAN"].architecture
    original, devices = architecture.load, []

    def load(state: State) -> object:
        devices.append(str(torch.get_default_device()))
        return original(state)

    monkeypatch.setattr(architecture, "load", load)
    with pytest.raises(CheckpointError, match="size mismatch"):
        RRDB.rebuild(_with(rrdb_state(blocks=1), conv_first__weight=torch.zeros(2000, 3, 3, 3)), {})
    assert devices == ["meta"]
