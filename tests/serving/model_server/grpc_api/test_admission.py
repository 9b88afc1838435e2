"""Which calls run, wait or are too many, without a socket."""

from __future__ import annotations

from dataclasses import dataclass

from serving.model_server.grpc_api.admission import Admission


@dataclass(frozen=True)
class Waits:
    name: str
    size: int = 1


A, B, C, D = (Waits(name) for name in "ABCD")


def test_good_calls_run_then_wait_in_their_order_and_are_then_too_many() -> None:
    admission: Admission[Waits] = Admission(1, 2)
    assert [admission.enter(call) for call in (A, B, C, D)] == [True, False, False, None]
    assert [admission.leave() for _ in range(3)] == [B, C, None]
    assert admission.enter(D) is True


def test_good_it_is_full_only_while_no_call_could_run() -> None:
    admission: Admission[Waits] = Admission(1, 0)
    assert not admission.full()
    assert admission.enter(A) is True
    assert admission.full()
    assert admission.leave() is None
    assert not admission.full()


def test_good_a_call_that_is_withdrawn_makes_room_and_is_not_given_out() -> None:
    admission: Admission[Waits] = Admission(1, 1)
    assert [admission.enter(call) for call in (A, B, C)] == [True, False, None]
    assert [admission.withdraw(call) for call in (A, B, B)] == [False, True, False]
    assert admission.enter(C) is False
    assert admission.leave() == C


def test_bad_few_calls_that_are_large_together_are_too_many() -> None:
    admission: Admission[Waits] = Admission(1, 100, most_bytes=10)
    large = [Waits(name, size=6) for name in "abcd"]
    assert [admission.enter(call) for call in large] == [True, False, False, None]
    assert admission.leave() == large[1]
    assert admission.enter(large[3]) is False
