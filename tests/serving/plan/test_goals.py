"""What each wish means for what serves now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.release import CANARY, STABLE, AutomaticRollout, HistoryEntry, ModelRelease
from serving.plan import goals
from serving.plan.goals import Goal, GoalError, settled
from tests.serving.plan.states import AT, CANARIED, ONE, TWO

SHADOWED = ModelRelease((1, 2, 3), {STABLE: 2}, shadow=3, shadow_percent=50, previous=1)
UNDER_WAY = replace(CANARIED, rollout=AutomaticRollout(3, (10, 100), 0, AT, every_s=60))


def test_published_a_version_is_stable_and_the_one_before_is_kept_for_a_rollback() -> None:
    assert goals.publish(TWO, 3, AT).end == ModelRelease(
        (2, 3), {STABLE: 3}, previous=2, history=(HistoryEntry(AT, "publish", 3, "was 2"),)
    )


def test_the_first_version_of_a_model_has_none_before_it() -> None:
    assert goals.publish(ModelRelease(), 1, AT).end == ModelRelease(
        (1,), {STABLE: 1}, history=(HistoryEntry(AT, "publish", 1),)
    )


def test_publishing_leaves_another_canary_and_shadow_as_they_are() -> None:
    model = ModelRelease((1, 2, 3, 4), {STABLE: 2, CANARY: 3}, canary_percent=5, shadow=1)

    end = goals.publish(model, 5, AT).end

    assert (end.versions, end.labels, end.canary_percent, end.shadow) == ((1, 2, 3, 5), {STABLE: 5, CANARY: 3}, 5, 1)


def test_publishing_the_canary_itself_ends_its_being_one() -> None:
    end = goals.publish(replace(CANARIED, shadow=3), 3, AT).end

    assert (end.versions, end.labels, end.canary_percent, end.shadow) == ((2, 3), {STABLE: 3}, 0, None)


def test_a_canary_gets_a_label_and_a_share() -> None:
    end = goals.canary(TWO, 3, 10, "request", AT).end

    entry = HistoryEntry(AT, "canary", 3, "10% by request")
    assert end == replace(CANARIED, split="request", history=(entry,))


def test_a_canary_gets_another_share() -> None:
    end = goals.canary(CANARIED, 3, 25, "client", AT).end

    assert (end.labels, end.canary_percent, end.versions) == (CANARIED.labels, 25, (1, 2, 3))


def test_another_canary_takes_the_place_of_the_first() -> None:
    end = goals.canary(CANARIED, 4, 10, "client", AT).end

    assert (end.labels, end.versions) == ({STABLE: 2, CANARY: 4}, (1, 2, 4))


def test_without_a_canary_all_traffic_is_stables() -> None:
    end = goals.no_canary(CANARIED, AT).end

    assert end == replace(TWO, history=(HistoryEntry(AT, "canary", 3, "off"),))


def test_a_shadow_gets_copies_and_no_label() -> None:
    end = goals.shadow(TWO, 3, 50, AT).end

    assert end == replace(SHADOWED, history=(HistoryEntry(AT, "shadow", 3, "50%"),))
    assert goals.no_shadow(end, AT).end == replace(TWO, history=(*end.history, HistoryEntry(AT, "shadow", 3, "off")))


def test_the_canary_is_promoted() -> None:
    end = goals.promote(CANARIED, None, AT).end

    entry = HistoryEntry(AT, "promote", 3, "was 2")
    assert end == ModelRelease((2, 3), {STABLE: 3}, previous=2, history=(entry,))


def test_the_shadow_is_promoted_if_it_is_named() -> None:
    assert goals.promote(SHADOWED, 3, AT).end.labels == {STABLE: 3}
    assert goals.promote(SHADOWED, 3, AT).end.shadow is None


@pytest.mark.parametrize("to", [None, 7])
def test_a_rollback_closes_the_report_of_the_rollout_that_it_ends(to: int | None) -> None:
    begun = HistoryEntry(AT, goals.ROLLOUT, 3, report={"version": 3, "outcome": "running", "reason": ""})
    watched = replace(UNDER_WAY, history=(begun,))

    first, last = goals.rollback(watched, to, AT).end.history

    assert first.report == {"version": 3, "outcome": "stopped", "reason": "rolled back by an operator"}
    assert (last.action, last.report) == (goals.ROLLBACK, None)


@pytest.mark.parametrize("model", [CANARIED, SHADOWED, UNDER_WAY])
def test_a_rollback_withdraws_what_is_on_trial(model: ModelRelease) -> None:
    goal = goals.rollback(model, None, AT)

    assert replace(goal.end, history=()) == TWO
    assert goal.end.history[-1].note.startswith("withdrew ")
    assert not goal.patient


def test_a_rollback_returns_to_the_version_before_and_lets_the_newer_one_go() -> None:
    goal = goals.rollback(TWO, None, AT)

    assert goal.end == ModelRelease((1,), {STABLE: 1}, history=(HistoryEntry(AT, "rollback", 1, "was 2"),))


def test_a_rollback_to_a_named_version_goes_there_whatever_serves() -> None:
    end = goals.rollback(UNDER_WAY, 7, AT).end

    assert (end.versions, end.labels, end.rollout) == ((7,), {STABLE: 7}, None)


def test_a_rollback_right_after_one_goes_no_further() -> None:
    withdrawn = goals.rollback(CANARIED, None, AT).end

    again = goals.rollback(withdrawn, None, AT)

    assert again.end == withdrawn
    assert again.already == f"was rolled back already, at {AT}; to go on, name a version with --to"
    assert goals.rollback(withdrawn, 1, AT).end.labels == {STABLE: 1}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (lambda: goals.canary(ModelRelease(), 3, 10, "client", AT), "publish one"),
        (lambda: goals.canary(TWO, 2, 10, "client", AT), "Expected a version other than the stable one"),
        (lambda: goals.shadow(TWO, 2, 10, AT), "Expected a version other than the stable one"),
        (lambda: goals.promote(TWO, None, AT), r"canary or shadow: there is none. Received: none"),
        (lambda: goals.promote(CANARIED, 7, AT), r"canary or shadow: 3. Received: 7"),
        (lambda: goals.rollback(ONE, None, AT), "Received: none; name one"),
        (
            lambda: goals.publish(UNDER_WAY, 4, AT),
            "An automatic rollout of version 3 is under way, with 10% of traffic",
        ),
        (lambda: goals.canary(UNDER_WAY, 3, 50, "client", AT), "under way"),
        (lambda: goals.no_canary(UNDER_WAY, AT), "under way"),
        (lambda: goals.shadow(UNDER_WAY, 3, 50, AT), "under way"),
        (lambda: goals.no_shadow(UNDER_WAY, AT), "under way"),
        (lambda: goals.promote(UNDER_WAY, 3, AT), "under way"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wish: Callable[[], Goal], message: str) -> None:
    with pytest.raises(GoalError, match=message):
        wish()


@st.composite
def releases(draw: st.DrawFn) -> ModelRelease:
    """A model with a stable version, perhaps with a canary, a shadow and one to go back to, and one left over."""
    stable, *others = draw(st.permutations(range(1, 7)))
    canary, shadow, previous = (draw(st.sampled_from([None, other])) for other in others[:3])
    labels = {STABLE: stable} if canary is None else {STABLE: stable, CANARY: canary}
    percent = 0.0 if canary is None else draw(st.floats(0, 100))
    return ModelRelease(tuple(range(1, 7)), labels, canary_percent=percent, shadow=shadow, previous=previous)


def wishes(version: int, percent: float) -> dict[str, Callable[[ModelRelease], Goal]]:
    """Every command with these words."""
    return {
        "publish": lambda model: goals.publish(model, version, AT),
        "canary": lambda model: goals.canary(model, version, percent, "client", AT),
        "no canary": lambda model: goals.no_canary(model, AT),
        "shadow": lambda model: goals.shadow(model, version, percent, AT),
        "no shadow": lambda model: goals.no_shadow(model, AT),
        "promote": lambda model: goals.promote(model, None, AT),
        "rollback": lambda model: goals.rollback(model, None, AT),
        "rollback to": lambda model: goals.rollback(model, version, AT),
    }


@given(releases(), st.sampled_from(sorted(wishes(1, 1))), st.integers(1, 9), st.floats(0, 100))
def test_a_wish_that_was_fulfilled_and_is_made_again_changes_nothing(
    model: ModelRelease, wish: str, version: int, percent: float
) -> None:
    make_goal = wishes(version, percent)[wish]
    try:
        end = make_goal(settled(model)).end
    except GoalError:
        return

    assert end.versions == end.used
    again = make_goal(end)
    assert again.end == end
    assert again.already
