"""How the time is spent."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from serving.tuning import pacing
from serving.tuning.candidate import Candidate
from serving.tuning.pacing import LONGEST_S, Pace

MANY = [Candidate(1, number) for number in range(1, 9)]


def plan(time_s: float, *, start_s: float = 1.0, together: int = 5, rounds: int = 3, count: int = 8) -> Pace:
    return pacing.plan(MANY[:count], rounds, time_s, start_s=start_s, together=together, least_s=0.5)


@settings(max_examples=40)
@given(st.floats(0, 600), st.floats(0, 30), st.integers(1, 6), st.integers(1, 9), st.integers(0, 8))
def test_a_plan_does_not_take_longer_than_it_may(
    time_s: float, start_s: float, together: int, rounds: int, count: int
) -> None:
    pace = plan(time_s, start_s=start_s, together=together, rounds=rounds, count=count)
    groups = pacing.groups(pace.candidates, together)
    measurements = pace.rounds * (len(pace.candidates) + len(groups))
    starts = len(pace.candidates) if together > 1 else measurements
    assert measurements * pace.once_s + starts * start_s <= time_s + 1e-6


def test_the_last_candidates_are_left_out_first() -> None:
    assert plan(1e9).candidates == MANY
    short = plan(20)
    assert 0 < len(short.candidates) < 8
    assert short.candidates == MANY[: len(short.candidates)]
    assert plan(1).candidates == []


def test_more_time_is_longer_measurements_up_to_a_bound() -> None:
    assert plan(60).round_s < plan(80).round_s <= plan(1e6).round_s == LONGEST_S


def test_servers_that_run_already_need_no_time_to_start() -> None:
    alone = pacing.plan(MANY, 3, 60, start_s=3, together=9, least_s=0.1)
    begun = pacing.plan(MANY, 3, 60, start_s=3, together=9, least_s=0.1, running=MANY)
    assert begun.round_s > alone.round_s


def test_where_all_take_turns_without_room_each_round_starts_them_anew() -> None:
    roomy = pacing.plan(MANY[:3], 5, 60, start_s=1, together=5, least_s=0.1, grouped=False)
    tight = pacing.plan(MANY[:3], 5, 60, start_s=1, together=2, least_s=0.1, grouped=False)
    assert tight.round_s < roomy.round_s


def test_slow_calls_are_measured_for_longer() -> None:
    assert pacing.least_s(10_000) == pacing.SHORTEST_S
    assert pacing.SHORTEST_S < pacing.least_s(100) < LONGEST_S
    assert pacing.least_s(1) == pacing.least_s(0) == LONGEST_S
