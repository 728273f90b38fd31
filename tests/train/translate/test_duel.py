from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ganplugin.errors import InputError, TrainingError
from ganplugin.train.state import State, load_state
from ganplugin.train.translate.duel import Duel
from ganplugin.train.translate.games import BACK, FORWARD
from ganplugin.train.translate.methods import METHODS
from ganplugin.train.workers import Alone
from tests.source import ROOT
from tests.train.test_game import differing
from tests.train.translate.tiny import FRAME, duel, players, sides

EACH = pytest.mark.parametrize("name", METHODS.entries)

KILLED = """
import os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(int(sys.argv[2]))
from ganplugin.train.state import save_state
from ganplugin.train.translate.methods import METHODS
from tests.train.translate.tiny import trainer
for name in METHODS.entries:
    made = trainer(name)
    for step in range(9):
        if step == 8:
            save_state(Path(sys.argv[1]) / f"{name}.pt", made.state())
            made.write_checkpoint(Path(sys.argv[1]) / f"{name}.safetensors", minutes=1)
            made.write_samples(Path(sys.argv[1]) / f"{name}.png")
        made.advance(step / 20)
os.kill(os.getpid(), signal.SIGKILL)
"""

TOGETHER = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
from ganplugin.train.workers import launched
from tests.train.translate.tiny import duel
workers = launched(devices=2, nodes=1, accelerator="cpu")
for name in ("fastcut", "pix2pix"):
    played = duel(name, workers, seed=workers.rank, batch=2)
    for step in range(3):
        played.advance(step / 3)
    torch.save(played.state(), Path(sys.argv[1]) / f"{name}{workers.rank}.pt")
"""


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COVERAGE_PROCESS_START": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def play(played: Duel, steps: int, of: int = 20) -> None:
    while played.step < steps:
        played.advance(played.step / of)


def networks(state: State) -> dict[str, State]:
    found: dict[str, State] = state["networks"]  # type: ignore[assignment]
    return found


@EACH
def test_a_step_moves_every_network_and_the_averages_follow(name: str) -> None:
    played = duel(name)
    before = networks(played.state())
    losses = played.advance(0.0)
    after = networks(played.state())
    assert all(differing(before[one], after[one]) for one in before)
    assert {"scorer", "fool", "content"} <= set(losses)
    assert (played.step, played.seen) == (1, 1)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_20_steps_are_8_a_kill_and_12_bit_by_bit(tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED, encoding="utf-8")
    done = python(str(script), tmp_path, torch.get_num_threads())
    assert done.returncode == -signal.SIGKILL, done.stderr
    for name in METHODS.entries:
        undisturbed, resumed = duel(name), duel(name, seed=9)
        play(undisturbed, 20)
        resumed.restore(load_state(tmp_path / f"{name}.pt"))
        assert resumed.step == 8
        play(resumed, 20)
        assert differing(undisturbed.state(), resumed.state()) == [], name


def test_two_processes_do_what_one_does_with_the_whole_batch(tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    script = tmp_path / "together.py"
    script.write_text(TOGETHER, encoding="utf-8")
    done = python(str(script), tmp_path)
    assert done.returncode == 0, done.stderr
    photo = torch.rand(1, 3, 16, 16)
    for name in ("fastcut", "pix2pix"):
        alone, together = duel(name, batch=2), duel(name, batch=2)
        play(alone, 3, of=3)
        states = [torch.load(tmp_path / f"{name}{rank}.pt", weights_only=True) for rank in (0, 1)]
        assert differing(networks(states[0]), networks(states[1])) == []  # type: ignore[arg-type]
        together.restore(states[0])
        # Biases before a norm change nothing, and only rounding moves them: pictures are compared, not weights.
        wanted, found = (one.players.generators[FORWARD](photo) for one in (alone, together))
        assert torch.allclose(wanted, found, atol=1e-4), name
        assert not torch.allclose(wanted, duel(name).players.generators[FORWARD](photo), atol=1e-3)


def test_rates_stay_and_then_fall_to_nothing() -> None:
    played = duel("fastcut")
    groups = [optimizer.param_groups[0] for optimizer in played.optimizers.values()]
    for part, rate in ((0.0, 2e-4), (0.5, 2e-4), (0.75, 1e-4), (1.0, 0.0)):
        played.advance(part)
        assert [group["lr"] for group in groups] == pytest.approx([rate, rate])
        assert groups[0]["betas"] == (0.5, 0.999)
    played.slow_down()
    played.advance(0.0)
    assert groups[0]["lr"] == 1e-4


def test_pairs_are_cut_at_the_same_place_and_mirrored_together() -> None:
    both = sides(paired=True)
    same = replace(both, styles=both.photos)
    played = Duel(METHODS["pix2pix"], players("pix2pix"), same, FRAME, duel("pix2pix").options, torch.device("cpu"))
    for _ in range(12):
        deal = played._deal(torch.Generator().manual_seed(played.photo_rows.position))
        assert torch.equal(deal.photos, deal.styles)


def test_without_pairs_both_collections_are_gone_through_independently() -> None:
    played = duel("cut")
    play(played, 9)
    assert played.photo_rows.state() == {"count": 9, "seed": 5, "epoch": 1, "position": 0}
    assert played.style_rows.state() == {"count": 7, "seed": 6, "epoch": 1, "position": 2}


def test_discriminators_look_at_changed_pictures_where_that_is_asked_for() -> None:
    played = duel("fastcut", changes=("translation", "cutout"))
    play(played, 2)
    pictures = torch.rand(1, 3, 16, 16)
    assert not torch.equal(played.look(pictures), pictures)
    assert torch.equal(duel("fastcut").look(pictures), pictures)


def test_the_discriminator_learns_to_tell_white_from_what_is_made() -> None:
    played = duel("fastcut", learning_rate=2e-3)
    played.sides.styles.everything[:] = 255
    first = played.advance(0.0)["scorer"]
    for _ in range(60):
        last = played.advance(0.0)
    white = played.players.judges[FORWARD](torch.ones(1, 3, 16, 16)).mean()
    assert last["scorer"] < first
    assert white > 0.5


def test_a_generator_learns_pairs() -> None:
    """The truth is one colour: L1 brings the generator to it."""
    played = duel("pix2pix", learning_rate=3e-3)
    played.sides.styles.everything[:] = 204
    for _ in range(60):
        played.advance(0.0)
    made = played.players.generators[FORWARD](torch.rand(1, 3, 16, 16))
    assert (made - 0.8).abs().mean() < 0.15


def test_a_state_of_another_run_is_refused() -> None:
    with pytest.raises(TrainingError, match="another method or size"):
        duel("cut").restore(duel("fastcut").state())
    state = duel("cut").state()
    del networks(state)["heads"]
    with pytest.raises(TrainingError, match="other networks"):
        duel("cut").restore(state)


def test_a_pool_is_taken_up_again() -> None:
    played, other = duel("cyclegan"), duel("cyclegan")
    play(played, 4)
    other.restore(played.state())
    assert torch.equal(
        torch.stack(other.players.pools[BACK].pictures), torch.stack(played.players.pools[BACK].pictures)
    )
    assert len(other.players.pools[BACK].pictures) == 3


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(InputError, match="--batch 2"):
        duel("fastcut", Alone(0, 2))


def test_the_order_in_memory_changes_the_last_bits_alone() -> None:
    plain, turned = duel("fastcut"), duel("fastcut").computing("fp32", channels_last=True)
    for played in (plain, turned):
        play(played, 2)
    for one, other in zip(plain.tellers, turned.tellers, strict=True):
        assert torch.allclose(one, other, atol=1e-3)
