"""What the batcher counts, on the Prometheus page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from serving.model_server.batching.batcher import Batcher
from serving.model_server.batching.metrics import BatchingMetrics
from serving.model_server.batching.parameters import BatchingParameters
from serving.model_server.metrics import Metrics
from tests.serving.model_server.batching.fake_servable import Fake, ask, busy, waiting
from tests.serving.model_server.conftest import eventually


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
