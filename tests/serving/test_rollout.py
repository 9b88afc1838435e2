"""The plan of a rollout, without disk or network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.client import VersionStatus
from contract.release import STABLE, HistoryEntry, ModelRelease
from serving.replicas import ReplicaStatus
from serving.rollout import (
    LOADING,
    PUBLISH,
    Done,
    GiveUp,
    Load,
    Promote,
    Wait,
    live,
    loading,
    next_action,
    settled,
    state_of,
)

AT = "2026-01-01T00:00:00+00:00"
ONE = ModelRelease((1,), {STABLE: 1})


def replica(name: str, **states: str) -> ReplicaStatus:
    """A replica's answer, from ``v2="AVAILABLE"`` or ``v2="END: why"``."""
    split = {int(version[1:]): state.partition(": ") for version, state in states.items()}
    return ReplicaStatus(name, tuple(VersionStatus(number, one[0], one[2]) for number, one in split.items()))


def test_a_new_version_is_first_loaded_beside_the_stable_one_without_a_label() -> None:
    action = next_action(ONE, 2, [replica("a", v1="AVAILABLE")], AT)

    assert action == Load(ModelRelease((1, 2), {STABLE: 1}, history=(HistoryEntry(AT, LOADING, 2),)))


def test_the_first_version_of_a_model_too_is_loaded_before_it_gets_a_label() -> None:
    assert next_action(ModelRelease(), 1, [replica("a")], AT) == Load(
        ModelRelease((1,), {}, history=(HistoryEntry(AT, LOADING, 1),))
    )


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
    action = next_action(loading(ONE, 2, AT), 2, [replica("a", v2="AVAILABLE"), second], AT)

    assert action == Wait({"b": state})


def test_stable_moves_when_every_replica_has_the_version() -> None:
    everywhere = [replica("a", v1="AVAILABLE", v2="AVAILABLE"), replica("b", v2="AVAILABLE")]

    assert next_action(loading(ONE, 2, AT), 2, everywhere, AT) == Promote(
        ModelRelease((1, 2), {STABLE: 2}, history=(HistoryEntry(AT, PUBLISH, 2, "was 1"),))
    )


def test_an_error_on_one_replica_ends_it_with_the_servers_reason() -> None:
    seen = [replica("a", v2="AVAILABLE"), replica("b", v2="END: no such op Foo")]

    assert next_action(loading(ONE, 2, AT), 2, seen, AT) == GiveUp("b: no such op Foo")


def test_an_error_from_before_the_rollout_is_no_news_but_another_error_is() -> None:
    before = {"a": VersionStatus(2, "END", "disk full")}
    model = loading(ONE, 2, AT)

    assert next_action(model, 2, [replica("a", v2="END: disk full")], AT, before) == Wait({"a": "END"})
    assert next_action(model, 2, [replica("a", v2="END: bad graph")], AT, before) == GiveUp("a: bad graph")


def test_what_is_stable_already_is_done_whatever_the_replicas_say() -> None:
    assert next_action(ONE, 1, [], AT) == Done(ONE)


def test_one_version_back_stays_loaded_and_older_ones_are_retired() -> None:
    assert live(ModelRelease((1, 2), {STABLE: 2}), 3, AT).versions == (2, 3)


def test_versions_in_use_as_canary_or_shadow_stay_loaded() -> None:
    model = ModelRelease((1, 2, 3, 4), {STABLE: 2, "canary": 3}, canary_percent=5, shadow=1)

    after = live(model, 5, AT)

    assert after.versions == (1, 2, 3, 5)
    assert after.labels == {STABLE: 5, "canary": 3}
    assert (after.canary_percent, after.shadow) == (5, 1)


def test_a_version_that_a_killed_publisher_was_loading_is_forgotten_by_the_next_one() -> None:
    killed = loading(ONE, 2, AT)

    assert settled(killed) == ONE
    assert loading(killed, 3, AT).versions == (1, 3)
    assert next_action(killed, 1, [], AT) == Done(ONE)


def test_a_version_that_waits_but_got_a_label_meanwhile_is_kept() -> None:
    model = ModelRelease((1, 2), {STABLE: 1, "canary": 2}, history=(HistoryEntry(AT, LOADING, 2),))

    assert settled(model).versions == (1, 2)


def test_the_version_before_goes_live_again_without_loading_anything() -> None:
    model = ModelRelease((1, 2), {STABLE: 2})

    assert next_action(model, 1, [replica("a", v1="AVAILABLE", v2="AVAILABLE")], AT) == Promote(live(model, 1, AT))


def test_a_state_is_one_or_two_words() -> None:
    assert state_of(replica("a", v1="LOADING"), 1) == "LOADING"


@st.composite
def releases(draw: st.DrawFn) -> ModelRelease:
    versions = draw(st.lists(st.integers(1, 9), unique=True, max_size=4).map(sorted))
    labels = draw(st.dictionaries(st.sampled_from([STABLE, "canary"]), st.sampled_from(versions))) if versions else {}
    shadow = draw(st.sampled_from([None, *versions]))
    return ModelRelease(tuple(versions), labels, shadow=shadow)


@given(releases(), st.integers(1, 9), st.booleans())
def test_every_rollout_ends_and_never_moves_a_label_to_a_version_that_it_adds(
    model: ModelRelease, target: int, killed: bool
) -> None:
    seen = [replica("a", **{f"v{target}": "AVAILABLE"})]
    loaded = set(model.versions)
    if killed:
        model = loading(model, 9, AT) if 9 not in model.versions else model

    for _ in range(3):
        action = next_action(model, target, seen, AT)
        if not isinstance(action, Load | Promote):
            break
        moved = {one for label, one in action.model.labels.items() if model.labels.get(label) != one}
        assert moved <= set(model.versions)
        assert (loaded & set(model.labels.values())) <= set(action.model.versions)
        model = action.model

    assert isinstance(action, Done)
    assert model.labels[STABLE] == target
    assert settled(model) == action.model
