"""Batchers, and clients that ask them at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from serving.model_server.batching.batcher import Batcher
from serving.model_server.batching.parameters import BatchingParameters
from tests.serving.model_server.batching.fake_servable import Make


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
