"""What is read from the metrics' text, and what is told and drawn of it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Histogram as Measured

from contract.histogram import Histogram
from contract.release import ModelRelease
from gateway.web import values
from gateway.web.operations import comparison, plots, report, traffic, words
from gateway.web.operations.exposition import Counts, VersionCounts
from gateway.web.operations.scrub import scrubbed
from tests.gateway.web import operations_scene as scene

INF = math.inf


def test_quantiles_are_those_that_prometheus_estimates() -> None:
    of = Histogram((1.0, 2.0, 4.0, INF), (10, 20, 10, 0), 70.0)
    assert [of.quantile(share) for share in (0.125, 0.25, 0.5, 0.75, 1)] == [0.5, 1, 1.5, 2, 4]
    assert of.mean == 1.75
    assert of.shares == (0.25, 0.5, 0.25, 0.0)
    beyond = Histogram((1.0, 2.0, INF), (0, 1, 9), 100.0)
    assert beyond.quantile(0.95) == 2
    empty = Histogram((1.0, INF), (0, 0), 0.0)
    assert (empty.quantile(0.5), empty.mean, empty.shares) == (None, None, (0.0, 0.0))


def test_an_exposition_is_read_by_model_and_version() -> None:
    counts = Counts(scene.exposition())
    assert counts.since == scene.NOON - timedelta(hours=2)
    stable = counts.version("digits", 2)
    assert stable.answers == {"ok": 1798, "failed": 2, "refused": 1}
    assert stable.seconds is not None
    assert stable.seconds.count == 1800
    assert counts.version("digits", 3).fallbacks == 6
    pair = counts.pair("digits", 2, 3)
    assert pair.requests == {"ok": 495, "failed": 5, "dropped": 12}
    assert pair.agrees == {"true": 955, "false": 45}
    assert pair.difference is not None
    assert pair.difference.mean == pytest.approx(0.004)
    for nobody in (counts.version("digits", 4), counts.version("photos", 2)):
        assert nobody == VersionCounts()
    assert counts.pair("digits", 3, 2).agrees == {}


def test_an_exposition_without_any_of_it_is_nothing_counted() -> None:
    counts = Counts(b"# HELP other_total Others.\n# TYPE other_total counter\nother_total 3.0\n")
    assert counts.since is None
    assert comparison.figures(counts.version("digits", 2)) == comparison.Figures(0, 0, 0, 0)


def test_figures_are_shares_of_what_was_not_refused() -> None:
    figures = comparison.figures(Counts(scene.exposition()).version("digits", 3))
    assert (figures.requests, figures.failed, figures.refused, figures.fallbacks) == (200, 6, 1, 6)
    assert figures.error_rate == 0.03
    assert figures.unknown_rate == pytest.approx(0.03)
    assert figures.p50_ms == pytest.approx(9, rel=0.25)
    assert figures.confidence == pytest.approx(0.9, abs=0.02)


def test_a_shadow_is_compared_on_the_copied_requests_alone() -> None:
    compared = comparison.shadow(Counts(scene.exposition()), "digits", 2, 3)
    assert (compared.of_stable.requests, compared.of_stable.failed) == (500, None)
    of = compared.of_candidate
    assert (of.requests, of.failed, of.dropped, of.error_rate) == (500, 5, 12, 0.01)
    assert of.p95_ms is not None
    assert compared.of_stable.p95_ms is not None
    assert of.p95_ms > 1.5 * compared.of_stable.p95_ms
    assert (compared.pictures, compared.agreement) == (1000, 0.955)


def _compared(stable: Histogram | None, candidate: Histogram | None) -> comparison.Comparison:
    nothing = comparison.Figures()
    return comparison.Comparison("canary", 2, 3, nothing, nothing, 0, None, None, (stable, candidate), (None, None))


def test_a_plot_has_its_words_and_stays_within_its_frame() -> None:
    bounds = (0.001, 0.01, 0.1, 1.0, INF)
    some, others = Histogram(bounds, (0, 90, 10, 0, 0), 1.0), Histogram(bounds, (0, 0, 0, 3, 1), 9.0)
    (plot,) = plots.plots(_compared(some, others))
    assert plot.text == (
        "Latency, share of requests: version 2: half up to 6 ms, nine in ten from 1.5 ms to 55 ms; "
        "version 3: half up to 700 ms, nine in ten from 160 ms to 1 s"
    )
    assert plot.stable.startswith("M6 108")
    assert plot.stable.endswith("Z")
    assert plot.candidate
    places = [x for x, _ in plot.ticks]
    assert all(0 <= x <= plots.WIDTH for x in places)
    assert places == sorted(places)


@pytest.mark.parametrize("empty", [None, Histogram((1.0, INF), (0, 0), 0.0)])
def test_what_nobody_counted_is_not_drawn(empty: Histogram | None) -> None:
    assert plots.plots(_compared(empty, empty)) == []
    (plot,) = plots.plots(_compared(Histogram((1.0, INF), (3, 0), 1.0), empty))
    assert plot.candidate == ""
    assert "nothing of version 3 yet" in plot.text


def test_histograms_of_unlike_buckets_are_not_drawn_over_each_other() -> None:
    one, other = Histogram((1.0, INF), (3, 0), 1.0), Histogram((2.0, INF), (3, 0), 1.0)
    assert plots.plots(_compared(one, other)) == []


def test_a_library_histogram_is_read_as_it_was_filled() -> None:
    registry = CollectorRegistry()
    seconds = Measured("vitrine_version_seconds", "", ("model", "version"), buckets=(0.1, 0.2), registry=registry)
    for value in (0.05, 0.1, 0.15, 9):
        seconds.labels('odd "model\\ name', "1").observe(value)
    found = Counts(generate_latest(registry)).version('odd "model\\ name', 1).seconds
    assert found is not None
    assert (found.bounds, found.counts) == ((0.1, 0.2, INF), (2, 1, 1))
    assert found.total == pytest.approx(9.3)


def test_a_reports_curves_have_their_words() -> None:
    read = report.read(scene.report())
    assert read is not None
    drawn = {spark.title: spark for spark in plots.sparks(read)}
    assert drawn["Traffic"].text == "Traffic by step: 5%, 25%, 50%, 100%"
    assert drawn["Error rate"].text.endswith("of stable: 0.1%, 0.1%, 0.1%, 0.1%")
    assert drawn["p95"].last == "19 ms"
    assert all(0 <= y <= plots.SPARK_HEIGHT for spark in drawn.values() for _, y in spark.dots)


def test_a_report_of_one_step_has_no_curves_and_one_with_gaps_has_what_there_is() -> None:
    one, two = report.read({"steps": [{"percent": 5}]}), report.read({"steps": [{"percent": 5}, {"agreement": 1}] * 2})
    assert one is not None
    assert two is not None
    assert plots.sparks(one) == []
    assert [(spark.title, len(spark.dots)) for spark in plots.sparks(two)] == [("Traffic", 2), ("Agreement", 2)]


@pytest.mark.parametrize(
    ("labels", "percent", "loaded", "shares"),
    [
        ({"stable": 2, "canary": 3}, 10, {1, 2, 3}, {2: 90, 3: 10}),
        ({"stable": 2, "canary": 3}, 10, {1, 2}, {2: 100}),
        ({"stable": 2, "canary": 3}, 10, {1, 3}, {1: 90, 3: 10}),
        ({"stable": 2, "canary": 3}, 10, {3}, {3: 10}),
        ({"stable": 2, "canary": 3}, 10, {1}, {1: 100}),
        ({"stable": 1}, 0, {2, 3}, {}),
        ({"stable": 2, "canary": 3}, 10, set(), {}),
        ({"stable": 2, "canary": 2}, 10, {2}, {2: 100}),
        ({"stable": 2}, 0, {1, 2, 3}, {2: 100}),
        ({}, 0, {1, 3}, {3: 100}),
    ],
)
def test_shares_add_up_over_what_is_loaded(
    labels: dict[str, int], percent: float, loaded: set[int], shares: dict[int, float]
) -> None:
    release = ModelRelease(versions=(1, 2, 3), labels=labels, canary_percent=percent)
    assert traffic.actual(release, loaded) == shares


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, words.NONE),
        (0, "0%"),
        (0.0001, "< 0.1%"),
        (0.123, "12.3%"),
        (0.9999, "> 99.9%"),
        (1, "100%"),
        (1e300, "1e+302%"),
    ],
)
def test_a_share_is_shown_as_what_it_is(share: float | None, shown: str) -> None:
    assert words.percent(share) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59.6, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (90000, "1 d 1 h"), (-5, "0 s")],
)
def test_a_duration_is_told_in_its_largest_units(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(None, words.NONE), (0.42, "0.42 ms"), (4.26, "4.3 ms"), (12.34, "12.3 ms"), (420, "420 ms"), (1500, "1.5 s")],
)
def test_a_time_is_shown_with_two_figures_or_three(ms: float | None, shown: str) -> None:
    assert words.milliseconds(ms) == shown


def test_moments_know_their_zone_or_are_none() -> None:
    assert values.moment("2026-11-21T12:00:00+01:00") == datetime(2026, 11, 21, 11, tzinfo=UTC)
    for odd in ("2026-11-21T12:00:00", "noon", "", 5, None, "0001-01-01T00:00:00+12:00"):
        assert values.moment(odd) is None


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("cannot open /models/digits/3/x.pb: gone", "cannot open …/x.pb: gone"),
        ("in ~/models/digits", "in …/digits"),
        ("'/a/b' is no folder", "'…/b' is no folder"),
        ("taken for shoe/boot and 3/4", "taken for shoe/boot and 3/4"),
        ("http://gateway:8080/metrics/all", "http://gateway:8080/metrics/all"),
        ("https://me:word@host/x", "https://host/x"),
    ],
)
def test_paths_and_logins_are_cut(said: str, told: str) -> None:
    assert scrubbed(said) == told


def test_a_comparison_may_lack_every_figure() -> None:
    nothing = replace(_compared(None, None), kind="shadow")
    assert plots.plots(nothing) == []
