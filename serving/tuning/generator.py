"""The load generator's processes, told what to do by the tuning."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serving.tuning.measured import Measured
from serving.tuning.processes import environment, leashed

_STOP_S = 3.0


class Generator:
    """Clients in a few processes; to be closed."""

    def __init__(self, requests: Path, clients: int, processes: int) -> None:
        """Starts them. `requests` is what `requests.write` gave; `clients` send at the same time, in all."""
        processes = min(clients, processes)
        self.clients = clients
        self._shares = [clients // processes + (number < clients % processes) for number in range(processes)]
        self._processes = [
            subprocess.Popen(  # noqa: S603  # our own program
                leashed([sys.executable, "-m", "serving.tuning.load", str(requests)]),
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            for _ in self._shares
        ]

    @property
    def processes(self) -> int:
        """How many there are."""
        return len(self._processes)

    def ask(self, address: str) -> str:
        """Sends one call of every size; tells what is wrong with the answers, or nothing."""
        _tell(self._processes[0], {"address": address})
        return str(_answer(self._processes[0])["error"])

    def run(self, address: str, seconds: float) -> Measured:
        """All clients send for that long, and a little before."""
        first = 0
        for process, share in zip(self._processes, self._shares, strict=True):
            _tell(process, {"address": address, "seconds": seconds, "first": first, "clients": share})
            first += share
        return together([_answer(process) for process in self._processes])

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.communicate(timeout=_STOP_S)


def together(loads: list[Mapping[str, Any]]) -> Measured:
    """What some processes met at the same time, as one."""
    latencies = sorted(latency for load in loads for latency in load["latencies_ms"])
    return Measured(
        pictures_per_s=sum(load["pictures"] / load["seconds"] for load in loads),
        requests=len(latencies),
        p50_ms=_percentile(latencies, 0.5),
        p99_ms=_percentile(latencies, 0.99),
        failed=sum(load["failed"] for load in loads),
        error=next((load["error"] for load in loads if load["error"]), ""),
        load_cpu=max(load["cpu_s"] / load["seconds"] for load in loads),
    )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _tell(process: subprocess.Popen[str], order: Mapping[str, Any]) -> None:
    if process.stdin is not None:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()


def _answer(process: subprocess.Popen[str]) -> Mapping[str, Any]:
    line = process.stdout.readline() if process.stdout is not None else ""
    if not line:
        raise RuntimeError(f"The load generator ended with {process.wait()}")
    answer: Mapping[str, Any] = json.loads(line)
    return answer
