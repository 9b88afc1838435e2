"""A running system with a steady load, for rollouts: a model server, a gateway, and clients that note every answer."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from PIL import Image

from contract.release import ModelRelease, Release
from tests.conftest import ROOT
from tests.e2e.faulty import Library, class_of
from tests.e2e.stack import ModelServer, model_server, released, run, stack
from tests.processes import Process

GREYS = (5, 60, 128, 190, 250)
# Little of everything, for a test has seconds, not minutes.
QUICK = ("--every", "1s", "--deadline", "60s", "--min-requests", "20", "--min-copies", "15", "--drain", "0.5")


@dataclass
class Load:
    """What clients were answered until the block ends; each question comes from one of many addresses."""

    url: str
    versions: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(3)]
        self._pictures = {grey: _png(grey) for grey in GREYS}

    def _ask(self, number: int) -> None:
        with requests.Session() as session:
            turn = 0
            while not self._stop.wait(0.01):
                turn += 1
                self._once(session, f"10.0.{number}.{turn % 200}", GREYS[turn % len(GREYS)])

    def _once(self, session: requests.Session, client: str, grey: int) -> None:
        files = {"images": ("a.png", self._pictures[grey])}
        try:
            answer = session.post(
                f"{self.url}/api/v1/classify", files=files, headers={"X-Forwarded-For": client}, timeout=30
            )
        except requests.RequestException as error:
            self.faults.append(repr(error))
            return
        if answer.status_code != 200:
            self.faults.append(answer.text)
            return
        told = answer.json()
        self.versions.append(told["model"]["version"])
        if told["predictions"][0]["label"] != class_of(grey):
            self.faults.append(f"version {self.versions[-1]} is wrong")

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


@dataclass
class Scene:
    """What runs."""

    repository: Path
    server: ModelServer
    gateway: Process
    url: str
    library: Library
    logs: Path

    @property
    def digits(self) -> ModelRelease:
        """What serves, as ``release.json`` says."""
        return Release.read(self.repository).models["digits"]

    @property
    def report(self) -> dict[str, Any]:
        """That of the newest entry of the history that has one."""
        found = next(entry.report for entry in reversed(self.digits.history) if entry.report)
        return dict(found)

    def add(self, kind: str, mark: int) -> int:
        """Puts a model into the repository as the next version."""
        folder = self.repository / "digits"
        version = max((int(path.name) for path in folder.iterdir() if path.name.isdigit()), default=0) + 1
        shutil.copytree(self.library.path(kind, mark), folder / f"copying-{version}")
        return int((folder / f"copying-{version}").rename(folder / str(version)).name)

    def words(self, version: int, *more: str) -> list[str]:
        """The command, without its program."""
        where = ["--repository", str(self.repository), "--replica", self.server.address, "--gateway", self.url]
        return ["-m", "serving", "rollout", "digits", str(version), *where, *QUICK, *more]

    def rollout(self, version: int, *more: str) -> subprocess.CompletedProcess[str]:
        """The command, run to its end."""
        return subprocess.run(
            [sys.executable, *self.words(version, *more)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def started(self, version: int, *more: str) -> Process:
        """The command as a process that goes on."""
        return Process(self.words(version, *more), self.logs / "rollout.log")


@contextmanager
def running(folder: Path, library: Library) -> Iterator[Scene]:
    """The system with a good version 1, ready."""
    repository = folder / "models"
    (repository / "digits").mkdir(parents=True)
    shutil.copytree(library.path("good", 1), repository / "digits" / "1")
    run("serving", "--repository", str(repository), "publish", "digits", "--offline")
    flags = [*released(repository), "--max_num_load_retries=0"]
    with (
        model_server(folder, *flags) as server,
        stack(server, repository, folder, VITRINE_TRUSTED_PROXIES="127.0.0.1", VITRINE_WORKERS="1") as system,
    ):
        yield Scene(repository, server, system.gateway, system.url, library, folder)


def _png(grey: int) -> bytes:
    data = io.BytesIO()
    Image.new("L", (8, 8), grey).save(data, "PNG")
    return data.getvalue()
