"""Bounds of rates, held against scipy's and against chance itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from serving.automatic.proportions import Rate, binomial_tail, least_excess

ALPHA = 0.001
Counted = st.integers(1, 3000).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))


@given(Counted, st.sampled_from([0.001, 0.05]))
def test_the_bounds_are_those_of_clopper_and_pearson(counted: tuple[int, int], alpha: float) -> None:
    hits, total = counted
    rate = Rate(hits, total)
    lower = beta.ppf(alpha, hits, total - hits + 1) if hits else 0.0
    upper = beta.ppf(1 - alpha, hits + 1, total - hits) if hits < total else 1.0

    assert rate.lower(alpha) == pytest.approx(lower, abs=1e-9)
    assert rate.upper(alpha) == pytest.approx(upper, abs=1e-9)
    assert rate.lower(alpha) <= rate.value <= rate.upper(alpha)


@given(Counted, st.floats(0.0, 1.0))
def test_the_tail_is_that_of_the_binomial_distribution(counted: tuple[int, int], chance: float) -> None:
    hits, total = counted
    exact = float(binom.sf(hits - 1, total, chance))

    found = binomial_tail(hits, total, chance)

    # What is likely is not reckoned to its last digit.
    assert found == pytest.approx(exact, abs=1e-9) if found < 0.5 else exact > 0.3


def test_a_million_requests_are_no_trouble() -> None:
    assert Rate(100_000, 1_000_000).lower(ALPHA) == pytest.approx(0.0990751, abs=1e-6)


@pytest.mark.parametrize(
    ("hits", "total", "beyond"), [(1, 3, False), (2, 3, True), (3, 3, True), (2, 100, False), (10, 100, True)]
)
def test_few_failures_are_chance_and_many_are_not(hits: int, total: int, beyond: bool) -> None:
    assert (least_excess(Rate(hits, total), Rate(0, 2000), ALPHA) > 0.01) is beyond


def test_a_reference_of_few_requests_proves_little() -> None:
    assert least_excess(Rate(20, 100), Rate(0, 2000), ALPHA) > 0.05
    assert least_excess(Rate(20, 100), Rate(0, 10), ALPHA) < 0


def test_without_a_reference_the_rate_stands_alone() -> None:
    assert least_excess(Rate(20, 100), Rate(0, 0), ALPHA) == pytest.approx(Rate(20, 100).lower(ALPHA))


def test_pictures_of_one_request_are_one_observation() -> None:
    assert Rate(320, 640).of_independent(20) == Rate(10, 20)
    assert Rate(3, 7).of_independent(7) == Rate(3, 7)


def test_equal_versions_are_seldom_told_apart_in_any_of_many_looks() -> None:
    chance = np.random.default_rng(1)
    alarms = 0
    for _ in range(60):
        failed, reference = chance.binomial(20, 0.02, 15).cumsum(), chance.binomial(60, 0.02, 15).cumsum()
        pairs = [
            (Rate(int(failed[look]), 20 * (look + 1)), Rate(int(reference[look]), 60 * (look + 1)))
            for look in range(15)
        ]
        alarms += any(least_excess(rate, other, ALPHA) > 0 for rate, other in pairs)
    assert alarms <= 1
