from __future__ import annotations

from ganplugin.train.metrics.numbers import NUMBERS
from ganplugin.train.page.charts import loss_charts, metric_charts


def test_every_number_of_the_metrics_has_a_place() -> None:
    charts = metric_charts(list(NUMBERS))
    shown = [name for chart in charts for name in chart.lines]
    assert sorted(shown) == sorted(name for name in NUMBERS if not name.endswith("_std"))
    assert all(chart.words for chart in charts)


def test_what_is_not_known_gets_a_chart_of_its_own() -> None:
    assert [chart.title for chart in loss_charts(["style", "scorer", "odd_one"])] == [
        "Losses",
        "Style",
        "Odd one",
    ]
    assert [chart.title for chart in metric_charts(["kid", "odd-one", "took"])] == ["KID", "Odd one"]


def test_numbers_that_perfect_samples_share_are_drawn() -> None:
    ideals = {chart.title: chart.ideal for chart in metric_charts(["kid", "diversity", "sharpness", "checkerboard"])}
    assert ideals == {"KID": None, "Diversity": 1, "Sharpness and checkerboard": 0}


def test_words_say_what_is_better() -> None:
    (kid,) = metric_charts(["kid", "kid_std"])
    assert kid.words == "How far the crowd of samples is from the crowd of real pictures (lower is better)."
    assert kid.logarithmic
