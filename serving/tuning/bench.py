"""A measurement: a candidate's server, run in, with the load generator's clients on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from serving.tuning import machine
from serving.tuning.candidate import BASELINE, Candidate
from serving.tuning.generator import Generator
from serving.tuning.measured import Measured
from serving.tuning.pacing import RUN_IN_S
from serving.tuning.servers import Command, Servers

MOST_TOGETHER = 5
_BUSY = 0.85
# What a server grows by while it is measured.
_GROWTH = 2


class Workbench:
    """The servers and the clients of a tuning; all are ended with the block."""

    def __init__(
        self, command: Command, requests: Path, clients: int, note: Callable[[str], None], together: int | None = None
    ) -> None:
        """Starts the clients. `together`: servers at a time; None: as many, up to 5, as there is memory for."""
        self._requests = requests
        self._note = note
        self._together = together
        self._measured: set[int] = set()
        self._most_processes = max(1, machine.usable_cpus() // 2)
        self._generator = Generator(requests, clients, max(1, machine.usable_cpus() // 4))
        self._servers = Servers(command, together or MOST_TOGETHER, self._ask)

    def measure(self, candidate: Candidate, seconds: float) -> Measured:
        """Puts load on the candidate's server. Raises ServerFailed if there is none."""
        server = self._servers.get(candidate)
        if server.pid not in self._measured:
            self._run_in(server.address)
            self._measured.add(server.pid)
            if candidate == BASELINE and self._together is None:
                self._servers.together = _fitting(server.pid)
        found = self._generator.run(server.address, seconds)
        server.check()
        if found.load_cpu > _BUSY:
            self._note(
                f"The load generator used {found.load_cpu:.0%} of a CPU in one of its {self._generator.processes} "
                "processes: the server may do more than was measured, and differences between candidates be larger."
            )
        return found

    def running(self) -> list[Candidate]:
        """Whose servers run."""
        return self._servers.running

    def start_s(self) -> float:
        """What a server takes to start, as of late."""
        return self._servers.start_s

    def together(self) -> int:
        """Servers that may run at the same time."""
        return self._servers.together

    def _ask(self, address: str) -> str:
        # By whatever generator there is then.
        return self._generator.ask(address)

    def _run_in(self, address: str) -> None:
        """The first calls of a server are slower; if the clients turn out to be so, there will be more processes."""
        while self._generator.run(address, RUN_IN_S).load_cpu > _BUSY:
            more = min(2 * self._generator.processes, self._most_processes, self._generator.clients)
            if more <= self._generator.processes or self._measured:
                return
            self._generator.close()
            self._generator = Generator(self._requests, self._generator.clients, more)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._servers.close()
        self._generator.close()


def _fitting(pid: int) -> int:
    """How many servers such as this one there is memory for."""
    memory = machine.resident_bytes(pid)
    if not memory:
        return MOST_TOGETHER
    return max(1, min(MOST_TOGETHER, 1 + machine.available_bytes() // (_GROWTH * memory)))
