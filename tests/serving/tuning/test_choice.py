"""What the figures are taken to mean."""

from __future__ import annotations

import math

import pytest

from serving.tuning.candidate import BASELINE, TWIN, Batching, Candidate
from serving.tuning.choice import Limit, choose, ranked
from serving.tuning.measured import Round, faster, figures, ratio
from tests.serving.tuning.rounds import BATCHING, ONE_THREAD, final, measured

USUAL = Limit()


def test_the_highest_throughput_is_chosen() -> None:
    choice = choose(final(threads=1.2, batching=1.6), USUAL)
    assert choice.candidate == BATCHING
    # To the best threads, not to the baseline.
    assert "x1.3" in choice.reasons[1]


def test_batching_that_gains_nothing_over_threads_alone_is_left_off() -> None:
    assert choose(final(threads=1.5, batching=1.5), USUAL).candidate == ONE_THREAD


def test_batching_alone_may_be_better() -> None:
    assert choose(final(threads=0.9, batching=1.3), USUAL).candidate == BATCHING


def test_what_is_worse_than_the_baseline_is_not_chosen() -> None:
    assert choose(final(threads=0.9, batching=0.8), USUAL).candidate == BASELINE


def test_a_gain_within_the_noise_of_its_rounds_is_none() -> None:
    assert choose(final(threads=1.05, batching=1.05, noise=0.2), USUAL).candidate == BASELINE


def test_a_gain_no_larger_than_the_twins_is_none() -> None:
    choice = choose(final(threads=1.05, batching=1.05, twin=1.08), USUAL)
    assert choice.candidate == BASELINE
    assert choice.noise == pytest.approx(1.08, rel=0.01)
    assert choose(final(threads=1.05, batching=1.05, twin=1 / 1.08), USUAL).candidate == BASELINE


def test_a_candidate_beyond_the_limit_of_p99_is_not_chosen() -> None:
    slow = [
        Round("final", {**one.results, BATCHING: measured(2000, p99_ms=15.1)})
        for one in final(threads=1.2, batching=2.0)
    ]
    assert choose(slow, USUAL).candidate == ONE_THREAD
    assert choose(slow, Limit(p99_ms=20)).candidate == BATCHING
    assert choose(slow, Limit(p99_ms=9)).candidate == BASELINE


def test_a_timeout_that_a_lone_call_would_pay_is_within_the_limit_too() -> None:
    patient = Candidate(1, 2, Batching(32, 20_000, 2))
    rounds = [
        Round("final", {**one.results, patient: measured(3000, p99_ms=10)}) for one in final(threads=1.2, batching=1)
    ]
    assert choose(rounds, USUAL).candidate == ONE_THREAD
    assert choose(rounds, Limit(p99_ms=19)).candidate == ONE_THREAD
    assert choose(rounds, Limit(p99_ms=20)).candidate == patient


def test_a_candidate_that_leaves_calls_unanswered_is_not_chosen() -> None:
    failing = final(threads=1.2, batching=2.0)
    failing[0] = Round("final", {**failing[0].results, BATCHING: measured(2000, failed=1)})
    assert choose(failing, USUAL).candidate == ONE_THREAD


def test_the_baseline_and_its_twin_are_no_candidates() -> None:
    assert {one.candidate for one in ranked(final(threads=1.1, batching=0.5), USUAL)} == {ONE_THREAD, BATCHING}


def test_a_round_on_a_slower_machine_counts_as_any_other() -> None:
    rounds = [
        Round("threads", {BASELINE: measured(speed), ONE_THREAD: measured(1.3 * speed, p99_ms=5)})
        for speed in (1000, 100, 4000)
    ]
    found = figures(ONE_THREAD, BASELINE, rounds)
    assert found is not None
    assert found.rate.middle == pytest.approx(1.3)
    assert found.rate.low == pytest.approx(1.3)
    assert found.p99.middle == pytest.approx(0.5)


def test_a_single_round_says_nothing_of_the_noise() -> None:
    assert (ratio([1.5]).low, ratio([1.5]).high) == (0.0, math.inf)
    assert choose(final(threads=3.0, batching=3.0, rounds=1), USUAL).candidate == BASELINE


def test_twice_and_half_cancel_out() -> None:
    assert ratio([2.0, 0.5]).middle == pytest.approx(1.0)


def test_candidates_that_never_met_cannot_be_compared() -> None:
    apart = [Round("a", {BASELINE: measured(1)}), Round("a", {TWIN: measured(9)})]
    assert faster(TWIN, BASELINE, apart).high == math.inf
    assert figures(TWIN, BASELINE, apart) is None


def test_an_interval_holds_the_truth_in_most_cases() -> None:
    import random

    dice = random.Random(1)
    inside = 0
    for _ in range(400):
        found = ratio([math.exp(dice.gauss(math.log(1.2), 0.1)) for _ in range(5)])
        inside += found.low <= 1.2 <= found.high
    assert 0.92 <= inside / 400 <= 0.98
