"""What gateways count, added up over restarts, absences and newcomers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serving.automatic.counts import Counts, Series, Tally, added, fell, growth

OK: Series = ("vitrine_answers_total", (("outcome", "ok"),))
FAILED: Series = ("vitrine_answers_total", (("outcome", "failed"),))


def tallied(*looks: dict[str, Counts]) -> Tally:
    tally = Tally()
    for look in looks:
        tally = tally.after(look)
    return tally


def test_a_gateway_that_is_met_for_the_first_time_only_gives_a_mark() -> None:
    assert tallied({"a": {OK: 1000}}).grown == {}
    assert tallied({"a": {OK: 1000}}, {"a": {OK: 1003}}).grown == {OK: 3}


def test_growth_of_several_gateways_is_added_up() -> None:
    tally = tallied({"a": {OK: 10}, "b": {OK: 5}}, {"a": {OK: 12}, "b": {OK: 9, FAILED: 1}})

    assert tally.grown == {OK: 6, FAILED: 1}


def test_all_that_a_restarted_gateway_counts_is_new() -> None:
    tally = tallied({"a": {OK: 100, FAILED: 2}}, {"a": {OK: 7}})

    assert tally.grown == {OK: 7}
    assert tally.falls == {"a": 1}


def test_a_restart_shows_by_any_one_counter_that_fell() -> None:
    tally = tallied({"a": {OK: 100, FAILED: 2}}, {"a": {OK: 130, FAILED: 1}})

    assert tally.grown == {OK: 130, FAILED: 1}


def test_what_a_gateway_counted_while_it_could_not_be_asked_is_not_lost() -> None:
    tally = tallied({"a": {OK: 100}}, {}, {}, {"a": {OK: 140}})

    assert tally.grown == {OK: 40}


def test_a_newcomer_does_not_bring_its_past_along() -> None:
    tally = tallied({"a": {OK: 1}}, {"a": {OK: 2}, "b": {OK: 5000}}, {"a": {OK: 3}, "b": {OK: 5001}})

    assert tally.grown == {OK: 3}


def test_the_next_step_counts_from_where_the_last_one_ended() -> None:
    tally = tallied({"a": {OK: 100}}, {"a": {OK: 150}}).from_now()

    assert tally.grown == {}
    assert tally.after({"a": {OK: 151}}).grown == {OK: 1}


def test_the_last_digits_of_a_sum_are_no_restart() -> None:
    assert not fell({OK: 0.1 + 0.2 + 0.3}, {OK: 0.3 + 0.2 + 0.1 - 1e-16})
    assert fell({OK: 2.0}, {OK: 1.0})


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20), st.lists(st.booleans(), min_size=20, max_size=20))
def test_however_often_one_looks_the_growth_is_the_same(steps: list[int], seen: list[bool]) -> None:
    total, tally = 0, Tally().after({"a": {OK: 0}})
    for step, looked in zip(steps, seen, strict=False):
        total += step
        tally = tally.after({"a": {OK: total}} if looked else {})
    tally = tally.after({"a": {OK: total}})

    assert tally.grown.get(OK, 0) == total


@given(st.dictionaries(st.sampled_from([OK, FAILED]), st.integers(0, 1000)), st.integers(0, 100))
def test_growth_and_what_was_before_make_what_is_now(before: dict[Series, float], more: int) -> None:
    now = {series: value + more for series, value in before.items()}

    assert added(before, growth(before, now)) == now
