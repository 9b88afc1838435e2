"""What joining requests gains over running each by itself: the same threads, with and without the batcher, as ratios.

No sockets: what is measured is the batcher and the small network. Rounds of all take turns, so that a machine that is
busy with something else is so for each; each figure is the median of its rounds. CPU time is the process's own, the
asking threads included.

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
from tensorflow.core.protobuf import config_pb2

from serving.model_server.batching.batcher import Batcher
from serving.model_server.batching.parameters import BatchingParameters
from serving.model_server.inference.predict import Runner, run_directly
from serving.model_server.inference.servable import Servable, load
from tests.benchmarks.networks import INPUT, OUTPUT, SIGNATURE, SMALL_CNN

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
    one_thread = config_pb2.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tempfile.TemporaryDirectory() as folder:
        servable = load(SMALL_CNN.write_version(Path(folder)), one_thread)
    print(f"{'':36}{'requests/s':>12}{'x direct':>10}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}{'x direct':>10}")
    for threads in THREADS:
        runners: dict[str, Runner] = {"direct": run_directly}
        runners |= {name: Batcher(parameters) for name, parameters in SETTINGS.items()}
        rounds: dict[str, list[Round]] = {name: [] for name in runners}
        for _ in range(ROUNDS):
            for name, run in runners.items():
                rounds[name].append(Round(run, servable, threads, seconds))
        for name, own in rounds.items():
            report(f"{threads} threads, {name}", own, rounds["direct"])


def report(name: str, rounds: list[Round], direct: list[Round]) -> None:
    """A row; its ratios are medians over the rounds, each to the direct run of its own round."""
    rate, p50, p99, cpu = (
        statistics.median(getattr(one, figure) for one in rounds) for figure in ("per_s", "p50_ms", "p99_ms", "cpu_us")
    )
    rate_ratio = statistics.median(one.per_s / other.per_s for one, other in zip(rounds, direct, strict=True))
    cpu_ratio = statistics.median(one.cpu_us / other.cpu_us for one, other in zip(rounds, direct, strict=True))
    print(f"{name:36}{rate:12.0f}{rate_ratio:10.2f}{p50:9.2f}{p99:9.2f}{cpu:9.0f}{cpu_ratio:10.2f}", flush=True)


class Round:
    """What some threads, which ask for one picture at a time, got answered in some seconds."""

    def __init__(self, run: Runner, servable: Servable, threads: int, seconds: float) -> None:
        """Takes that long."""
        started_s, cpu_s = time.perf_counter(), time.process_time()
        latencies_s = ask_for(seconds, run, servable, threads)
        elapsed_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
        self.per_s = len(latencies_s) / elapsed_s
        self.cpu_us = cpu_s / len(latencies_s) * 1e6
        self.p50_ms, self.p99_ms = np.percentile(latencies_s, (50, 99)) * 1e3


def ask_for(seconds: float, run: Runner, servable: Servable, threads: int) -> list[float]:
    """The latency of every answered request, in seconds."""
    latencies: list[list[float]] = [[] for _ in range(threads)]
    stop = threading.Event()

    def ask(mine: list[float]) -> None:
        inputs = {INPUT: SMALL_CNN.images(1)}
        while not stop.is_set():
            started_s = time.perf_counter()
            run(servable, SIGNATURE, inputs, (OUTPUT,), timeout_ms=0)
            mine.append(time.perf_counter() - started_s)

    clients = [threading.Thread(target=ask, args=(mine,)) for mine in latencies]
    for client in clients:
        client.start()
    time.sleep(seconds)
    stop.set()
    for client in clients:
        client.join()
    return [one for mine in latencies for one in mine]


if __name__ == "__main__":
    main()
