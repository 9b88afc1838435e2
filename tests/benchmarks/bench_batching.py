"""What joining requests gains over running each by itself: the same threads, with and without the batcher, as ratios.

No sockets: what is measured is the batcher and the model. Rounds of both take turns, so that a machine that is busy
with something else is so for both; each figure is the median of its rounds.

    python -m tests.benchmarks.bench_batching [seconds a round]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

from serving.model_server.batching import Batcher
from serving.model_server.batching_config import BatchingParameters
from serving.model_server.predict import Runner, run_directly
from serving.model_server.servable import Servable, load

ROUNDS = 5
THREADS = (1, 2, 8, 32)
SIZES = (1, 2, 4, 8, 16, 32)
SETTINGS = {
    "timeout 0": BatchingParameters(max_batch_size=32, num_batch_threads=2, max_enqueued_batches=100),
    "timeout 0, allowed sizes": BatchingParameters(
        max_batch_size=32, num_batch_threads=2, max_enqueued_batches=100, allowed_batch_sizes=SIZES
    ),
    "timeout 1 ms": BatchingParameters(
        max_batch_size=32, num_batch_threads=2, max_enqueued_batches=100, batch_timeout_s=0.001
    ),
    "timeout 1 ms, at most 8": BatchingParameters(
        max_batch_size=8, num_batch_threads=2, max_enqueued_batches=100, batch_timeout_s=0.001
    ),
}


def main() -> None:
    """Prints a table: a row for each setting and number of threads."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder))
        servable = load(
            Path(folder), tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        )
    print(f"{'':36}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'x direct':>10}")
    for threads in THREADS:
        runners: dict[str, Runner] = {"direct": run_directly}
        runners |= {name: Batcher(parameters) for name, parameters in SETTINGS.items()}
        taken: dict[str, list[list[float]]] = {name: [] for name in runners}
        for _ in range(ROUNDS):
            for name, run in runners.items():
                taken[name].append(round_of(run, servable, threads, seconds))
        report(taken, threads, seconds)


def report(taken: dict[str, list[list[float]]], threads: int, seconds: float) -> None:
    """A row for each runner; the ratios are medians over the rounds, each to the direct run of its own round."""
    direct = [len(latencies) for latencies in taken["direct"]]
    for name, rounds in taken.items():
        rates = [len(latencies) / seconds for latencies in rounds]
        ratio = statistics.median(len(latencies) / one for latencies, one in zip(rounds, direct, strict=True))
        p50, p99 = (statistics.median(float(np.percentile(one, q)) * 1e3 for one in rounds) for q in (50, 99))
        label = f"{threads} threads, {name}"
        print(f"{label:36}{statistics.median(rates):12.0f}{p50:9.2f}{p99:9.2f}{ratio:10.2f}", flush=True)


def round_of(run: Runner, servable: Servable, threads: int, seconds: float) -> list[float]:
    """The latency in seconds of every request that `threads` threads, one picture each at a time, got answered."""
    latencies: list[list[float]] = [[] for _ in range(threads)]
    stop = threading.Event()

    def ask(mine: list[float]) -> None:
        inputs = {"images": np.zeros((1, 28, 28, 1), np.uint8)}
        while not stop.is_set():
            started_s = time.perf_counter()
            run(servable, "serving_default", inputs, ("probabilities",), timeout_ms=0)
            mine.append(time.perf_counter() - started_s)

    clients = [threading.Thread(target=ask, args=(mine,)) for mine in latencies]
    for client in clients:
        client.start()
    time.sleep(seconds)
    stop.set()
    for client in clients:
        client.join()
    return [one for mine in latencies for one in mine]


def save(folder: Path) -> None:
    """A convolutional network for 28 x 28 pictures, its weights constants of the graph."""
    draw = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return draw.normal(0, 0.1, shape).astype(np.float32)

    convolution, dense, last = weights(3, 3, 1, 32), weights(5408, 100), weights(100, 10)

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.uint8, name="images")])  # type: ignore[untyped-decorator]
    def classify(images: tf.Tensor) -> dict[str, tf.Tensor]:
        x = tf.cast(images, tf.float32) / 255.0
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, convolution, 1, "VALID")), 2, 2, "VALID")
        x = tf.nn.relu(tf.reshape(x, [-1, 5408]) @ dense)
        return {"probabilities": tf.nn.softmax(x @ last)}

    tf.saved_model.save(tf.Module(), str(folder), signatures={"serving_default": classify})


if __name__ == "__main__":
    main()
