from __future__ import annotations

import pytest
from torch._dynamo.exc import TorchDynamoException

from ganplugin.train import compiling
from ganplugin.train.compiling import compiled_if_faster
from ganplugin.train.estimate import Estimate
from ganplugin.train.game import Game
from tests.train.test_game import differing
from tests.train.tiny import game

# What torch imports to compile warns of its own past.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")


@pytest.mark.parametrize(("seconds", "kept"), [(2.0, True), (5.0, False)])
def test_what_is_faster_is_kept(seconds: float, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found, told = Estimate(seconds, None, None), list[str]()
    monkeypatch.setattr(compiling, "estimate", lambda played: found)
    played, plain = game("mlp"), Estimate(4.0, None, None)
    assert compiled_if_faster(played, plain, report=told.append) is (found if kept else plain)
    assert (played.compiled is not None) == kept
    assert f"{4 / seconds:.2f} times as fast" in told[-1]


def test_where_nothing_can_be_compiled_the_game_goes_on_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_compiler(played: Game) -> Estimate:
        played.advance(0.0)
        raise TorchDynamoException("\nno C++ compiler was found\nand so on")

    played, told = game("mlp"), list[str]()
    before = played.state()
    monkeypatch.setattr(compiling, "estimate", lambda one: without_compiler(one.compiling(False)))
    plain = Estimate(4.0, None, None)
    assert compiled_if_faster(played, plain, report=told.append) is plain
    assert played.compiled is None and not differing(before, played.state())
    assert told[-1].endswith("goes on without: no C++ compiler was found")
