"""What the batcher counts: how large requests and runs are, how much of them is filling, how long requests wait.

Names, labels and buckets are those of TensorFlow Serving's batching session: what its batching parameters are tuned by.
"""

from __future__ import annotations

from collections.abc import Sequence

from serving.model_server.metrics import Counter, Sampler

_FOLDER = "/tensorflow/serving/batching_session"
# The official one leaves this label empty, too.
_THREAD_POOL = ""


class BatchingMetrics:
    """All metrics of one batcher. Thread-safe."""

    def __init__(self) -> None:
        self._queuing_latency = Sampler("thread_pool_name", scale=100, growth=1.2, count=52)
        self._runs = Counter()
        self._padding_size = _sizes("execution_batch_size")
        self._input_size = _sizes()
        self._processed_size = _sizes()
        self.by_name: dict[str, Counter | Sampler] = {
            f"{_FOLDER}/queuing_latency": self._queuing_latency,
            f"{_FOLDER}/wrapped_run_count": self._runs,
            f"{_FOLDER}/padding_size": self._padding_size,
            f"{_FOLDER}/input_batch_size": self._input_size,
            f"{_FOLDER}/processed_batch_size": self._processed_size,
        }

    def record_request(self, rows: int, inputs: int) -> None:
        """A request whose tensors, `inputs` of them, have so many rows."""
        for _ in range(inputs):
            self._input_size.add(sample=rows)

    def record_run(self, rows: int, size: int, waited_s: Sequence[float]) -> None:
        """A run that begins: its rows, its size with the filling, and how long each of its tasks waited for it."""
        self._runs.add()
        self._padding_size.add(str(size), sample=size - rows)
        self._processed_size.add(sample=size)
        for seconds in waited_s:
            self._queuing_latency.add(_THREAD_POOL, sample=seconds * 1e6)


def _sizes(*labels: str) -> Sampler:
    """1 to 8192."""
    return Sampler(*labels, scale=1, growth=2, count=14)
