from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from ganplugin.errors import TrainingError
from ganplugin.models.quick import FAMILY, SCORER_FAMILY
from ganplugin.train.checkpoint import State, load_state, read_checkpoint, save_state
from ganplugin.train.data import PictureSet
from ganplugin.train.generator import GeneratorTrainer

Maker = Callable[[], GeneratorTrainer]


def flat(state: object, prefix: str = "") -> dict[str, object]:
    """Every leaf of a nested state under its path."""
    if isinstance(state, dict):
        parts = [flat(value, f"{prefix}/{key}") for key, value in state.items()]
    elif isinstance(state, (list, tuple)):
        parts = [flat(value, f"{prefix}/{index}") for index, value in enumerate(state)]
    else:
        return {prefix: state}
    return {key: value for part in parts for key, value in part.items()}


def same(a: State, b: State) -> bool:
    """Whether two states are equal bit by bit."""
    one, two = flat(a), flat(b)
    return one.keys() == two.keys() and all(
        torch.equal(value, other) if isinstance(value, Tensor) and isinstance(other, Tensor) else value == other
        for value, other in zip(one.values(), two.values(), strict=True)
    )


def learned(trainer: GeneratorTrainer) -> State:
    """The state but for the statistics that each save measures anew."""
    measured = dict(trainer.average.named_buffers())
    average = {key: value for key, value in trainer.average.state_dict().items() if key not in measured}
    return trainer.state() | {"average": average}


def test_a_resumed_run_equals_an_undisturbed_one_bit_by_bit(make_generator: Maker, tmp_path: Path) -> None:
    undisturbed, first, second = make_generator(), make_generator(), make_generator()
    for _ in range(20):
        undisturbed.advance()
    for _ in range(8):
        first.advance()
    first.write_checkpoint(tmp_path / "c.safetensors", minutes=1)  # saving must not change what follows
    save_state(tmp_path / "state.pt", first.state())
    second.restore(load_state(tmp_path / "state.pt"))
    for _ in range(12):
        second.advance()
        first.advance()
    assert second.step == 20
    assert same(learned(undisturbed), learned(first))
    assert same(learned(undisturbed), learned(second))


def test_training_changes_both_networks_and_follows_with_the_average(make_generator: Maker) -> None:
    trainer = make_generator()
    before = trainer.state()
    losses = trainer.advance()
    after = trainer.state()
    assert set(losses) == {"scorer", "generator", "real", "made"}
    for name in ("generator", "scorer", "average"):
        assert not same(before[name], after[name])  # type: ignore[arg-type]
    assert trainer.step == 1


def test_the_scorer_learns_to_tell_black_from_what_is_made(make_generator: Maker) -> None:
    trainer = make_generator()
    trainer.pictures.zero_()
    for _ in range(30):
        losses = trainer.advance()
    assert losses["scorer"] < 1.9


def test_the_checkpoint_rebuilds_as_generator_and_scorer(make_generator: Maker, tmp_path: Path) -> None:
    trainer = make_generator()
    trainer.advance()
    trainer.write_checkpoint(tmp_path / "c.safetensors", minutes=1.25)
    tensors, config = read_checkpoint(tmp_path / "c.safetensors")
    training = config["training"]
    assert training == {
        "data": "noise", "licence": "none", "steps": 1, "pictures_seen": 4, "minutes": 1.2, "seed": 3,
    }  # fmt: skip
    parts = {
        part: {k[len(part) + 1 :]: v for k, v in tensors.items() if k.startswith(f"{part}.")}
        for part in ("g_ema", "g", "d")
    }
    network = FAMILY.rebuild(parts["g_ema"], config)
    defaults = [item.default for item in network.inputs[1:]]
    z = torch.randn(5, 8)
    image, w = network.module(z, *defaults)
    assert image.shape == (5, 3, 16, 16)
    assert torch.allclose(w[:, 0], trainer.average.map(z), atol=1e-6)
    assert SCORER_FAMILY.rebuild(parts["d"], config).module(image).shape == (5,)


def test_samples_are_a_sheet_of_64(make_generator: Maker, tmp_path: Path) -> None:
    make_generator().write_samples(tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.size == (8 * 18 - 2, 8 * 18 - 2)


def test_a_state_of_other_networks_is_refused(make_generator: Maker) -> None:
    trainer = make_generator()
    wide = GeneratorTrainer(
        PictureSet(trainer.pictures.numpy(), 24, ()),
        replace(trainer.config, width=8),
        trainer.options,
        {},
        torch.device("cpu"),
    )
    with pytest.raises(TrainingError, match="another size or width"):
        trainer.restore(wide.state())
