"""Two pieces never get one name: one would replace the other without a word."""

from __future__ import annotations

import pytest

from ganplugin.errors import InputError
from tests.series.kit import SEEDS, plan_of

DIGITS = {**SEEDS, "Digit": {"sweep": [5, 11, 2, 1]}}


@pytest.mark.parametrize(
    "names",
    [
        ("{index}{Digit}",),  # 1 and 11, 11 and 1
        ("{Digit}{index}",),
        ("{Digit}",),
        ("{index}1", "{index}"),
        ("{index}", "{number}"),
        ("a{index}", "a1{index}"),
    ],
)
def test_names_that_meet_are_refused(home, names):
    with pytest.raises(InputError, match=r"outputs\.\d\.name: .* - add \{index\} to the name"):
        plan_of(edition=120, traits=DIGITS, outputs=[{"name": name} for name in names])


@pytest.mark.parametrize(
    "names",
    [
        ("{index}",),
        ("{index:03}-{Digit}", "{index:03}-{Digit}b"),
        ("{number} of {Digit}",),
        ("{index}", "{index}-large"),
        ("{index}", "x{index}"),
        ("{Digit}/{index}",),
    ],
)
def test_names_that_never_meet_are_taken(home, names):
    plan = plan_of(edition=120, traits=DIGITS, outputs=[{"name": name} for name in names])
    found = [name.path for piece in plan for name in plan.files.names(piece.index, piece.named)]
    assert len(set(found)) == len(found) == 120 * len(names)
