"""The batch scheduler without threads, its clock an argument."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.model_server.batching.parameters import BatchingParameters
from serving.model_server.batching.schedule import Batch, Scheduler
from serving.model_server.errors import InvalidArgument, Unavailable


@dataclass(eq=False)
class Rows:
    rows: int


def put(scheduler: Scheduler[Rows], key: str, rows: int, parameters: BatchingParameters, now_s: float) -> list[Rows]:
    tasks = [Rows(size) for size in scheduler.admit(key, rows, parameters)]
    for task in tasks:
        scheduler.add(key, task, parameters, now_s)
    return tasks


def sizes(batch: Batch[Rows] | None) -> list[int]:
    assert batch is not None
    return [task.rows for task in batch.tasks]


def joining(limit: int = 4, timeout_s: float = 1.0, enqueued: int = 10) -> BatchingParameters:
    return BatchingParameters(max_batch_size=limit, batch_timeout_s=timeout_s, max_enqueued_batches=enqueued)


def splitting(limit: int, run: int, enqueued: int = 10) -> BatchingParameters:
    return BatchingParameters(
        max_batch_size=limit,
        batch_timeout_s=1.0,
        max_enqueued_batches=enqueued,
        enable_large_batch_splitting=True,
        max_execution_batch_size=run,
    )


def test_an_underfull_batch_is_taken_when_its_first_task_has_waited_for_the_timeout() -> None:
    scheduler: Scheduler[Rows] = Scheduler(1)
    put(scheduler, "a", 1, joining(), 10.0)
    put(scheduler, "a", 2, joining(), 10.9)
    assert scheduler.take(10.99) is None
    assert scheduler.due_s() == 11.0
    assert sizes(scheduler.take(11.0)) == [1, 2]


def test_a_full_batch_is_taken_at_once() -> None:
    scheduler: Scheduler[Rows] = Scheduler(1)
    put(scheduler, "a", 3, joining(), 10.0)
    put(scheduler, "a", 1, joining(), 10.0)
    assert scheduler.due_s() < 10.0
    assert sizes(scheduler.take(10.0)) == [3, 1]
    assert scheduler.empty


def test_a_task_that_does_not_fit_closes_the_batch_before_it() -> None:
    scheduler: Scheduler[Rows] = Scheduler(2)
    put(scheduler, "a", 3, joining(), 10.0)
    put(scheduler, "a", 2, joining(), 10.0)
    assert sizes(scheduler.take(10.0)) == [3]
    assert scheduler.take(10.0) is None
    assert sizes(scheduler.take(11.0)) == [2]


def test_no_more_runs_begin_than_are_free() -> None:
    scheduler: Scheduler[Rows] = Scheduler(1)
    put(scheduler, "a", 4, joining(), 10.0)
    put(scheduler, "b", 4, joining(), 10.0)
    assert scheduler.take(10.0) is not None
    assert scheduler.take(99.0) is None
    assert scheduler.due_s() == float("inf")
    scheduler.end_run()
    assert scheduler.take(10.0) is not None


def test_the_queues_take_turns() -> None:
    scheduler: Scheduler[Rows] = Scheduler(9)
    for key in "aaabbc":
        put(scheduler, key, 4, joining(), 10.0)
    taken = [scheduler.take(10.0) for _ in range(6)]
    assert [batch and batch.key for batch in taken] == ["a", "b", "c", "a", "b", "a"]


def test_a_lone_request_begins_alone_only_if_it_overtakes_nobody() -> None:
    at_once = joining(timeout_s=0.0)
    scheduler: Scheduler[Rows] = Scheduler(2)
    assert scheduler.begin_alone("a", 1, at_once, 10.0)
    put(scheduler, "b", 1, at_once, 10.0)
    assert not scheduler.begin_alone("b", 1, at_once, 10.0), "another of its kind waits"
    assert not scheduler.begin_alone("c", 1, at_once, 10.0), "another batch is due"
    assert sizes(scheduler.take(10.0)) == [1]
    assert not scheduler.begin_alone("c", 1, at_once, 10.0), "no run is free"


def test_a_request_that_is_to_wait_for_others_begins_alone_only_if_it_fills_a_batch() -> None:
    scheduler: Scheduler[Rows] = Scheduler(2)
    assert not scheduler.begin_alone("a", 3, joining(), 10.0)
    assert scheduler.begin_alone("a", 4, joining(), 10.0)
    assert not scheduler.begin_alone("a", 5, joining(), 10.0)
    put(scheduler, "b", 1, joining(), 10.0)
    assert scheduler.begin_alone("a", 4, joining(), 10.0), "what waits is not due yet"


def test_a_closed_scheduler_lets_nothing_wait() -> None:
    scheduler: Scheduler[Rows] = Scheduler(1)
    put(scheduler, "a", 1, joining(), 10.0)
    scheduler.close()
    assert sizes(scheduler.take(10.0)) == [1]
    assert scheduler.begin_alone("a", 1, joining(), 10.0)


def test_a_task_that_gave_up_leaves_its_place_to_others() -> None:
    scheduler: Scheduler[Rows] = Scheduler(1)
    (first,) = put(scheduler, "a", 3, joining(), 10.0)
    second = Rows(1)
    batch = scheduler.add("a", second, joining(), 10.0)
    scheduler.remove(first, batch)
    put(scheduler, "a", 3, joining(), 10.0)
    assert sizes(scheduler.take(10.0)) == [1, 3]
    (alone,) = put(scheduler, "a", 1, joining(), 10.0)
    scheduler.remove(alone, next(iter(scheduler._queues.values()))[0])
    assert scheduler.empty


def test_bad_request_larger_than_a_batch() -> None:
    with pytest.raises(InvalidArgument, match=r"^Task size 40 is larger than maximum input batch size 32$"):
        Scheduler[Rows](1).admit("a", 40, joining(32))


def test_bad_full_queue() -> None:
    scheduler: Scheduler[Rows] = Scheduler(1)
    for _ in range(2):
        put(scheduler, "a", 3, joining(enqueued=2), 10.0)
    put(scheduler, "a", 1, joining(enqueued=2), 10.0)
    with pytest.raises(Unavailable) as refused:
        scheduler.admit("a", 1, joining(enqueued=2))
    assert str(refused.value) == (
        "The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    assert scheduler.admit("b", 1, joining(enqueued=2)) == [1], "another queue is not full"


def test_a_large_request_is_split_over_the_open_batch_full_ones_and_the_rest() -> None:
    scheduler: Scheduler[Rows] = Scheduler(9)
    parameters = splitting(16, 4)
    put(scheduler, "a", 3, parameters, 10.0)
    assert [task.rows for task in put(scheduler, "a", 11, parameters, 10.0)] == [1, 4, 4, 2]
    assert [sizes(scheduler.take(10.0)) for _ in range(3)] == [[3, 1], [4], [4]]
    assert scheduler.take(10.0) is None
    assert sizes(scheduler.take(11.0)) == [2]


def test_bad_large_request_for_which_the_queue_has_no_room() -> None:
    scheduler: Scheduler[Rows] = Scheduler(1)
    parameters = splitting(16, 4, enqueued=2)
    put(scheduler, "a", 3, parameters, 10.0)
    with pytest.raises(Unavailable) as refused:
        scheduler.admit("a", 6, parameters)
    assert str(refused.value) == (
        "The batch scheduling queue to which this task was submitted is full; task size is 6 but scheduling capacity "
        "is only 5 (num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=3, max_execution_batch_size=4)"
    )
    assert scheduler.admit("a", 5, parameters) == [1, 4]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.integers(1, 9)),
        st.tuples(st.just("take"), st.just(""), st.integers(0, 3)),
        st.tuples(st.just("end"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


@given(_STEPS, st.booleans())
def test_every_admitted_row_is_run_once_in_order_and_no_run_is_too_large(
    steps: list[tuple[str, str, int]], splits: bool
) -> None:
    parameters = splitting(8, 3, enqueued=3) if splits else joining(8, enqueued=3)
    scheduler: Scheduler[Rows] = Scheduler(2)
    now_s, running = 0.0, 0
    admitted: dict[str, list[Rows]] = {key: [] for key in "abc"}
    ran: dict[str, list[Rows]] = {key: [] for key in "abc"}

    def take() -> int:
        batch = scheduler.take(now_s)
        if batch is None:
            return 0
        assert 0 < sum(sizes(batch)) == batch.rows <= parameters.run_limit
        ran[str(batch.key)] += batch.tasks
        return 1

    for action, key, number in steps:
        if action == "put":
            with suppress(InvalidArgument, Unavailable):
                admitted[key] += put(scheduler, key, number, parameters, now_s)
        elif action == "take":
            now_s += number / 2
            running += take()
        elif running:
            scheduler.end_run()
            running -= 1
        assert running <= 2
    scheduler.close()
    while not scheduler.empty:
        if not take():
            scheduler.end_run()
    assert ran == admitted
