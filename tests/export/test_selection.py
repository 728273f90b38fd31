from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ganplugin.errors import CheckpointError, InputError
from ganplugin.export.exporting import _read
from ganplugin.export.options import ExportOptions
from ganplugin.export.selection import chosen, scorer_beside
from ganplugin.models.families import FAMILIES
from ganplugin.models.network import Family, Network, StateDict
from ganplugin.registry import Registry
from tests.export.files import WRITERS
from tests.export.networks import plain
from tests.models.test_dcgan import example_discriminator, example_generator, state_of


def family(name: str, *, fails: bool = False) -> Family:
    def rebuild(state: StateDict, config: object) -> Network:
        if fails:
            raise CheckpointError(f"is no {name}")
        return plain()

    return Family(name, name.title(), "generator", "", lambda state: "a" in state, rebuild)


def registry(*families: Family) -> Registry[Family]:
    table = Registry[Family]("family")
    for entry in families:
        table = table.add(entry.id, entry)
    return table


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return WRITERS["torch zip"](tmp_path / "x.pt", {"a": torch.ones(1)})


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Both generators of a CycleGAN in one file, say, and a discriminator."""
    content = {
        "netG_A": state_of(example_generator(5, (6, 4), 3)),
        "netG_B": state_of(example_generator(7, (6, 4), 3)),
        "netD_A": state_of(example_discriminator(3, (4, 6))),
    }
    return WRITERS["torch zip"](tmp_path / "two.pt", content)


def test_two_families_that_both_fit_are_named_and_the_user_asked(file: Path) -> None:
    known = registry(family("alpha"), family("beta"))
    with pytest.raises(CheckpointError, match="could be a Alpha or a Beta") as caught:
        chosen(_read([file], known), ExportOptions(), known)
    assert caught.value.fix == "say which: --family alpha or --family beta"
    choice = chosen(_read([file], known), ExportOptions(family="beta"), known)
    assert (choice.match.family.id, choice.rivals) == ("beta", ())


def test_a_rival_that_cannot_be_rebuilt_is_the_runner_up(file: Path) -> None:
    known = registry(family("alpha", fails=True), family("beta"))
    choice = chosen(_read([file], known), ExportOptions(), known)
    assert (choice.match.family.id, choice.rivals) == ("beta", ("alpha",))


def test_if_none_can_be_rebuilt_the_first_says_why(file: Path) -> None:
    known = registry(family("alpha", fails=True), family("beta", fails=True))
    with pytest.raises(CheckpointError, match="is no alpha") as caught:
        chosen(_read([file], known), ExportOptions(), known)
    assert caught.value.where == str(file)


def test_a_family_that_does_not_fit_or_is_not_known(two: Path) -> None:
    joint = _read([two], FAMILIES)
    with pytest.raises(CheckpointError, match="seems to be a DCGAN generator"):
        chosen(joint, ExportOptions(family="stylegan2"), FAMILIES)
    with pytest.raises(InputError, match="did you mean 'stylegan2'"):
        chosen(joint, ExportOptions(family="stylegna2"), FAMILIES)


def test_a_scorer_can_be_named_by_its_family_alone(two: Path) -> None:
    """Bug: only generators were looked at, so that the file was said to hold no such scorer."""
    choice = chosen(_read([two], FAMILIES), ExportOptions(family="dcgan-scorer"), FAMILIES)
    assert choice.match.part.path == "netD_A"


def test_a_part_can_be_named_by_its_place(two: Path) -> None:
    joint = _read([two], FAMILIES)
    assert chosen(joint, ExportOptions(), FAMILIES).match.part.path == "netG_A"
    choice = chosen(joint, ExportOptions(part="netG_B"), FAMILIES)
    assert choice.network.facts["z_dim"] == 7
    with pytest.raises(InputError, match=r"there is no part 'netGB'.*did you mean 'netG_B'"):
        chosen(joint, ExportOptions(part="netGB"), FAMILIES)


def test_the_scorer_of_a_generator(two: Path, file: Path) -> None:
    assert scorer_beside(_read([two], FAMILIES), FAMILIES).match.part.path == "netD_A"
    known = registry(family("alpha"))
    with pytest.raises(CheckpointError, match="but no scorer"):
        scorer_beside(_read([file], known), known)


def test_why_a_discriminator_cannot_be_a_scorer(tmp_path: Path) -> None:
    odd = {"feature_network.pretrained.layer0.0.weight": torch.ones(1), "discriminator.mini_discs.0.x": torch.ones(1)}
    file = WRITERS["torch zip"](tmp_path / "x.pt", {"G": state_of(example_generator(5, (6, 4), 3)), "D": odd})
    joint = _read([file], FAMILIES)
    with pytest.raises(CheckpointError, match=r"but no scorer .but Projected GAN's discriminator"):
        chosen(joint, ExportOptions(part="scorer"), FAMILIES)
