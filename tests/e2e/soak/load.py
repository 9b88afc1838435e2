"""Clients that ask without pause, each one question after the other, and keep what they were answered."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import requests

from contract.client import ServingClient
from tests.e2e.soak.questions import GREYS, QUESTIONS, Answer, Asker, Question
from tests.e2e.soak.system import System

# Each thread speaks for so many clients.
_CLIENTS_EACH = 10


@dataclass(frozen=True)
class Asked:
    """A question with its answer, times by `time.monotonic`."""

    question: Question
    client: str
    greys: list[int]
    began: float
    ended: float
    answer: Answer


class Load:
    """Runs until the block ends."""

    def __init__(self, system: System, *, threads: int, pause_s: float, seed: int) -> None:
        """`pause_s` is the mean pause of a client between its questions."""
        self._system = system
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._asked: list[list[Asked]] = [[] for _ in range(threads)]
        self._threads = [
            threading.Thread(target=self._ask, args=(number, random.Random(f"{seed}-{number}")), name=f"load-{number}")
            for number in range(threads)
        ]
        self.crashed: list[str] = []

    @property
    def asked(self) -> list[Asked]:
        """All questions so far, by the time of their answers."""
        return sorted((one for each in self._asked for one in list(each)), key=lambda one: one.ended)

    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self._asked))

    def _ask(self, number: int, chance: random.Random) -> None:
        clients = [f"10.0.{number}.{client}" for client in range(_CLIENTS_EACH)]
        with requests.Session() as session, ServingClient(self._system.target, timeout_s=10) as direct:
            asker = Asker(session, self._system.url, direct, chance)
            while not self._stop.wait(chance.expovariate(1 / self._pause_s)):
                question, asker.client = chance.choice(QUESTIONS), chance.choice(clients)
                greys = [chance.choice(GREYS) for _ in range(chance.randint(1, question.most))]
                began = time.monotonic()
                answer = _answered(question, asker, greys)
                asked = Asked(question, asker.client, greys, began, time.monotonic(), answer)
                self._asked[number].append(asked)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def _answered(question: Question, asker: Asker, greys: list[int]) -> Answer:
    try:
        return question.ask(asker, greys)
    except Exception as error:  # whatever a client meets is what is looked for
        return Answer(0, text=repr(error)[:2000])
