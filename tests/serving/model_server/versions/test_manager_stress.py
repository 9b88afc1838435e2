"""The registry with many threads at once: requests, swaps, failures and models that come and go."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter
from pathlib import Path

from serving.model_server.errors import DataLoss, NotFound
from serving.model_server.versions.manager import Manager
from serving.model_server.versions.policy import State
from tests.serving.model_server.conftest import eventually
from tests.serving.model_server.versions.fake_loader import FakeServable

CLIENTS = 16
SWAPS = 300


def test_a_request_never_meets_a_closed_version_and_a_model_is_never_without_one_while_versions_swap() -> None:
    made: list[FakeServable] = []
    dice = random.Random(7)

    def load(_name: str, version: int, path: Path) -> FakeServable:
        if dice.random() < 0.3:
            raise DataLoss("damaged")
        made.append(FakeServable(version, path))
        return made[-1]

    manager = Manager(load, retries=1, retry_interval_s=0.0)
    stop = threading.Event()
    outcomes: Counter[str] = Counter()

    def ask() -> None:
        for turn in itertools.count():
            if stop.is_set():
                return
            try:
                with manager.lease("m", None if turn % 4 else turn % SWAPS) as lease:
                    before = lease.servable.closed.is_set()
                    assert lease.servable.version == lease.version
                    outcomes["closed" if before or lease.servable.closed.is_set() else "answered"] += 1
            except NotFound:
                outcomes["absent" if turn % 4 else "absent by number"] += 1

    manager.set_aspired("m", {1: Path("/m/1"), 2: Path("/m/2"), 3: Path("/m/3")})
    eventually(lambda: manager.statuses("m")[0].state is not State.LOADING)
    eventually(lambda: any(one.state is State.AVAILABLE for one in manager.statuses("m")))
    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for newest in range(4, SWAPS):
        manager.set_aspired("m", {version: Path(f"/m/{version}") for version in (newest, newest - newest % 3)})
    eventually(lambda: all(one.state is not State.LOADING for one in manager.statuses("m")))
    answered = outcomes["answered"]
    eventually(lambda: outcomes["answered"] > answered + 100)
    stop.set()
    for client in clients:
        client.join()
    assert outcomes["closed"] == outcomes["absent"] == 0
    eventually(lambda: all(one.state in (State.AVAILABLE, State.END) for one in manager.statuses("m")))
    available = {one.version for one in manager.statuses("m") if one.state is State.AVAILABLE}
    assert {one.version for one in made if not one.closed.is_set()} == available
    manager.close()
