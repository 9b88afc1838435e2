"""BentoML with adaptive batching: the pictures of concurrent requests are predicted together.

A worker for each CPU, which share the port; every picture is one element of the batch, so that requests of any size
mix. JPEGs are scaled down while they are decoded, in the batch's one thread, outside the event loop: a second thread
brought less. Metrics and the access log are off.
"""

from __future__ import annotations

from typing import Any

import bentoml  # type: ignore[import-not-found]
import numpy as np
from PIL import Image

from tests.benchmarks.gateway.peers import common


@bentoml.service(
    workers=common.WORKERS,
    threads=1,
    traffic={"timeout": 60},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
class Classifier:
    """One worker's service."""

    def __init__(self) -> None:
        self._predict = common.load_signature()

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=10_000, route="/classify")  # type: ignore[untyped-decorator, unused-ignore]
    def classify(self, images: list[Image.Image]) -> list[dict[str, Any]]:
        """The pictures of all requests of a batch, in one call."""
        probabilities = self._predict(np.stack([common.fitted(image) for image in images]))
        return [common.prediction(None, row) for row in probabilities]
