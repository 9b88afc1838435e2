"""Which pictures share a call and whose answer is whose, without any call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from contract.errors import ModelServerFault
from contract.messages import Prediction
from gateway.upstream.batches import MAX_REQUEST_IDS_CHARS, Member, Queue, request_ids, split, stack
from gateway.upstream.model_server import Deadline

MakeMember = Callable[..., Member]


@pytest.fixture
def member() -> Iterator[MakeMember]:
    """Makes a request for pictures of some shades."""
    loop = asyncio.new_event_loop()

    def make(*shades: int, request_id: str = "") -> Member:
        images = [np.full((2, 2, 1), shade, np.uint8) for shade in shades]
        return Member(images, Deadline(60), request_id, loop.create_future())

    yield make
    loop.close()


def queue_of(*members: Member, max_batch: int = 4) -> Queue:
    queue = Queue(max_batch)
    for one in members:
        queue.join(one)
    return queue


def shades(queue: Queue) -> list[list[int]]:
    """The shades of the pictures in each part of the next call."""
    return [[int(image[0, 0, 0]) for image in part.member.images[part.start : part.stop]] for part in queue.take()]


def rows(*values: Any, version: int = 1) -> Prediction:
    return Prediction(version, {"probabilities": np.array(values)})


def test_who_came_first_leaves_first_as_many_as_fit(member: MakeMember) -> None:
    queue = queue_of(member(1), member(2, 3), member(4, 5, 6))

    assert shades(queue) == [[1], [2, 3], [4]]
    assert shades(queue) == [[5, 6]]
    assert not queue
    assert shades(queue) == []


def test_a_huge_request_lets_a_small_one_pass_after_each_call(member: MakeMember) -> None:
    queue = queue_of(member(*range(10, 20)))

    assert shades(queue) == [[10, 11, 12, 13]]
    queue.join(member(1))
    assert shades(queue) == [[14, 15, 16, 17]]
    queue.join(member(2))
    assert shades(queue) == [[1], [18, 19], [2]]


def test_who_leaves_takes_the_waiting_pictures_along(member: MakeMember) -> None:
    gone = member(1, 2, 3, 4, 5)
    queue = queue_of(gone, member(6))
    parts = queue.take()
    queue.again_alone(parts)

    queue.leave(gone)

    assert shades(queue) == [[6]]
    assert not queue


def test_parts_that_must_be_alone_leave_first_and_alone(member: MakeMember) -> None:
    queue = queue_of(member(1), member(2), member(3, 4, 5))
    failed = queue.take()

    queue.again_alone(failed)

    assert [shades(queue) for _ in range(4)] == [[[1]], [[2]], [[3, 4]], [[5]]]


def test_parts_are_stacked_in_their_order_and_each_gets_its_own_rows(member: MakeMember) -> None:
    parts = queue_of(member(1), member(2, 3), member(4, 5)).take()

    assert stack(parts)[:, 0, 0, 0].tolist() == [1, 2, 3, 4]
    answers = split(rows([0.1], [0.2], [0.3], [0.4]), parts)
    assert [answer.outputs["probabilities"].tolist() for answer in answers] == [[[0.1]], [[0.2], [0.3]], [[0.4]]]


@pytest.mark.parametrize("output", [np.float32(0.5), np.zeros(3), np.zeros((1, 2))])
def test_an_output_without_a_row_for_every_picture_is_left_to_a_lone_request_only(
    member: MakeMember, output: Any
) -> None:
    answer = Prediction(1, {"probabilities": np.asarray(output)})

    assert split(answer, queue_of(member(1, 2)).take()) == [answer]
    with pytest.raises(ModelServerFault, match=r"Expected 2 rows in the output 'probabilities'. Received: \["):
        split(answer, queue_of(member(1), member(2)).take())


def test_the_answers_of_several_calls_become_one_in_the_pictures_order(member: MakeMember) -> None:
    one = member(1, 2, 3)
    first, second = one.take(2), one.take(2)

    one.keep(second, rows([0.3]))
    assert not one.answer.done()
    one.keep(first, rows([0.1], [0.2]))

    assert one.answer.result().outputs["probabilities"].tolist() == [[0.1], [0.2], [0.3]]


def test_answers_of_two_versions_are_not_mixed(member: MakeMember) -> None:
    one = member(1, 2)
    parts = one.take(1), one.take(1)

    for version, part in enumerate(parts, start=7):
        one.keep(part, rows([0.1], version=version))

    with pytest.raises(ModelServerFault, match=r"Received: answers of \[7, 8\]"):
        one.answer.result()


def test_answers_that_cannot_be_joined_are_the_models_fault(member: MakeMember) -> None:
    one = member(1, 2)

    one.keep(one.take(1), rows([0.1]))
    one.keep(one.take(1), rows([0.1, 0.2]))

    with pytest.raises(ModelServerFault, match="Expected rows in the output 'probabilities' of every call"):
        one.answer.result()


def test_an_answer_after_the_end_is_ignored(member: MakeMember) -> None:
    one = member(1)
    part = one.take(1)
    one.answer.cancel()

    one.keep(part, rows([0.1]))
    one.fail(ModelServerFault("late"))

    assert one.answer.cancelled()


def test_the_ids_of_a_call_are_joined_once_each_and_as_many_as_fit(member: MakeMember) -> None:
    some = queue_of(member(1, request_id="a"), member(2), member(3, request_id="b"), member(4, request_id="a"))
    many = queue_of(*(member(1, request_id=f"{index:036d}") for index in range(100)), max_batch=100)

    assert request_ids(some.take()) == "a,b"
    joined = request_ids(many.take())
    assert len(joined) <= MAX_REQUEST_IDS_CHARS
    assert {len(one) for one in joined.split(",")} == {36}
