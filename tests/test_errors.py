from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganplugin import errors
from ganplugin.errors import Cancelled, FileError, GanPluginError, InputError


def test_an_error_says_where_what_and_what_to_do() -> None:
    assert str(FileError("is missing", where="a.png", fix="check the path")) == "a.png: is missing - check the path"
    assert str(InputError("is wrong")) == "is wrong"
    assert str(Cancelled()) == "stopped"


@given(st.text(), st.none() | st.text(), st.none() | st.text())
def test_an_error_is_one_printable_line(what: str, where: str | None, fix: str | None) -> None:
    message = str(GanPluginError(what, where=where, fix=fix))
    assert message.isprintable()
    assert len(message.splitlines()) <= 1


def test_each_class_has_its_own_exit_code() -> None:
    classes = [getattr(errors, name) for name in errors.__all__]
    codes = [kind.exit_code for kind in classes]
    assert len(set(codes)) == len(codes)
    assert all(issubclass(kind, GanPluginError) and 0 < kind.exit_code < 256 for kind in classes)
    assert Cancelled.exit_code == 130


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_caught_as_ours(name: str) -> None:
    with pytest.raises(GanPluginError):
        raise getattr(errors, name)("x")
