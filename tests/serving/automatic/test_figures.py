"""Figures of versions and pairs, from the text that gateways really give."""

from __future__ import annotations

import random
from statistics import quantiles

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.histogram import Histogram
from serving.automatic.counts import Tally
from serving.automatic.exposition import NotMetrics, parse
from serving.automatic.figures import comparison, figures
from tests.serving.automatic.counting import Metrics, bucket_of


def test_requests_errors_and_the_unknown_are_told_by_version() -> None:
    metrics = Metrics()
    metrics.answered(1, 200, failed=1, unknown=10)
    metrics.answered(2, 50, failed=5, unknown=9)
    counts = parse(metrics.text(), "digits")

    stable, candidate = figures(counts, 1), figures(counts, 2)

    assert (stable.requests, stable.failed, stable.error_rate) == (200, 1, 0.005)
    assert (candidate.requests, candidate.error_rate) == (50, 0.1)
    assert stable.unknown_rate == pytest.approx(10 / 199)
    assert candidate.unknown_rate == pytest.approx(9 / 45)
    assert stable.confidence == pytest.approx(0.9)


def test_what_was_not_counted_is_not_known() -> None:
    nothing, no_copies = figures({}, 1), comparison({}, 1, 2)

    assert (nothing.requests, nothing.error_rate, nothing.unknown_rate, nothing.confidence) == (0, None, None, None)
    assert nothing.seconds.quantile(0.95) is None
    assert (no_copies.agreement, no_copies.difference) == (None, None)


def test_a_pair_is_told_by_version_and_shadow() -> None:
    metrics = Metrics()
    metrics.copied(1, 2, 100, differs=10, failed=4, seconds=0.05)
    metrics.copied(1, 3, 7)

    pair = comparison(parse(metrics.text(), "digits"), 1, 2)

    assert (pair.requests, pair.failed, pair.agrees, pair.differs) == (100, 4, 86, 10)
    assert pair.agreement == pytest.approx(86 / 96)
    assert pair.difference == pytest.approx(0.02)
    assert pair.as_shadow.error_rate == 0.04
    slow, quick = pair.as_shadow.seconds.quantile(0.5), pair.as_version.seconds.quantile(0.5)
    assert slow is not None
    assert quick is not None
    assert slow > quick


def test_other_models_are_left_out() -> None:
    metrics = Metrics(model="shoes")
    metrics.answered(1, 200)

    assert parse(metrics.text(), "digits") == {}


@pytest.mark.parametrize("page", ["<html>hello</html>", 'vitrine_answers_total{model="digits} x'])
def test_a_page_that_is_no_exposition_is_refused(page: str) -> None:
    with pytest.raises(NotMetrics, match="Expected Prometheus's text format"):
        parse(page, "digits")


@settings(max_examples=30)
@given(st.lists(st.floats(0.0005, 5.0), min_size=1, max_size=60), st.sampled_from([0.5, 0.95]))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(times: list[float], share: float) -> None:
    metrics = Metrics()
    metrics.answered(1, len(times), seconds=times)
    found = figures(parse(metrics.text(), "digits"), 1).seconds.quantile(share)
    true = sorted(times)[max(0, -int(-share * len(times) // 1) - 1)]
    lower, upper = bucket_of(true)

    assert found is not None
    assert lower - 1e-12 <= found <= upper + 1e-12


def test_percentiles_of_a_window_know_nothing_of_what_was_before() -> None:
    chance, metrics = random.Random(2), Metrics()
    metrics.answered(1, 500, seconds=[3.0])
    tally = Tally().after({"a": parse(metrics.text(), "digits")})
    times = [chance.lognormvariate(-4, 0.5) for _ in range(2000)]
    metrics.answered(1, 2000, seconds=times)
    window = figures(tally.after({"a": parse(metrics.text(), "digits")}).grown, 1)

    assert window.seconds.count == 2000
    found = window.seconds.quantile(0.95)
    assert found == pytest.approx(quantiles(times, n=20)[-1], rel=0.25)


def test_what_is_surely_above_a_time_is_in_buckets_that_begin_there() -> None:
    histogram = Histogram.from_buckets([(0.1, 3), (0.2, 5), (float("inf"), 6)])

    assert [histogram.surely_above(time) for time in (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)] == [6, 3, 3, 1, 1, 0]
