"""A canary that is late rests; one request after the other tries it again."""

from __future__ import annotations

import logging

import pytest

from contract.errors import DeadlineExceeded, ModelServerFault
from gateway.observe.seldom import SILENCE_S, Seldom
from gateway.versions.canaries import LONGEST_REST_S, Canaries
from gateway.versions.resolve import Resolved

FIRST_S = 5.0
CANARY = Resolved("digits", 2, "canary", drawn=True)
OTHER = Resolved("shoes", 2, "canary", drawn=True)
LATE = DeadlineExceeded("too late")


@pytest.fixture
def canaries() -> Canaries:
    return Canaries(FIRST_S)


def test_one_that_is_late_rests_and_then_one_request_tries_it(canaries: Canaries) -> None:
    assert canaries.may_ask(CANARY, 0)
    canaries.failed(CANARY, LATE, asked_s=0, now_s=5)
    assert not canaries.may_ask(CANARY, 9.9)
    assert canaries.may_ask(CANARY, 10)
    assert not canaries.may_ask(CANARY, 10)


def test_one_that_answers_again_is_asked_by_all(canaries: Canaries) -> None:
    canaries.failed(CANARY, LATE, asked_s=0, now_s=5)
    assert canaries.may_ask(CANARY, 10)
    canaries.answered(CANARY, asked_s=10)
    assert canaries.may_ask(CANARY, 11)
    assert canaries.may_ask(CANARY, 11)


def test_each_rest_is_twice_as_long_up_to_a_bound(canaries: Canaries) -> None:
    now_s, rests = 0.0, []
    for _ in range(6):
        canaries.failed(CANARY, LATE, asked_s=now_s, now_s=now_s)
        began_s = now_s
        while not canaries.may_ask(CANARY, now_s):
            now_s += 1
        rests.append(now_s - began_s)
    assert rests == [5, 10, 20, 40, LONGEST_REST_S, LONGEST_REST_S]


def test_what_was_asked_before_a_rest_neither_lengthens_nor_ends_it(canaries: Canaries) -> None:
    for now_s in (5, 5.1, 5.2):
        canaries.failed(CANARY, LATE, asked_s=now_s - 5, now_s=now_s)
    canaries.answered(CANARY, asked_s=1)
    assert not canaries.may_ask(CANARY, 9.9)
    assert canaries.may_ask(CANARY, 10)


def test_a_trial_of_which_nothing_is_heard_is_followed_by_another(canaries: Canaries) -> None:
    canaries.failed(CANARY, LATE, asked_s=0, now_s=5)
    assert [canaries.may_ask(CANARY, now_s) for now_s in (10, 14, 15)] == [True, False, True]


def test_one_that_fails_in_time_does_not_rest(canaries: Canaries) -> None:
    canaries.failed(CANARY, ModelServerFault("broken"), asked_s=0, now_s=1)
    assert canaries.may_ask(CANARY, 1)


def test_each_model_has_its_own(canaries: Canaries) -> None:
    canaries.failed(CANARY, LATE, asked_s=0, now_s=5)
    assert canaries.may_ask(OTHER, 6)
    canaries.failed(OTHER, LATE, asked_s=0, now_s=6)
    assert not canaries.may_ask(CANARY, 7)
    assert not canaries.may_ask(OTHER, 7)


def test_the_log_has_each_kind_of_failure_once_and_not_for_each_request(
    canaries: Canaries, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        for now_s in range(20):
            canaries.failed(CANARY, ModelServerFault("broken"), asked_s=now_s, now_s=now_s)
            canaries.failed(CANARY, LATE, asked_s=now_s, now_s=now_s)
    assert len(caplog.messages) == 2
    assert "canary version 2 of digits failed" in caplog.messages[0]
    assert "broken" in caplog.messages[0]
    assert "too late" in caplog.messages[1]


def test_a_complaint_is_due_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr("gateway.observe.seldom.time.monotonic", lambda: now_s)
    seldom = Seldom()
    assert [seldom.due("one"), seldom.due("one"), seldom.due("other")] == [True, False, True]
    now_s += SILENCE_S
    assert seldom.due("one")
