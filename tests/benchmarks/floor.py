"""The floor under every server: the same SavedModel called in this process, without any server."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.networks import INPUT, OUTPUT, SIGNATURE, Network


def in_process(
    network: Network, version: Path, batches: Collection[int], callers: Collection[int], seconds: float
) -> dict[tuple[int, int], float]:
    """Images a second by batch size and number of calling threads, each measured for `seconds`."""
    from tensorflow.core.protobuf import config_pb2

    from serving.model_server import servable

    one_thread = config_pb2.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    model = servable.load(version, one_thread)

    def measure(batch: int, threads: int) -> float:
        inputs = {INPUT: network.images(batch)}

        def calls_until(end: float) -> int:
            count = 0
            while time.perf_counter() < end:
                model.run(SIGNATURE, inputs, [OUTPUT])
                count += 1
            return count

        model.run(SIGNATURE, inputs, [OUTPUT])
        started = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            total = sum(pool.map(calls_until, [started + seconds] * threads))
        return total * batch / (time.perf_counter() - started)

    rates = {(batch, threads): measure(batch, threads) for batch in batches for threads in callers}
    model.close()
    return rates
