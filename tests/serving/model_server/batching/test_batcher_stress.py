"""The batcher with many clients at once: shapes, failures, deadlines and full queues, all mixed."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from serving.model_server.errors import (
    ServerError,
)
from serving.model_server.inference.servable import Tensors
from tests.serving.model_server.batching.fake_servable import Fake, Make, alive, ask


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
