"""The verdict on a candidate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.automatic.exposition import parse
from serving.automatic.figures import Comparison, Figures, comparison, figures
from serving.automatic.judge import Decision, Evidence, Verdict, judge
from serving.automatic.limits import LimitError, Limits
from tests.serving.automatic.counting import Metrics

LIMITS = Limits()


def evidence(
    stable: dict[str, Any] | None = None,
    candidate: dict[str, Any] | None = None,
    copies: dict[str, Any] | None = None,
    *,
    shadow_only: bool = False,
) -> Evidence:
    """A thousand good of stable, two hundred of the candidate, a hundred copies that agree; and what differs."""
    metrics = Metrics()
    metrics.answered(1, **{"count": 1000, **(stable or {})})
    if not shadow_only:
        metrics.answered(2, **{"count": 200, **(candidate or {})})
    metrics.copied(1, 2, **{"count": 100, **(copies or {})})
    counts = parse(metrics.text(), "digits")
    return Evidence(figures(counts, 1), figures(counts, 2), comparison(counts, 1, 2), shadow_only=shadow_only)


def verdict(*arguments: Any, limits: Limits = LIMITS, **more: Any) -> Verdict:
    return judge(evidence(*arguments, **more), limits)


def test_a_good_version_advances_and_says_why() -> None:
    found = verdict()

    assert found.decision is Decision.ADVANCE
    assert "200 requests" in found.reasons
    assert "0 % of 200 requests failed against 0 % of 1,000, allowed up to 1 %" in found.reasons
    assert "the same top class for 100 % of 100 copied pictures, wanted 80 %" in found.reasons


@pytest.mark.parametrize("count", [0, 1, 99])
def test_few_requests_hold(count: int) -> None:
    found = verdict(None, {"count": count})

    assert found.decision is Decision.HOLD
    assert found.reasons == (f"{count} requests of the 100 that a verdict takes",)


def test_one_failure_of_three_is_no_reason_to_go_back() -> None:
    assert verdict(None, {"count": 3, "failed": 1}).decision is Decision.HOLD


@pytest.mark.parametrize("count", [3, 10, 200])
def test_a_version_that_fails_every_request_goes_back_at_once(count: int) -> None:
    found = verdict(None, {"count": count, "failed": count})

    assert found.decision is Decision.BACK
    assert found.reasons == (f"100 % of {count} requests failed against 0 % of 1,000, allowed up to 1 %",)


def test_errors_that_may_be_chance_hold() -> None:
    found = verdict(None, {"failed": 4})

    assert found.decision is Decision.HOLD
    assert found.reasons[0].endswith("; not yet certain")


def test_errors_that_stable_has_too_are_not_the_candidates() -> None:
    assert verdict({"failed": 40}, {"failed": 8}).decision is Decision.ADVANCE


def test_nothing_advances_while_everything_fails() -> None:
    found = verdict({"failed": 900}, {"failed": 180})

    assert found.decision is Decision.HOLD
    assert found.reasons[0].endswith("too many for any version: at most 5 %")


def test_without_anything_of_stable_errors_count_alone() -> None:
    assert verdict({"count": 0}, {"failed": 100}).decision is Decision.BACK


def test_a_slow_version_goes_back_with_both_times_told() -> None:
    found = verdict(None, {"seconds": [0.4]})

    assert found.decision is Decision.BACK
    assert found.reasons[0].startswith("p95 4")
    assert found.reasons[0].endswith("allowed up to 36.8 ms")


def test_a_slow_version_is_known_by_its_first_few_answers() -> None:
    assert verdict(None, {"count": 5, "seconds": [0.4]}).decision is Decision.BACK


def test_one_slow_answer_in_twenty_is_none_too_many() -> None:
    assert verdict(None, {"seconds": [0.4, *[0.01] * 39]}).decision is Decision.ADVANCE


def test_one_slow_answer_of_few_is_chance() -> None:
    assert verdict(None, {"count": 3, "seconds": [0.4, 0.01, 0.01]}).decision is Decision.HOLD


def test_a_few_milliseconds_more_are_allowed_to_quick_models() -> None:
    assert verdict({"seconds": [0.002]}, {"seconds": [0.015]}).decision is Decision.ADVANCE


def test_a_version_that_answers_otherwise_goes_back() -> None:
    found = verdict(None, None, {"differs": 90})

    assert found.decision is Decision.BACK
    assert found.reasons == ("the same top class for 10 % of 100 copied pictures, wanted 80 %",)


def test_agreement_has_to_be_proven() -> None:
    found = verdict(None, None, {"differs": 15})

    assert found.decision is Decision.HOLD
    assert found.reasons[0].endswith("; not yet proven")
    assert verdict(None, None, {"count": 1000, "differs": 150}).decision is Decision.ADVANCE


def test_copies_that_fail_are_errors_too() -> None:
    assert verdict(None, None, {"failed": 60}).decision is Decision.BACK


def test_dropped_copies_are_told_where_there_are_too_few() -> None:
    few = replace(evidence(), comparison=Comparison(requests=3, agrees=3, dropped=4000))

    assert "4,000 more were dropped" in judge(few, LIMITS).reasons[0]


def test_many_more_pictures_of_none_of_the_classes_go_back() -> None:
    found = verdict({"unknown": 20}, {"unknown": 100})

    assert found.decision is Decision.BACK
    assert found.reasons == ('50 % "none of these" against 2 %, allowed up to 12 %',)


def test_a_card_without_a_threshold_is_judged_by_the_rest() -> None:
    whole = evidence(None, {"unknown": 150})
    without = replace(whole, stable=replace(whole.stable, known=0, unknown=0))

    assert judge(whole, LIMITS).decision is Decision.BACK
    assert judge(without, LIMITS).decision is Decision.ADVANCE


def test_without_copies_agreement_is_no_question() -> None:
    assert judge(replace(evidence(), comparison=None), LIMITS).decision is Decision.ADVANCE


def test_copies_alone_are_judged_by_what_they_tell() -> None:
    assert verdict(shadow_only=True).decision is Decision.ADVANCE
    assert verdict(None, None, {"differs": 90}, shadow_only=True).decision is Decision.BACK
    assert verdict(None, None, {"failed": 90}, shadow_only=True).decision is Decision.BACK
    assert verdict(None, None, {"seconds": 0.4}, shadow_only=True).decision is Decision.BACK
    assert verdict(None, None, {"count": 49}, shadow_only=True).decision is Decision.HOLD


Count = st.integers(0, 400)


def plain(requests: int, failed: int) -> Figures:
    """A version of which nothing but its failures is known."""
    return Figures(requests=requests, failed=min(failed, requests))


@given(count=Count, failed=Count, more=Count, reference=st.integers(0, 1000))
def test_more_failures_never_make_a_verdict_better(count: int, failed: int, more: int, reference: int) -> None:
    order = [Decision.BACK, Decision.HOLD, Decision.ADVANCE]
    stable = plain(1000, reference)
    better = judge(Evidence(stable, plain(count, failed)), LIMITS).decision
    worse = judge(Evidence(stable, plain(count, failed + more)), LIMITS).decision

    assert order.index(worse) <= order.index(better)


@given(count=Count, failed=Count)
def test_the_same_figures_on_both_sides_never_go_back(count: int, failed: int) -> None:
    both = plain(count, failed)

    assert judge(Evidence(both, both), LIMITS).decision is not Decision.BACK


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_agreement", 1.5), ("max_p95_ratio", -1), ("min_requests", 0), ("max_error_rate", float("nan"))],
)
def test_a_limit_that_makes_no_sense_is_refused(name: str, value: float) -> None:
    with pytest.raises(LimitError, match=f"{name} must be from [01] to .* Received: {value:g}"):
        Limits(**{name: value})
