from __future__ import annotations

import json

import pytest

from ganplugin.bench.results import BatchSpeed, PipelineRun, Report
from ganplugin.machine import Machine


def speed(batch, rate):
    return BatchSpeed(batch, 5, rate, 1000 * batch / rate, 0.9, 0.05)


def files(rate, *, batch=4, network=0.8, conversion=0.05, waiting=0.05):
    return PipelineRun(batch, 1, 100, rate, 5000, network, conversion, waiting, 0.4)


def report(*speeds, cards=(), device="cpu", **more):
    machine = Machine("a processor", 4, 2, "a system", cards)
    facts = {"model": "m", "kind": "generator", "family": "f", "picture": "8 x 8 RGB", "digest": "0" * 64}
    return Report(
        **facts, device=device, provider="P", threads=2, machine=machine, versions={}, speeds=speeds, **more
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rates", "best", "words"),
    [
        ([(1, 50), (2, 90), (4, 94), (8, 93)], 2, "Use --batch 2: larger ones are no faster."),
        ([(1, 50), (2, 90), (4, 140)], 4, "measure --batch 4,8"),
        ([(3, 10)], 3, "Only --batch 3 was measured."),
    ],
)
def test_the_best_batch_is_the_smallest_that_is_as_fast(rates, best, words):
    found = report(*(speed(batch, rate) for batch, rate in rates))
    assert found.best.batch == best
    assert words in found.verdict[0]
    assert len(found.verdict) == 1, "nothing else is known"


def test_batches_that_were_left_out_are_named():
    assert "Batches of 4, 8 would have taken too long" in report(speed(1, 2), left_out=(4, 8)).verdict[1]


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (files(90), "The network bounds it: 80% of the time."),
        (files(60, waiting=0.4), "Encoding bounds it: the network waits 40% of its time for one encoder thread."),
        (files(90, conversion=0.3), "Conversion to 8 bits takes 30%"),
    ],
)
def test_what_bounds_a_render_is_said(run, words):
    found = report(speed(1, 50), speed(4, 100), pipeline=run)
    assert words in found.verdict[1]
    assert len(found.verdict) == 2


def test_cores_that_network_and_encoders_share_are_told():
    found = report(speed(4, 100), pipeline=files(70))
    assert found.verdict[-1] == "Network and encoders share 2 cores: files cost 30% of the speed."
    assert "share" not in report(speed(4, 100), pipeline=files(60, waiting=0.4)).verdict[-1]


def test_a_card_that_lies_idle_is_told():
    assert "--device cuda" in report(speed(1, 2), cards=("RTX",)).verdict[-1]
    assert "GPU" not in report(speed(1, 2), cards=("RTX",), device="cuda").verdict[-1]


def test_single_pictures_that_are_slow_on_a_card_lead_to_cuda_graphs():
    speeds = speed(1, 10), speed(16, 100)
    assert "cuda+graphs" in report(*speeds, device="cuda:1").verdict[-1]
    assert "cuda+graphs" not in report(*speeds, device="cuda+graphs").verdict[-1]
    assert "cuda+graphs" not in report(*speeds, device="cpu").verdict[-1]


def test_json_holds_everything_and_the_verdict():
    found = report(speed(1, 50), speed(4, 100), pipeline=files(90))
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["best_batch"] == 4
    assert plain["verdict"] == list(found.verdict)
    assert plain["pipeline"]["pictures"] == 100
    assert plain["speeds"][1]["pictures_per_second"] == 100
    assert plain["machine"]["processor"] == "a processor"
