"""How long the model itself takes on this machine: no decoding, no network, no server."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from training.networks import KerasModel

BATCHES = (1, 32)
_RUNS = (10, 100)
_WARM_UP = 3
_LONGEST_S = 3.0


def measure_latency(model: KerasModel, images: NDArray[np.uint8]) -> dict[str, dict[str, float]]:
    """``p50_ms``, ``p99_ms`` and ``images_per_s`` (at the median) of a forward pass, by batch size.

    Args:
        model: Takes uint8 [N, H, W, C].
        images: At least one; repeated as needed.
    """
    return {str(size): _measure(model, np.resize(images, (size, *images.shape[1:]))) for size in BATCHES}


def _measure(model: KerasModel, batch: NDArray[np.uint8]) -> dict[str, float]:
    """At least 10 runs, at most 100, and between these no longer than 3 s."""
    for _ in range(_WARM_UP):
        model.predict_on_batch(batch)
    fewest, most = _RUNS
    seconds: list[float] = []
    while len(seconds) < fewest or (len(seconds) < most and sum(seconds) < _LONGEST_S):
        start = time.perf_counter()
        model.predict_on_batch(batch)
        seconds.append(time.perf_counter() - start)
    p50, p99 = np.quantile(seconds, [0.5, 0.99])
    return {"p50_ms": p50 * 1e3, "p99_ms": p99 * 1e3, "images_per_s": len(batch) / p50}
