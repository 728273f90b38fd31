from __future__ import annotations

import threading

import pytest

from ganplugin.errors import Cancelled, InputError
from ganplugin.nodes import Context
from ganplugin.nodes.blender.job import Job, Progress


def ended(work) -> Job:
    job = Job(work)
    job.wait(30)
    assert job.done
    return job


def test_results_and_messages_are_taken_once_and_in_order():
    def work(job):
        for number in range(3):
            job.deliver(number)
        job.message("written")

    job = ended(work)
    job.check()
    assert list(job.results()) == [0, 1, 2]
    assert list(job.messages()) == ["written"]
    assert list(job.results()) == list(job.messages()) == []


def test_work_stops_before_its_next_item_when_it_is_told_to():
    begun, go_on = threading.Event(), threading.Event()

    def work(job):
        for item in Context(reporter=job, cancelled=job.cancelled).track(range(9), "Rendering", 9):
            job.deliver(item)
            begun.set()
            go_on.wait(30)

    job = Job(work)
    assert begun.wait(30)
    job.check()
    assert job.progress == Progress("Rendering", 0, 9)
    job.cancel()
    go_on.set()
    job.wait(30)
    assert list(job.results()) == [0]
    with pytest.raises(Cancelled):
        job.check()


def test_an_error_waits_until_it_is_asked_for():
    def work(job):
        raise InputError("is wrong", where="seeds")

    job = ended(work)
    with pytest.raises(InputError, match="seeds: is wrong"):
        job.check()


def test_a_task_within_a_task_gives_way_to_it_again():
    seen = []

    def work(job):
        seen.append(job.progress)
        with job.task("Outer", 4) as outer:
            outer(1)
            with job.task("Inner", 2) as inner:
                inner(1)
                seen.append(job.progress)
            seen.append(job.progress)
        job.preview(None)

    ended(work).check()
    assert seen == [Progress("Starting", 0, 0), Progress("Inner", 1, 2), Progress("Outer", 1, 4)]
    assert [step.fraction for step in seen] == [0, 0.5, 0.25]
