"""Progress, previews and messages in ComfyUI's window, and its button that stops."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest

from ganplugin.errors import Cancelled
from ganplugin.nodes.context import Context
from tests.nodes.comfyui.stand_in import Interrupted
from tests.nodes.kit import noise


@pytest.fixture
def clock(comfy, monkeypatch):
    """Seconds that pass only when a test says so: ``clock[0]``."""
    now = [100.0]
    monkeypatch.setattr(comfy.module("reporting").time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def reporter(comfy, clock):
    return comfy.module("reporting").NodeReporter("7")


def test_previews_are_throttled_and_the_last_step_is_always_shown(comfy, reporter, clock):
    with reporter.task("Sample", 10) as done:
        for number in range(1, 11):
            reporter.preview(noise(4, 6, seed=number))
            done(number)
            clock[0] += 0.04
    assert [(value, total) for value, total, _ in comfy.steps] == [(1, 10), (4, 10), (7, 10), (10, 10)]
    assert all(preview is not None for _, _, preview in comfy.steps)


def test_slow_pictures_are_all_shown(comfy, reporter, clock):
    with reporter.task("Sample", 3) as done:
        for number in range(1, 4):
            reporter.preview(noise(4, 6))
            done(number)
            clock[0] += 2
    assert [value for value, _, _ in comfy.steps] == [1, 2, 3]


def test_a_preview_is_the_last_picture_and_shown_once(comfy, reporter, clock):
    first, last = noise(4, 6, seed=1), noise(4, 6, seed=2)
    with reporter.task("Sample", 3) as done:
        reporter.preview(first)
        reporter.preview(last)
        done(1)
        clock[0] += 1
        done(2)
    (_, _, (kind, picture, side)), (_, _, nothing) = comfy.steps
    assert (kind, picture.mode, picture.size, nothing) == ("JPEG", "RGB", (6, 4), None)
    assert side >= 256
    assert np.array_equal(np.asarray(picture), np.rint(last * 255))


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_alpha_are_previewed_as_rgb(comfy, reporter, channels):
    with reporter.task("Sample", 1) as done:
        reporter.preview(noise(4, 6, channels))
        done(1)
    assert comfy.steps[0][2][1].mode == "RGB"


def test_a_message_is_shown_on_the_node(comfy, reporter):
    reporter.message("2 pictures are there already")
    assert comfy.texts == [("2 pictures are there already", "7")]


@pytest.mark.parametrize("missing", ["node", "send", "instance"])
def test_a_message_that_cannot_be_shown_is_logged(comfy, missing, monkeypatch, caplog):
    server = sys.modules["server"].PromptServer
    if missing == "send":
        monkeypatch.delattr(server.instance, "send_progress_text")
    if missing == "instance":
        monkeypatch.delattr(server, "instance")
    with caplog.at_level(logging.INFO, "ganplugin"):
        comfy.module("reporting").show_text(None if missing == "node" else "7", "on CPU")
    assert (comfy.texts, caplog.messages) == ([], ["on CPU"])


def test_a_text_with_a_per_cent_sign_is_logged_as_it_is(comfy, caplog):
    with caplog.at_level(logging.INFO, "ganplugin"):
        comfy.module("reporting").show_text(None, "100 %d")
    assert caplog.messages == ["100 %d"]


def test_the_stop_button_is_heard_before_the_next_picture(comfy, reporter):
    reporting = comfy.module("reporting")
    context = Context(reporter=reporter, cancelled=reporting.interrupted)
    assert not reporting.interrupted()
    reporting.stop_if_interrupted()
    seen = []
    with pytest.raises(Cancelled):
        for item in context.track(range(5), "Sample", 5):
            seen.append(item)
            comfy.interrupted = item == 2
    assert seen == [0, 1, 2]
    with pytest.raises(Interrupted):
        reporting.stop_if_interrupted()
