from __future__ import annotations

import pytest
from torch._dynamo.exc import TorchDynamoException

from ganplugin.train import compiling
from ganplugin.train.compiling import compiled_as_before, compiled_if_faster
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


@pytest.mark.parametrize("seconds", [2.0, 5.0])
def test_a_run_that_was_begun_compiled_goes_on_so(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Estimate(seconds, None, None)
    monkeypatch.setattr(compiling, "estimate", lambda played: found)
    played = game("mlp")
    assert compiled_as_before(played, Estimate(4.0, None, None), report=lambda words: None) is found
    assert played.compiled is not None


def test_the_scorer_learns_again_after_a_generator_turn_that_broke_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks of a compiler that fails at the generator's pass are asked once more without it."""
    played = game("mlp")
    broken = game("mlp")

    def fails(deal: object) -> None:
        raise TorchDynamoException("no")

    monkeypatch.setattr(broken, "_generator_piece", fails)
    before = broken.state()
    with pytest.raises(TorchDynamoException):
        broken.advance(0.0)
    monkeypatch.undo()
    broken.restore(before)
    broken.advance(0.0)
    played.advance(0.0)
    assert not differing(played.state(), broken.state())
