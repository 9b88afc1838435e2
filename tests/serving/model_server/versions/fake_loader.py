"""A loader of the tests' own: every state of a version can be held still and looked at."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from serving.model_server.errors import ServerError

Id = tuple[str, int]


class FakeServable:
    """Knows its version and where it came from, and whether it was closed."""

    def __init__(self, version: int, path: Path) -> None:
        self.version = version
        self.path = path
        self.closed = threading.Event()

    def close(self) -> None:
        assert not self.closed.is_set(), f"version {self.version} was closed twice"
        self.closed.set()


class FakeLoader:
    """Loads what `hold` lets through and fails what is `broken`; models are named ``m`` unless told otherwise."""

    def __init__(self) -> None:
        self.gates: dict[Id, threading.Event] = {}
        self.broken: dict[Id, ServerError] = {}
        self.attempts: list[Id] = []
        self.made: list[FakeServable] = []

    def hold(self, version: int, name: str = "m") -> threading.Event:
        """The loads of a version wait until the event is set."""
        return self.gates.setdefault((name, version), threading.Event())

    def hold_next(self, version: int, name: str = "m") -> threading.Event:
        """The same for the loads after the one that waits now."""
        self.gates[name, version] = threading.Event()
        return self.gates[name, version]

    def break_(self, version: int, error: ServerError, name: str = "m") -> None:
        self.broken[name, version] = error

    def counts(self, name: str = "m") -> Counter[int]:
        """How often each version was tried."""
        return Counter(version for model, version in self.attempts if model == name)

    def __call__(self, name: str, version: int, path: Path) -> FakeServable:
        gate = self.gates.get((name, version))
        self.attempts.append((name, version))
        if gate:
            assert gate.wait(30)
        if error := self.broken.get((name, version)):
            raise error
        servable = FakeServable(version, path)
        self.made.append(servable)
        return servable
