"""The load generator: clients that send the same bytes again and again, in a process of its own.

It is told on its command line what to send where, prints ``ready`` once every client has had an answer, waits for a
line on its standard input, and prints a `Load` as JSON. Messages are neither built nor parsed here, so that a client
costs as little CPU as gRPC for Python lets it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

import grpc
from grpc.experimental import aio

from tests.conftest import ROOT

_Call: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
_AioCall: TypeAlias = "aio.UnaryUnaryMultiCallable[bytes, bytes]"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
_OPTIONS = [
    # Else all clients of a process would share one connection.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]


@dataclass(frozen=True)
class Load:
    """What some clients measured.

    Attributes:
        seconds: How long they sent.
        cpu_s: The CPU time that they used themselves.
        latencies_ms: Of every answered call.
    """

    seconds: float
    cpu_s: float
    latencies_ms: Sequence[float]

    def percentile(self, share: float) -> float:
        """The latency in milliseconds that this share of the calls, 0 to 1, did not exceed."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class Generator:
    """Processes that put load on a server; ready to start at once."""

    def __init__(self, address: str, message: Path, clients: int, processes: int) -> None:
        """Connects `clients`, spread over `processes`. `message` is a file with one serialised PredictRequest."""
        shares = [clients // processes + (number < clients % processes) for number in range(processes)]
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.load", address, str(message), str(share)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for share in shares
            if share
        ]
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n", "the load generator failed"

    def run(self, seconds: float) -> Load:
        """Sends for that long, once; all processes together."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()
        parts = [Load(**json.loads(process.communicate()[0])) for process in self._processes]
        return Load(
            seconds=sum(part.seconds for part in parts) / len(parts),
            cpu_s=sum(part.cpu_s for part in parts),
            latencies_ms=[latency for part in parts for latency in part.latencies_ms],
        )


def main() -> None:
    """The generator's process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("message", type=Path)
    parser.add_argument("clients", type=int)
    arguments = parser.parse_args()
    message = arguments.message.read_bytes()
    if arguments.clients == 1:
        load = _one_client(arguments.address, message)
    else:
        load = asyncio.run(_many_clients(arguments.address, message, arguments.clients))
    print(json.dumps(asdict(load)))


def _one_client(address: str, message: bytes) -> Load:
    """By a blocking stub: for a lone client the quickest."""
    with grpc.insecure_channel(address, _OPTIONS) as channel:
        call: _Call = channel.unary_unary(PREDICT)
        call(message, wait_for_ready=True)
        latencies: list[float] = []
        seconds, started, started_cpu = _wait_for_go(), time.perf_counter(), time.process_time()
        while (sent := time.perf_counter()) < started + seconds:
            call(message)
            latencies.append(1000 * (time.perf_counter() - sent))
        return Load(time.perf_counter() - started, time.process_time() - started_cpu, latencies)


async def _many_clients(address: str, message: bytes, clients: int) -> Load:
    """By coroutines: for many clients half of the threads' CPU time."""
    latencies: list[float] = []

    async def client(call: _AioCall, end: float) -> None:
        while (sent := time.perf_counter()) < end:
            await call(message)
            latencies.append(1000 * (time.perf_counter() - sent))

    channels = [aio.insecure_channel(address, _OPTIONS) for _ in range(clients)]
    calls: list[_AioCall] = [channel.unary_unary(PREDICT) for channel in channels]
    await asyncio.gather(*(call(message, wait_for_ready=True) for call in calls))
    seconds, started, started_cpu = _wait_for_go(), time.perf_counter(), time.process_time()
    await asyncio.gather(*(client(call, started + seconds) for call in calls))
    load = Load(time.perf_counter() - started, time.process_time() - started_cpu, latencies)
    await asyncio.gather(*(channel.close() for channel in channels))
    return load


def _wait_for_go() -> float:
    print("ready", flush=True)
    return float(sys.stdin.readline())


if __name__ == "__main__":
    main()
