"""The rate limit: a bucket for each client, over processes, in a table that cannot grow."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection

import pytest

from gateway.admission.rate_limit import RateLimiter
from gateway.settings.parse import Rate


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_burst_of_one_period_is_let_in_and_then_the_rate(clock: Clock) -> None:
    limiter = RateLimiter(Rate(10, 1.0), clock=clock)
    assert [limiter.allow("a") for _ in range(10)] == [None] * 10
    assert limiter.allow("a") == pytest.approx(0.1)
    clock.now_s += 0.1
    assert limiter.allow("a") is None
    assert limiter.allow("a") == pytest.approx(0.1)
    clock.now_s += 60
    assert [limiter.allow("a") for _ in range(11)][:10] == [None] * 10


def test_what_is_refused_costs_nothing(clock: Clock) -> None:
    limiter = RateLimiter(Rate(10, 1.0), clock=clock)
    limiter.allow("a", 10)
    assert [limiter.allow("a", 5) for _ in range(100)] == [pytest.approx(0.5)] * 100
    clock.now_s += 0.5
    assert limiter.allow("a", 5) is None


def test_clients_do_not_pay_for_each_other(clock: Clock) -> None:
    limiter = RateLimiter(Rate(1, 60.0), clock=clock)
    assert limiter.allow("a") is None
    assert limiter.allow("b") is None
    assert limiter.allow("a") == pytest.approx(60)


def test_a_request_larger_than_a_burst_is_let_in_once_and_paid_off(clock: Clock) -> None:
    limiter = RateLimiter(Rate(10, 1.0), clock=clock)
    assert limiter.allow("a", 128) is None
    assert limiter.allow("a", 1) == pytest.approx(11.9)
    assert limiter.allow("a", 128) == pytest.approx(12.8)
    clock.now_s += 12.8
    assert limiter.allow("a", 128) is None


def test_pictures_that_turn_up_later_are_charged_too(clock: Clock) -> None:
    limiter = RateLimiter(Rate(10, 1.0), clock=clock)
    assert limiter.allow("a", 1) is None
    limiter.charge("a", 29)
    assert limiter.allow("a", 1) == pytest.approx(2.1)


def test_a_flood_of_clients_neither_grows_the_table_nor_frees_who_owes_most(clock: Clock) -> None:
    limiter = RateLimiter(Rate(10, 1.0), slots=64, clock=clock)
    limiter.allow("greedy", 1000)
    for number in range(10_000):
        limiter.allow(f"client {number}", 1)
    assert limiter.allow("greedy", 1) == pytest.approx(99.1)


def test_any_name_is_a_client(clock: Clock) -> None:
    limiter = RateLimiter(Rate(1, 1.0), clock=clock)
    for name in ("", "ü" * 5000, "\x00", "2001:db8::/64"):
        assert limiter.allow(name) is None
        assert limiter.allow(name) is not None


def _take(limiter: RateLimiter, begin: Connection, tell: Connection) -> None:
    begin.recv()
    tell.send(sum(limiter.allow("shared") is None for _ in range(2000)))


def test_forked_workers_share_one_bucket() -> None:
    limiter = RateLimiter(Rate(1000, 3600.0))
    fork = multiprocessing.get_context("fork")
    taken = []
    workers = []
    for _ in range(2):
        begin, told = fork.Pipe(), fork.Pipe()
        worker = fork.Process(target=_take, args=(limiter, begin[0], told[1]))
        worker.start()
        workers.append((worker, begin[1], told[0]))
    started = time.monotonic()
    for _, begin_end, _ in workers:
        begin_end.send("go")
    for worker, _, told_end in workers:
        taken.append(told_end.recv())
        worker.join()
    refilled = (time.monotonic() - started) / 3.6
    assert 1000 <= sum(taken) <= 1000 + refilled + 1


def test_a_worker_that_is_killed_in_the_middle_keeps_nobody_waiting() -> None:
    class Killed(Clock):
        def __call__(self) -> float:
            os.kill(os.getpid(), signal.SIGKILL)
            return 0.0

    limiter = RateLimiter(Rate(1, 3600.0))
    standing = limiter._clock
    limiter._clock = Killed()
    worker = multiprocessing.get_context("fork").Process(target=limiter.allow, args=("a",))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    limiter._clock = standing
    assert limiter.allow("a") is None
    assert limiter.allow("a") is not None
