"""The batcher without a socket and without TensorFlow: its threads, deadlines and errors, and all of it under load."""

from __future__ import annotations

import gc
import random
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from serving.model_server.batching.batcher import Batcher
from serving.model_server.batching.metrics import BatchingMetrics
from serving.model_server.batching.parameters import BatchingParameters
from serving.model_server.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    ServerError,
    Unavailable,
)
from serving.model_server.inference.servable import Servable, Tensors
from serving.model_server.metrics import Metrics
from tests.serving.model_server.conftest import eventually

FOREVER_S = 600.0


class Fake(Servable):
    """Doubles its input, once `gate` is open, and notes what it was asked to run."""

    def __init__(self, path: Path = Path()) -> None:
        super().__init__(None, {}, path)
        self.sizes: list[tuple[int, ...]] = []
        self.threads: list[str] = []
        self.timeouts_ms: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.running = self.most_running = 0
        self.error: BaseException | None = None
        self._counting = threading.Lock()

    def run(self, signature: str, inputs: Tensors, outputs: object, *, timeout_ms: int = 0) -> Tensors:  # noqa: ARG002
        rows = len(inputs["x"]) if inputs["x"].ndim else 0
        with self._counting:
            self.running += bool(rows)
            self.most_running = max(self.running, self.most_running)
            self.sizes.append(inputs["x"].shape)
            self.threads.append(threading.current_thread().name)
            self.timeouts_ms.append(timeout_ms)
        self.gate.wait()
        with self._counting:
            self.running -= bool(rows)
        if self.error:
            raise self.error
        return {"y": inputs["x"] * 2}


class Make(Protocol):
    def __call__(self, *, per_model: bool = False, **parameters: Any) -> Batcher: ...


@pytest.fixture
def batching() -> Iterator[Make]:
    """Makes batchers, and ends their threads."""
    made: list[Batcher] = []

    def make(*, per_model: bool = False, **parameters: Any) -> Batcher:
        made.append(Batcher(BatchingParameters(**parameters), per_model=per_model))
        return made[-1]

    yield make
    for batcher in made:
        batcher.close()


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64, "client") as pool:
        yield pool


def ask(batcher: Batcher, servable: Servable, x: object, timeout_ms: int = 0) -> list[object]:
    answer: list[object] = batcher(servable, "s", {"x": np.asarray(x)}, ("y",), timeout_ms=timeout_ms)["y"].tolist()
    return answer


def busy(batcher: Batcher, servable: Fake, clients: ThreadPoolExecutor, runs: int = 1) -> None:
    """Begins runs that last until the gate opens."""
    servable.gate.clear()
    for run in range(runs):
        clients.submit(ask, batcher, servable, [100])
        eventually(lambda: servable.running == run + 1)  # noqa: B023  # awaited within the loop


def alive(pool: str) -> int:
    return sum(thread.name.startswith(f"{pool}_") for thread in threading.enumerate())


def waiting(batcher: Batcher) -> int:
    with batcher._lock:
        return sum(len(batch.tasks) for queue in batcher._scheduler._queues.values() for batch in queue)


def test_a_lone_request_is_run_by_its_own_thread(batching: Make) -> None:
    batcher, servable = batching(num_batch_threads=2), Fake()
    assert ask(batcher, servable, [1, 2]) == [2, 4]
    assert servable.threads == [threading.current_thread().name]


def test_requests_that_come_while_all_runs_are_taken_share_the_next(
    batching: Make, clients: ThreadPoolExecutor
) -> None:
    batcher, servable = batching(num_batch_threads=2), Fake()
    busy(batcher, servable, clients, runs=2)
    answers = [clients.submit(ask, batcher, servable, [[number]] * (number % 3 + 1)) for number in range(1, 8)]
    eventually(lambda: waiting(batcher) == 7)
    servable.gate.set()
    for number, answer in enumerate(answers, start=1):
        assert answer.result() == [[2 * number]] * (number % 3 + 1)
    assert servable.sizes[2:] == [(14, 1)]
    assert servable.most_running == 2


def test_requests_wait_for_others_until_the_batch_is_full(batching: Make, clients: ThreadPoolExecutor) -> None:
    batcher, servable = batching(max_batch_size=3, batch_timeout_s=FOREVER_S), Fake()
    answers = [clients.submit(ask, batcher, servable, [number]) for number in range(3)]
    assert [answer.result() for answer in answers] == [[0], [2], [4]]
    assert servable.sizes == [(3,)]


def test_an_underfull_batch_runs_after_the_timeout(batching: Make) -> None:
    batcher, servable = batching(max_batch_size=3, batch_timeout_s=0.01), Fake()
    assert ask(batcher, servable, [1]) == [2]
    assert ask(batcher, servable, [2]) == [4]


def test_a_batch_that_is_due_before_another_is_not_forgotten(
    batching: Make, tmp_path: Path, clients: ThreadPoolExecutor
) -> None:
    patient, hasty = Fake(tmp_path / "patient"), Fake(tmp_path / "hasty")
    for servable, micros in ((patient, 600_000_000), (hasty, 50_000)):
        servable.path.mkdir()
        (servable.path / "batching_params.pbtxt").write_text(f"batch_timeout_micros {{ value: {micros} }}")
    batcher = batching(per_model=True, num_batch_threads=4)
    first = clients.submit(ask, batcher, patient, [1])
    eventually(lambda: waiting(batcher) == 1)
    assert [ask(batcher, hasty, [number]) for number in range(8)] == [[2 * number] for number in range(8)]
    batcher.close()
    assert first.result() == [2]


def test_different_shapes_signatures_and_servables_do_not_share_a_run(
    batching: Make, clients: ThreadPoolExecutor
) -> None:
    batcher, servable, other = batching(num_batch_threads=1), Fake(), Fake()
    busy(batcher, servable, clients)
    wide = clients.submit(ask, batcher, servable, [[1, 2]])
    narrow = clients.submit(ask, batcher, servable, [[1]])
    elsewhere = clients.submit(ask, batcher, other, [[1]])
    eventually(lambda: waiting(batcher) == 3)
    servable.gate.set()
    assert (wide.result(), narrow.result(), elsewhere.result()) == ([[2, 4]], [[2]], [[2]])
    assert sorted(servable.sizes[1:]) == [(1, 1), (1, 2)]
    assert other.sizes == [(1, 1)]


def test_variable_lengths_share_a_run_when_they_are_padded(batching: Make, clients: ThreadPoolExecutor) -> None:
    batcher = batching(max_batch_size=2, batch_timeout_s=FOREVER_S, pad_variable_length_inputs=True)
    servable = Fake()
    short = clients.submit(ask, batcher, servable, [[7, 8]])
    long = clients.submit(ask, batcher, servable, [[1, 2, 3]])
    assert (short.result(), long.result()) == ([[14, 16, 14]], [[2, 4, 6]])
    assert servable.sizes == [(2, 3)]


def test_a_run_is_padded_to_an_allowed_size_and_the_padding_is_answered_to_nobody(batching: Make) -> None:
    batcher, servable = Batcher(BatchingParameters(max_batch_size=8, allowed_batch_sizes=(4, 8))), Fake()
    assert ask(batcher, servable, [1, 2, 3]) == [2, 4, 6]
    assert ask(batcher, servable, [1, 2, 3, 4, 5]) == [2, 4, 6, 8, 10]
    assert servable.sizes == [(4,), (8,)]


def test_a_request_without_rows_is_run_as_it_is(batching: Make) -> None:
    batcher = batching(max_batch_size=8, batch_timeout_s=FOREVER_S, allowed_batch_sizes=(4, 8))
    servable = Fake()
    assert ask(batcher, servable, np.ones((0, 3))) == []
    assert servable.sizes == [(0, 3)]


def test_a_large_request_is_spread_over_several_runs_at_the_same_time(
    batching: Make, clients: ThreadPoolExecutor
) -> None:
    batcher = batching(
        max_batch_size=100, num_batch_threads=2, enable_large_batch_splitting=True, max_execution_batch_size=4
    )
    servable = Fake()
    servable.gate.clear()
    answer = clients.submit(ask, batcher, servable, list(range(10)))
    eventually(lambda: servable.running == 2)
    servable.gate.set()
    assert answer.result() == [2 * number for number in range(10)]
    assert servable.sizes == [(4,), (4,), (2,)]


def test_a_large_request_fails_as_a_whole(batching: Make, clients: ThreadPoolExecutor) -> None:
    batcher = batching(
        max_batch_size=100, num_batch_threads=1, enable_large_batch_splitting=True, max_execution_batch_size=4
    )
    servable = Fake()
    servable.error = InvalidArgument("no")
    with pytest.raises(InvalidArgument, match="no"):
        ask(batcher, servable, list(range(10)))
    servable.error = None
    assert ask(batcher, servable, [1]) == [2]


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


def test_versions_are_batched_by_their_own_parameters_or_not_at_all(batching: Make, tmp_path: Path) -> None:
    without, small, wrong = (Fake(tmp_path / name) for name in ("without", "small", "wrong"))
    for servable in (without, small, wrong):
        servable.path.mkdir()
    (small.path / "batching_params.pbtxt").write_text("max_batch_size { value: 2 } num_batch_threads { value: 99 }")
    (wrong.path / "batching_params.pbtxt").write_text("max_batch_size { value: 0 }")
    batcher = batching(per_model=True, max_batch_size=1, num_batch_threads=1, thread_pool_name="own")
    assert alive("own") == 1
    assert ask(batcher, without, [1, 2, 3]) == [2, 4, 6]
    assert batcher(without, "s", {"x": np.array(1)}, ("y",), timeout_ms=0)["y"] == 2, "nor has it to have rows"
    assert ask(batcher, small, [1, 2]) == [2, 4]
    with pytest.raises(InvalidArgument, match="Task size 3 is larger than maximum input batch size 2"):
        ask(batcher, small, [1, 2, 3])
    with pytest.raises(InvalidArgument, match="input_batch_size_limit must be positive; was 0"):
        batcher.parameters_of(wrong)


def test_an_idle_batcher_keeps_no_servable_and_no_tensors(batching: Make, clients: ThreadPoolExecutor) -> None:
    batcher = batching(max_batch_size=2, batch_timeout_s=FOREVER_S)
    servable = Fake()
    answers = [clients.submit(ask, batcher, servable, [number]) for number in range(2)]
    assert [answer.result() for answer in answers] == [[0], [2]]
    clients.shutdown()
    last = weakref.ref(servable)
    del servable, answers
    gc.collect()
    eventually(lambda: last() is None)


def test_closing_answers_what_waits_and_ends_the_threads(batching: Make, clients: ThreadPoolExecutor) -> None:
    batcher, servable = batching(batch_timeout_s=FOREVER_S, num_batch_threads=2, thread_pool_name="closed"), Fake()
    assert alive("closed") == 2
    answers = [clients.submit(ask, batcher, servable, [number]) for number in range(3)]
    eventually(lambda: waiting(batcher) == 3)
    batcher.close()
    assert [answer.result() for answer in answers] == [[0], [2], [4]]
    assert ask(batcher, servable, [5]) == [10], "a late request is run by itself"
    eventually(lambda: alive("closed") == 0)


def test_requests_runs_filling_and_waiting_are_counted_under_the_official_names(clients: ThreadPoolExecutor) -> None:
    page, counted, servable = Metrics(), BatchingMetrics(), Fake()
    page.include(counted.by_name)
    parameters = BatchingParameters(max_batch_size=4, num_batch_threads=1, allowed_batch_sizes=(4,))
    batcher = Batcher(parameters, metrics=counted)
    assert ask(batcher, servable, [1, 2, 3]) == [2, 4, 6]
    busy(batcher, servable, clients)
    answers = [clients.submit(ask, batcher, servable, [number]) for number in range(2)]
    eventually(lambda: waiting(batcher) == 2)
    servable.gate.set()
    assert [answer.result() for answer in answers] == [[0], [2]]
    batcher.close()
    lines = page.text().decode().splitlines()
    prefix = ":tensorflow:serving:batching_session"
    for line in (
        f"# TYPE {prefix}:processed_batch_size histogram",
        f'{prefix}:processed_batch_size_bucket{{le="4"}} 0',
        f'{prefix}:processed_batch_size_bucket{{le="8"}} 3',
        f"{prefix}:processed_batch_size_sum{{}} 12",
        f"{prefix}:input_batch_size_sum{{}} 6",
        f"{prefix}:input_batch_size_count{{}} 4",
        f'{prefix}:padding_size_sum{{execution_batch_size="4"}} 6',
        f'{prefix}:queuing_latency_count{{thread_pool_name=""}} 4',
        f"{prefix}:wrapped_run_count{{}} 3",
    ):
        assert line in lines


@pytest.mark.parametrize("timeout_s", [0.0, 0.001])
@pytest.mark.parametrize("splits", [False, True])
def test_under_load_every_request_gets_its_own_rows_or_an_official_error_and_no_thread_dies(
    batching: Make, timeout_s: float, splits: bool, clients: ThreadPoolExecutor
) -> None:
    class Moody(Fake):
        """Fails whenever a 13 is among its rows."""

        def run(self, signature: str, inputs: Tensors, outputs: object, *, timeout_ms: int = 0) -> Tensors:
            doubled = super().run(signature, inputs, outputs, timeout_ms=timeout_ms)
            if 13 in inputs["x"]:
                raise RuntimeError("thirteen")
            return doubled

    batcher = batching(
        max_batch_size=16,
        batch_timeout_s=timeout_s,
        max_enqueued_batches=4,
        num_batch_threads=3,
        thread_pool_name="load",
        allowed_batch_sizes=(2, 16),
        enable_large_batch_splitting=splits,
        max_execution_batch_size=5,
    )
    servables = [Moody(), Moody()]

    def client(seed: int) -> list[str]:
        draw, seen = random.Random(seed), []
        for _ in range(150):
            rows = [
                draw.randrange(14 if draw.random() < 0.02 else 13) for _ in range(draw.choice((0, 1, 1, 1, 2, 7, 17)))
            ]
            shape = (-1, draw.choice((1, 1, 1, len(rows) or 1)))
            x = np.array(rows).reshape(shape if rows else (0, 1))
            try:
                assert ask(batcher, draw.choice(servables), x, draw.choice((0, 0, 1, 1000))) == (x * 2).tolist()
                seen.append("OK")
            except (ServerError, RuntimeError) as error:
                seen.append(getattr(error, "status", str(error)))
        return seen

    outcomes = [one for seen in clients.map(client, range(24)) for one in seen]
    assert set(outcomes) <= {
        "OK", "thirteen", "INVALID_ARGUMENT", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED",
    }  # fmt: skip
    assert outcomes.count("OK") > len(outcomes) / 4
    assert batcher._scheduler.empty
    assert alive("load") == 3
    assert max(servable.most_running for servable in servables) <= 3
    assert ask(batcher, servables[0], [1]) == [2]
