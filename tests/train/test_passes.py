from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ganplugin.train.game import Game
from tests.train.tiny import game

pytestmark = [
    # What torch imports to compile warns of its own past, and it looks at more of a tensor than it needs.
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]


def learnt(name: str, *, compiled: bool, steps: int = 3) -> tuple[Game, list[float]]:
    """A game of an even and two odd turns, so that slopes are learnt from at some of them, and what it told."""
    made = game(name, seed=3).compiling(compiled)
    told = [value for step in range(steps) for value in made.advance(step / 6).values()]
    return made, told


def assert_the_same_is_learnt(name: str) -> None:
    (one, told), (other, told_compiled) = (learnt(name, compiled=way) for way in (False, True))
    assert told_compiled == pytest.approx(told, abs=2e-3)
    for key, tensor in one.painter.state_dict().items():
        torch.testing.assert_close(other.painter.state_dict()[key], tensor, atol=5e-3, rtol=0.0)


@pytest.mark.parametrize("name", ["r3-small", "stylegan2", "fastgan"])
def test_traced_networks_learn_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lazy slopes, ws with the lengths of paths, and a scorer that draws again, without the compiler's own minute."""
    whole: Callable[..., object] = torch.compile
    monkeypatch.setattr(torch, "compile", lambda one, **_: whole(one, backend="aot_eager", dynamic=False))
    torch._dynamo.reset()
    assert_the_same_is_learnt(name)


def test_compiled_networks_learn_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")
    torch._dynamo.reset()
    assert_the_same_is_learnt("mlp")
