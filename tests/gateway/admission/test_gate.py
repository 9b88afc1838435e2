"""The gate: places for classifications and room for uploads, turned away at once where there is none."""

from __future__ import annotations

import time
from contextlib import ExitStack

import pytest

from gateway.admission.gate import Gate
from gateway.errors import Busy, outcome_of


def test_a_place_too_many_is_turned_away_and_a_freed_one_is_given_again() -> None:
    gate = Gate(2, 1000)
    with gate.entered():
        with gate.entered(), pytest.raises(Busy, match="2 requests are being answered"), gate.entered():
            pass
        assert gate.inflight == 1
        with gate.entered():
            assert gate.inflight == 2
    assert gate.inflight == 0


def test_a_place_is_free_again_after_an_error() -> None:
    gate = Gate(1, 1000)
    with pytest.raises(ZeroDivisionError), gate.entered():
        raise ZeroDivisionError
    with gate.entered():
        assert gate.inflight == 1


def test_bytes_are_held_until_the_upload_ends() -> None:
    gate = Gate(1, 1000)
    with gate.upload() as first, gate.upload() as second:
        first.hold(600)
        second.hold(300)
        with pytest.raises(Busy, match="memory"):
            second.hold(101)
        # Turned away, it leaves room for others at once.
        assert gate.buffered_bytes == 600
        first.hold(400)
        assert (first.received_bytes, second.received_bytes, gate.buffered_bytes) == (1000, 401, 1000)
    assert gate.buffered_bytes == 0


def test_the_turned_away_are_told_when_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    gate = Gate(1, 1000)
    assert gate.retry_after_s() == 1
    for _ in range(100):
        with gate.entered():
            now_s += 4.5
    assert gate.retry_after_s() == 5
    for _ in range(100):
        with gate.entered():
            now_s += 1000.0
    assert gate.retry_after_s() == 30
    with ExitStack() as stack:
        stack.enter_context(gate.entered())
        with pytest.raises(Busy) as raised, gate.entered():
            pass
    outcome = outcome_of(raised.value)
    assert outcome is not None
    assert (outcome.status, outcome.code, outcome.retry_after_s) == (429, "overloaded", 30)
