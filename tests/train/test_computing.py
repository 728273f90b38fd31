from __future__ import annotations

import pytest
import torch

from ganplugin.errors import ProviderError
from ganplugin.train.computing import Computing
from ganplugin.train.workers import ALONE


@pytest.fixture
def threads() -> object:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_threads_are_held_to_what_was_asked_for() -> None:
    assert Computing(device="cpu", threads=1).begin() == torch.device("cpu")
    assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("threads")
def test_threads_are_left_alone_where_nothing_is_said() -> None:
    torch.set_num_threads(1)
    Computing(device="cpu").begin()
    assert torch.get_num_threads() == 1


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ProviderError, match="cannot use this device"):
        Computing(device="no-such-device").begin()


def test_one_process_is_alone() -> None:
    assert Computing().workers(torch.device("cpu")) is ALONE


def test_what_was_left_open_is_as_the_run_found_it() -> None:
    before = {"precision": "bf16", "layout": "channels-last"}
    assert Computing().ways(before) == ("bf16", "channels-last")
    assert Computing(precision="fp32", layout="plain").ways(before) == ("fp32", "plain")
    assert Computing().ways({}) == ("auto", "auto")
