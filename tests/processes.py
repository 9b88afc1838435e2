"""Real processes for the tests: started with a log, waited for by what they answer, always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from tests.conftest import ROOT


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 30.0, what: str = "the condition") -> None:
    """Returns once the condition holds; fails, naming it, if it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")
        time.sleep(0.05)


def answers(url: str, status: int = 200) -> bool:
    """True if a GET gives that status."""
    try:
        return requests.get(url, timeout=5).status_code == status
    except requests.RequestException:
        return False


class Process:
    """`python -m …` from the root of the project, its output in a log file, ended with the block."""

    def __init__(self, arguments: list[str], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.arguments = arguments
        self.log = log
        self._environment = {**os.environ, **(environment or {})}
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process itself; its children are in the process group of that number."""
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it has printed so far."""
        return self.log.read_text(errors="replace")

    def wait_ready(self, url: str, timeout_s: float = 60.0) -> None:
        """Returns when the address answers 200; fails with the log if the process ends first."""
        wait_until(lambda: self._ended() or answers(url), timeout_s=timeout_s, what=f"{url}\n{self.output}")
        assert not self._ended(), self.output

    def signal(self, number: signal.Signals) -> None:
        """To the process alone, as `kill` does."""
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 30.0) -> int:
        """Its exit code."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        """Ends it at once, with all its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(10)

    def restart(self) -> None:
        """Starts it again with the same arguments."""
        self.kill()
        self._process = self._start()

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._ended():
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        self.kill()
