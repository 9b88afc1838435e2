"""Version 2 goes live while clients keep asking: no request fails, and every answer names the version that gave it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import EXTERNAL
from tests.e2e.stack import Stack, model_server, run, stack
from tests.processes import wait_until

CLIENTS = 4


class Load:
    """What a steady stream of requests was answered."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.versions: list[int] = []


@contextmanager
def steady_load(running: Stack, picture: Path) -> Iterator[Load]:
    """Asks without pause from several clients until the block ends."""
    load, stop = Load(), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answer = running.classify(picture)
            except requests.RequestException as error:
                load.failures.append(repr(error))
                continue
            if answer.status_code == 200:
                load.versions.append(answer.json()["model"]["version"])
            else:
                load.failures.append(answer.text)

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield load
    finally:
        stop.set()
        for client in clients:
            client.join()


def test_publishing_under_load_fails_no_request(own_stack: Stack, exported: Path, digits: list[Path]) -> None:
    with steady_load(own_stack, digits[5]) as load:
        wait_until(lambda: len(load.versions) > 20, what="answers of version 1")
        run(
            *("serving", "--repository", str(own_stack.repository)),
            *("publish", "digits", str(exported / "digits" / "2")),
            *("--replica", own_stack.model_server.address),
        )
        wait_until(lambda: load.versions[-20:] == [2] * 20, what="all answers to come from version 2")
    assert load.failures == []
    assert set(load.versions) == {1, 2}


def test_a_new_version_on_disk_fails_no_request_under_the_latest_policy(
    exported: Path, tmp_path: Path, digits: list[Path]
) -> None:
    if EXTERNAL:
        pytest.skip("needs a model server over a repository of its own")
    root = tmp_path / "models" / "digits"
    shutil.copytree(exported / "digits" / "1", root / "1")
    flags = ["--model_name=digits", f"--model_base_path={root}"]
    with (
        model_server(tmp_path, *flags) as server,
        stack(server, tmp_path, tmp_path, VITRINE_MODELS="digits") as running,
        steady_load(running, digits[5]) as load,
    ):
        wait_until(lambda: len(load.versions) > 20, what="answers of version 1")
        shutil.copytree(exported / "digits" / "2", root / "copying")
        (root / "copying").rename(root / "2")
        wait_until(lambda: load.versions[-20:] == [2] * 20, what="all answers to come from version 2")
    assert load.failures == []
    assert set(load.versions) == {1, 2}
