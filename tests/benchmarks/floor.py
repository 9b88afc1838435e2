"""The floor under every server: the same SavedModel called in this process, without any server."""

from __future__ import annotations

import time
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.networks import INPUT, OUTPUT, SIGNATURE, Network


@dataclass(frozen=True)
class Floor:
    """What calls in process reach.

    Attributes:
        rate: Images a second.
        cpu_ms: CPU time of an image; on a machine that is busy with something else it tells more than the rate.
    """

    rate: float
    cpu_ms: float


def in_process(
    network: Network, version: Path, batches: Collection[int], callers: Collection[int], seconds: float
) -> dict[tuple[int, int], Floor]:
    """By batch size and number of calling threads, each measured for `seconds`."""
    from tensorflow.core.protobuf import config_pb2

    from serving.model_server.inference import servable

    one_thread = config_pb2.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    model = servable.load(version, one_thread)

    def measure(batch: int, threads: int) -> Floor:
        inputs = {INPUT: network.images(batch)}

        def calls_until(end: float) -> int:
            count = 0
            while time.perf_counter() < end:
                model.run(SIGNATURE, inputs, [OUTPUT])
                count += 1
            return count

        model.run(SIGNATURE, inputs, [OUTPUT])
        started, started_cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            images = batch * sum(pool.map(calls_until, [started + seconds] * threads))
        cpu_ms = 1000 * (time.process_time() - started_cpu) / images
        return Floor(images / (time.perf_counter() - started), cpu_ms)

    floors = {(batch, threads): measure(batch, threads) for batch in batches for threads in callers}
    model.close()
    return floors
