"""The floor under everything: decode and forward alone, one process a CPU, no server, no network.

A process takes orders on its standard input, a picture's file, how many a batch and how many seconds, and answers each
with one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.networks import INPUT, OUTPUT, SIGNATURE, Network
from tests.conftest import ROOT

if TYPE_CHECKING:
    from contract.card import ImageSpec
    from serving.model_server.inference.servable import Servable


@dataclass(frozen=True)
class Share:
    """What one process, or all together, got done.

    Attributes:
        rate: Images a second.
        cpu_s: CPU seconds of an image.
    """

    rate: float
    cpu_s: float


class Floor:
    """The processes of one network."""

    def __init__(self, processes: list[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def measure(self, picture: Path, batch: int, seconds: float) -> Share:
        """All of them at once."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps([str(picture), batch, seconds]) + "\n")
            process.stdin.flush()
        shares = [Share(**json.loads(_line(process))) for process in self._processes]
        rate = sum(share.rate for share in shares)
        return Share(rate, sum(share.cpu_s * share.rate for share in shares) / rate)


@contextmanager
def floor(network: Network, folder: Path, processes: int) -> Iterator[Floor]:
    """Loaded and ready."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.gateway.floor",
        str(folder / network.name / "1"),
        *map(str, network.shape),
    ]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(processes)
    ]
    try:
        for process in started:
            assert _line(process) == "ready\n", "the floor's process failed"
        yield Floor(started)
    finally:
        for process in started:
            process.kill()
            process.communicate()


def main() -> None:
    """One process."""
    from tensorflow.core.protobuf import config_pb2

    from contract.card import ImageSpec
    from serving.model_server.inference import servable

    model = servable.load(
        Path(sys.argv[1]), config_pb2.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    )
    height, width, channels = (int(size) for size in sys.argv[2:5])
    spec = ImageSpec(height, width, channels)
    print("ready", flush=True)
    for line in sys.stdin:
        path, batch, seconds = json.loads(line)
        print(json.dumps(asdict(_share(model, spec, Path(path).read_bytes(), batch, seconds))), flush=True)


def _share(model: Servable, spec: ImageSpec, data: bytes, batch: int, seconds: float) -> Share:
    import numpy as np

    from contract.images import decode

    def forward() -> None:
        images = np.stack([decode(data, spec) for _ in range(batch)])
        model.run(SIGNATURE, {INPUT: images}, [OUTPUT])

    forward()
    images, started, cpu = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - started) < seconds:
        forward()
        images += batch
    return Share(images / elapsed, (time.process_time() - cpu) / images)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


if __name__ == "__main__":
    main()
