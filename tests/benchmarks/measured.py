"""The server that is measured: the embedded one in a process of its own, or the one that VITRINE_SERVING names."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpc

from tests.benchmarks.load import PREDICT
from tests.conftest import ROOT, pick_port

_START_S = 120.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """A running server.

    Attributes:
        address: ``host:port`` of its gRPC API.
        pid: Its process, if that is known: CPU and memory are then measured.
        start_s: Seconds from its start to its first answer, if it was started here.
    """

    address: str
    pid: int | None = None
    start_s: float | None = None

    def cpu_s(self) -> float:
        """CPU time used so far; nan if the process is not known."""
        if self.pid is None:
            return float("nan")
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory in MB; nan if the process is not known."""
        if self.pid is None:
            return float("nan")
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6


def external() -> Measured | None:
    """The server that ``VITRINE_SERVING=host:port`` names; ``VITRINE_SERVING_PID``: its process, if it runs here."""
    address, pid = os.environ.get("VITRINE_SERVING"), os.environ.get("VITRINE_SERVING_PID")
    return Measured(address, int(pid) if pid else None) if address else None


@contextmanager
def embedded(config: Path, message: bytes, *flags: str) -> Iterator[Measured]:
    """The embedded server with a model list. `message` is a request that it is asked until it answers."""
    port = pick_port()
    command = [sys.executable, "-m", "serving.model_server", f"--port={port}", f"--model_config_file={config}", *flags]
    with config.with_suffix(".log").open("w+") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            _first_answer(f"127.0.0.1:{port}", message, process, log)
            yield Measured(f"127.0.0.1:{port}", process.pid, time.perf_counter() - started)
        finally:
            process.kill()
            process.wait()


def _first_answer(address: str, message: bytes, process: subprocess.Popen[bytes], log: IO[str]) -> None:
    deadline = time.monotonic() + _START_S
    # Asked anew in short intervals: gRPC's own wait between attempts to connect grows to minutes.
    options = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 50)]
    with grpc.insecure_channel(address, options) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
        while True:
            try:
                call(message, timeout=1)
            except grpc.RpcError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"The server did not start: {error}\n{log.read()}") from error
                time.sleep(0.02)
            else:
                return
