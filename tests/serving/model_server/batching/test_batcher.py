"""The batcher without a socket and without TensorFlow: who shares a run with whom, when, and on which thread."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from serving.model_server.batching.batcher import Batcher
from serving.model_server.batching.parameters import BatchingParameters
from serving.model_server.errors import (
    InvalidArgument,
)
from tests.serving.model_server.batching.fake_servable import FOREVER_S, Fake, Make, alive, ask, busy, waiting
from tests.serving.model_server.conftest import eventually


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
