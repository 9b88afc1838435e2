"""The metrics by which two versions are compared."""

from __future__ import annotations

import itertools

import pytest

from gateway.observe.metrics import MULTIPROCESS_DIR, Metrics
from gateway.observe.trails import SECONDS, TrailMetrics
from gateway.versions.resolve import Resolved
from gateway.versions.trail import Asked, Trail
from tests.gateway.observe.samples import samples

STABLE = Resolved("digits", 1, "stable")
CANARY = Resolved("digits", 2, "canary", drawn=True)
PINNED = Resolved("digits", 2, movable=False)


def counted(*trails: Trail) -> dict[str, float]:
    """What such requests leave in the metrics."""
    metrics = Metrics()
    trail_metrics = TrailMetrics(metrics)
    for trail in trails:
        trail_metrics.count(trail)
    return samples(metrics.exposition())


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MULTIPROCESS_DIR, raising=False)


def test_answers_are_counted_by_the_version_asked_and_its_outcome() -> None:
    found = counted(
        Trail(STABLE, [Asked(STABLE, "ok", 0.004)]),
        Trail(STABLE, [Asked(STABLE, "refused")]),
        Trail(PINNED, [Asked(PINNED, "failed")]),
        Trail(),
    )
    assert {name: value for name, value in found.items() if "answers_total" in name or "fallbacks_total" in name} == {
        'vitrine_answers_total{model="digits",outcome="ok",version="1"}': 1,
        'vitrine_answers_total{model="digits",outcome="refused",version="1"}': 1,
        'vitrine_answers_total{model="digits",outcome="failed",version="2"}': 1,
    }
    assert found['vitrine_version_seconds_count{model="digits",version="1"}'] == 1
    assert found['vitrine_version_seconds_sum{model="digits",version="1"}'] == 0.004


def test_a_fallback_is_a_failure_of_the_canary_and_an_answer_of_the_stable_version() -> None:
    found = counted(Trail(STABLE, [Asked(CANARY, "failed"), Asked(STABLE, "ok", 0.004)]))
    assert found['vitrine_answers_total{model="digits",outcome="failed",version="2"}'] == 1
    assert found['vitrine_answers_total{model="digits",outcome="ok",version="1"}'] == 1
    assert found['vitrine_fallbacks_total{model="digits",version="2"}'] == 1


def test_it_is_none_where_the_stable_version_fails_too() -> None:
    found = counted(Trail(STABLE, [Asked(CANARY, "failed"), Asked(STABLE, "failed")]))
    assert not [name for name in found if name.startswith("vitrine_fallbacks")]


def test_the_buckets_of_seconds_are_steps_of_a_half() -> None:
    assert SECONDS[0] == 0.001
    assert SECONDS[-1] > 20
    assert all(1.45 < larger / smaller < 1.55 for smaller, larger in itertools.pairwise(SECONDS))
