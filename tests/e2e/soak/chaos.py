"""Kills and restarts model servers at random moments, never all at once."""

from __future__ import annotations

import random
import signal
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.e2e.soak.system import Replica, System


@dataclass
class Outage:
    """When a replica was not there, by `time.monotonic`; it has not come back while `until` is infinite."""

    replica: str
    by: str
    since: float
    until: float = float("inf")


class Chaos:
    """Runs in a thread until the block ends; then all replicas are there."""

    def __init__(self, system: System, *, pause_s: float, down_s: float, most: int, seed: int) -> None:
        """`pause_s` and `down_s`: the mean seconds between two kills, and the most that one is away; `most`: kills."""
        self._system = system
        self._pause_s = pause_s
        self._down_s = down_s
        self._most = most
        self._random = random.Random(f"{seed}-chaos")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._kill, name="chaos")
        self.outages: list[Outage] = []
        self.problems: list[str] = []

    def _kill(self) -> None:
        while len(self.outages) < self._most and not self._stop.wait(self._random.uniform(0.3, 1.7) * self._pause_s):
            victim = self._random.choice(self._system.replicas)
            others = [one for one in self._system.replicas if one is not victim]
            # One that does not serve yet what was released a moment ago is no help.
            if others and all(one.serves(self._system.repository) for one in others):
                try:
                    self._kill_one(victim)
                except AssertionError as error:
                    self.problems.append(f"a replica did not come back: {error}")
                    return

    def _kill_one(self, victim: Replica) -> None:
        number = self._random.choice([signal.SIGKILL, signal.SIGTERM])
        outage = Outage(victim.address, number.name, time.monotonic())
        self.outages.append(outage)
        victim.stop(number)
        self._stop.wait(self._random.uniform(0, self._down_s))
        self._system.bring_back(victim)
        outage.until = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
