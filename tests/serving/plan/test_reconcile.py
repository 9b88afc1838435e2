"""The plan of a change, without disk or network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.client import VersionStatus
from contract.release import CANARY, STABLE, ModelRelease
from serving.plan import goals
from serving.plan.goals import Goal, GoalError, settled
from serving.plan.reconcile import Done, GiveUp, Load, Retire, Steer, Wait, next_action, state_of
from serving.replicas import ReplicaStatus
from tests.serving.plan.states import AT, CANARIED, ONE, TWO, replica
from tests.serving.plan.test_goals import releases, wishes

TO_TWO = goals.publish(ONE, 2, AT)
LOADING_TWO = replace(ONE, versions=(1, 2))


def test_a_new_version_is_first_loaded_beside_the_stable_one_without_a_label() -> None:
    assert next_action(ONE, TO_TWO, [replica("a", v1="AVAILABLE")]) == Load(LOADING_TWO, (2,))


def test_nothing_new_is_loaded_while_a_replica_is_away() -> None:
    seen = [replica("a", v1="AVAILABLE"), ReplicaStatus("b", away="connection refused")]

    assert next_action(ONE, TO_TWO, seen) == Wait(2, {"b": "does not answer"})
    assert next_action(ONE, goals.rollback(ONE, 2, AT), seen) == Load(LOADING_TWO, (2,))


def test_the_first_version_of_a_model_too_is_loaded_before_it_gets_a_label() -> None:
    goal = goals.publish(ModelRelease(), 1, AT)

    assert next_action(ModelRelease(), goal, [replica("a")]) == Load(ModelRelease((1,)), (1,))


@pytest.mark.parametrize(
    ("second", "state"),
    [
        (replica("b", v1="AVAILABLE"), "not seen"),
        (replica("b", v2="START"), "START"),
        (replica("b", v2="LOADING"), "LOADING"),
        (replica("b", v2="END"), "END"),
        (ReplicaStatus("b", away="connection refused"), "does not answer"),
    ],
)
def test_it_waits_as_long_as_one_replica_has_not_loaded_the_version(second: ReplicaStatus, state: str) -> None:
    assert next_action(LOADING_TWO, TO_TWO, [replica("a", v2="AVAILABLE"), second]) == Wait(2, {"b": state})


def test_labels_and_traffic_move_when_every_replica_has_the_version() -> None:
    everywhere = [replica("a", v1="AVAILABLE", v2="AVAILABLE"), replica("b", v2="AVAILABLE")]

    assert next_action(LOADING_TWO, TO_TWO, everywhere) == Steer(TO_TWO.end)


def test_what_is_used_no_more_is_retired_after_traffic_has_moved() -> None:
    goal = goals.publish(TWO, 3, AT)
    seen = [replica("a", v3="AVAILABLE")]

    steer = next_action(replace(TWO, versions=(1, 2, 3)), goal, seen)
    assert steer == Steer(replace(goal.end, versions=(1, 2, 3)))
    assert isinstance(steer, Steer)
    assert next_action(steer.model, goal, seen) == Retire(goal.end, (1,))
    assert next_action(goal.end, goal, seen) == Done()


def test_an_error_on_one_replica_ends_it_with_the_servers_reason() -> None:
    seen = [replica("a", v2="AVAILABLE"), replica("b", v2="END: no such op Foo")]

    assert next_action(LOADING_TWO, TO_TWO, seen) == GiveUp(2, "b: no such op Foo")


def test_an_error_from_before_the_rollout_is_no_news_but_another_error_is() -> None:
    before = {("a", 2): VersionStatus(2, "END", "disk full")}

    assert next_action(LOADING_TWO, TO_TWO, [replica("a", v2="END: disk full")], before) == Wait(2, {"a": "END"})
    assert next_action(LOADING_TWO, TO_TWO, [replica("a", v2="END: bad")], before) == GiveUp(2, "a: bad")


def test_what_is_reached_already_is_done_whatever_the_replicas_say() -> None:
    assert next_action(ONE, goals.publish(ONE, 1, AT), []) == Done()


def test_a_rollback_does_not_wait_for_a_replica_that_is_away() -> None:
    goal = goals.rollback(TWO, None, AT)
    away = ReplicaStatus("b", away="connection refused")

    assert next_action(TWO, goal, [replica("a", v1="AVAILABLE"), away]) == Steer(replace(goal.end, versions=(1, 2)))


def test_a_greater_share_asks_for_the_canary_everywhere_and_a_smaller_one_does_not() -> None:
    broken = [replica("a", v2="AVAILABLE", v3="AVAILABLE"), replica("b", v2="AVAILABLE", v3="UNLOADING")]

    greater, smaller = (goals.canary(CANARIED, 3, share, "client", AT) for share in (50, 5))

    assert next_action(CANARIED, greater, broken) == Wait(3, {"b": "UNLOADING"})
    assert next_action(CANARIED, smaller, broken) == Steer(smaller.end)


def test_a_version_that_was_being_loaded_when_its_command_was_killed_is_retired_by_the_next() -> None:
    killed = replace(ONE, versions=(1, 9))
    goal = goals.publish(settled(killed), 1, AT)

    assert next_action(killed, goal, [replica("a", v1="AVAILABLE", v9="LOADING")]) == Retire(ONE, (9,))


def test_a_state_is_one_or_two_words() -> None:
    assert state_of(replica("a", v1="LOADING"), 1) == "LOADING"


def _obeys_the_servers_rules(model: ModelRelease, after: ModelRelease) -> None:
    moved = {version for label, version in after.labels.items() if model.labels.get(label) != version}
    # A label may only move to a version that is loaded, and nothing that has traffic may be unloaded with it.
    assert moved <= set(model.versions)
    assert set(model.versions) <= set(after.versions) or after.labels == model.labels
    had_traffic = {model.labels.get(STABLE), model.labels.get(CANARY) if model.canary_percent else None} - {None}
    assert had_traffic <= set(after.versions)


@given(releases(), st.sampled_from(sorted(wishes(1, 1))), st.integers(1, 9), st.floats(0, 100), st.integers(0, 5))
def test_every_change_ends_obeys_the_servers_rules_and_comes_to_the_same_end_after_a_kill_at_any_step(
    model: ModelRelease, wish: str, version: int, percent: float, killed_after: int
) -> None:
    make_goal: Callable[[ModelRelease], Goal] = wishes(version, percent)[wish]
    seen = [replica("a", **{f"v{number}": "AVAILABLE" for number in range(10)})]
    try:
        undisturbed = make_goal(settled(model)).end
    except GoalError:
        return

    goal = make_goal(settled(model))
    for step in range(12):
        if step == killed_after:
            goal = make_goal(settled(model))
        action = next_action(model, goal, seen)
        if not isinstance(action, Load | Steer | Retire):
            break
        _obeys_the_servers_rules(model, action.model)
        model = action.model

    assert isinstance(action, Done)
    assert model == undisturbed
