"""What a request learns of a run that fails, of a deadline that passes and of a queue that is full."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from serving.model_server.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    ServerError,
    Unavailable,
)
from serving.model_server.inference.servable import Tensors
from tests.serving.model_server.batching.fake_servable import FOREVER_S, Fake, Make, ask, busy, waiting
from tests.serving.model_server.conftest import eventually


def test_a_failed_run_fails_all_its_requests_each_with_an_error_of_its_own(
    batching: Make, clients: ThreadPoolExecutor
) -> None:
    batcher, servable = batching(max_batch_size=2, batch_timeout_s=FOREVER_S), Fake()
    for error in (InvalidArgument("bad picture"), RuntimeError("a fault")):
        servable.error = error
        answers = [clients.submit(ask, batcher, servable, [number]) for number in range(2)]
        failures = [answer.exception() for answer in answers]
        assert [type(failure) for failure in failures] == [type(error)] * 2
        assert {str(failure) for failure in failures} == {str(error)}
        if isinstance(error, ServerError):
            assert failures[0] is not failures[1]
    servable.error = None
    assert ask(batcher, servable, [1, 2]) == [2, 4], "the batch threads go on"


def test_bad_outputs_whose_rows_are_not_those_of_the_inputs(batching: Make, clients: ThreadPoolExecutor) -> None:
    class Summing(Fake):
        def run(self, signature: str, inputs: Tensors, outputs: object, *, timeout_ms: int = 0) -> Tensors:
            doubled = super().run(signature, inputs, outputs, timeout_ms=timeout_ms)
            return {"y": doubled["y"].sum(keepdims=True)}

    batcher = batching(max_batch_size=2, batch_timeout_s=0.001)
    with pytest.raises(FailedPrecondition, match="0th dimension does not equal the sum"):
        ask(batcher, Summing(), [1, 2])
    assert ask(batcher, Summing(), [1]) == [2]


def test_bad_request_larger_than_a_batch_and_bad_full_queue(batching: Make, clients: ThreadPoolExecutor) -> None:
    batcher = batching(max_batch_size=2, num_batch_threads=1, max_enqueued_batches=1)
    servable = Fake()
    with pytest.raises(InvalidArgument, match=r"^Task size 3 is larger than maximum input batch size 2$"):
        ask(batcher, servable, [1, 2, 3])
    busy(batcher, servable, clients)
    queued = clients.submit(ask, batcher, servable, [1])
    eventually(lambda: waiting(batcher) == 1)
    with pytest.raises(Unavailable, match="full; currently 1 batches enqueued and max_enqueued_batches is 1"):
        ask(batcher, servable, [1, 2])
    servable.gate.set()
    assert queued.result() == [2]


def test_a_request_that_waits_too_long_in_the_queue_gives_up_and_leaves_its_place(
    batching: Make, clients: ThreadPoolExecutor
) -> None:
    batcher, servable = batching(max_batch_size=2, batch_timeout_s=FOREVER_S), Fake()
    with pytest.raises(ResourceExhausted, match=r"^Run\(\) timeout exceeded while waiting in batching queue$"):
        ask(batcher, servable, [1], timeout_ms=20)
    assert batcher._scheduler.empty, "nothing keeps the servable alive"
    answers = [clients.submit(ask, batcher, servable, [number]) for number in (3, 4)]
    assert [answer.result() for answer in answers] == [[6], [8]]


def test_a_request_whose_run_takes_too_long_gives_up_and_the_others_get_their_answers(
    batching: Make, clients: ThreadPoolExecutor
) -> None:
    batcher, servable = batching(max_batch_size=2, batch_timeout_s=FOREVER_S), Fake()
    servable.gate.clear()
    patient = clients.submit(ask, batcher, servable, [1])
    eventually(lambda: waiting(batcher) == 1)
    with pytest.raises(DeadlineExceeded, match=r"^Timed out waiting for notification$"):
        ask(batcher, servable, [2], timeout_ms=200)
    servable.gate.set()
    assert patient.result() == [2]
    assert servable.timeouts_ms == [0], "the run lasts as long as its most patient request allows"


def test_a_run_is_limited_by_its_most_patient_request(batching: Make, clients: ThreadPoolExecutor) -> None:
    batcher, servable = batching(max_batch_size=2, batch_timeout_s=FOREVER_S), Fake()
    answers = [clients.submit(ask, batcher, servable, [1], timeout_ms) for timeout_ms in (50_000, 70_000)]
    assert [answer.result() for answer in answers] == [[2], [2]]
    assert servable.timeouts_ms == [70_000]
