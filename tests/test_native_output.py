from __future__ import annotations

import os
import sys

from ganplugin.native_output import STDERR, STDOUT, captured, replay


def test_both_streams_are_caught_and_given_back(capfd):
    print("before")
    with captured(STDOUT, STDERR) as output:
        os.write(STDOUT, b"native out\n")
        os.write(STDERR, b"native err\n")
    print("after")
    assert sorted(output.text.split("\n")) == ["", "native err", "native out"]
    assert capfd.readouterr() == ("before\nafter\n", "")


def test_a_stream_that_is_not_named_is_left_alone(capfd):
    with captured(STDERR) as output:
        os.write(STDOUT, b"result\n")
        os.write(STDERR, b"noise\n")
    assert output.text == "noise\n"
    assert capfd.readouterr().out == "result\n"


def test_streams_come_back_after_an_error(capfd):
    try:
        with captured(STDERR) as output:
            os.write(STDERR, b"last words")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    os.write(STDERR, b"here again")
    assert output.text == "last words"
    assert capfd.readouterr().err == "here again"


def test_replayed_text_goes_to_the_error_stream(capfd):
    replay("a warning\n")
    assert capfd.readouterr() == ("", "a warning\n")


def test_a_closed_or_absent_stream_does_no_harm(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with captured(9_999) as output:
        pass
    assert output.text == ""
