"""Model servers as processes, one for each candidate; some of them run at a time."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.tuning.candidate import GRPC_THREADS, Candidate
from serving.tuning.processes import environment, leashed

_STOP_S = 3.0
_POLL_S = 0.1
_LAST_LINES = 3

# Asks an address once, for a moment; an empty text is an answer, any other says why there was none.
Ask = Callable[[str], str]


class ServerFailed(Exception):
    """A model server that did not start, or ended while it was measured."""


@dataclass(frozen=True)
class Command:
    """How model servers are started.

    Attributes:
        words: The command, which takes TensorFlow Serving's flags.
        models_config: The list of what they load: one version.
        folder: Where their batching parameters and logs are written.
        start_s: How long one may take to answer.
    """

    words: Sequence[str]
    models_config: Path
    folder: Path
    start_s: float

    def line(self, candidate: Candidate, port: int, batching_file: Path) -> list[str]:
        """The whole command line of a candidate's server."""
        return [
            *self.words,
            f"--port={port}",
            "--rest_api_port=0",
            f"--model_config_file={self.models_config}",
            f"--grpc_max_threads={GRPC_THREADS}",
            *candidate.flags(batching_file),
        ]


class Server:
    """The process of one candidate."""

    def __init__(self, command: Command, candidate: Candidate, number: int) -> None:
        """Starts it. `number` tells its files from others'."""
        self.candidate = candidate
        port = _free_port()
        self.address = f"127.0.0.1:{port}"
        self._log = command.folder / f"server-{number}.log"
        batching_file = command.folder / f"batching-{number}.config"
        if candidate.batching:
            batching_file.write_text(candidate.batching.to_text())
        with self._log.open("wb") as log:
            # In a session of its own: Ctrl-C is for the tuning, which then ends the server.
            self._process = subprocess.Popen(  # noqa: S603  # the operator's own command, as words
                leashed(command.line(candidate, port, batching_file)),
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def wait_ready(self, ask: Ask, patience_s: float) -> None:
        """Returns when it has answered a request. Raises ServerFailed if it ends first, or not in time."""
        deadline_s, reason = time.monotonic() + patience_s, ""
        while time.monotonic() < deadline_s:
            self.check()
            reason = ask(self.address)
            if not reason:
                return
            time.sleep(_POLL_S)
        raise ServerFailed(f"no answer within {patience_s:g} s: {reason}")

    def check(self) -> None:
        """Raises ServerFailed, with its last words, if it has ended."""
        code = self._process.poll()
        if code is not None:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            said = " / ".join(lines[-_LAST_LINES:]) or "nothing"
            raise ServerFailed(f"the model server ended with {code}, and said: {said}")

    def stop(self) -> None:
        """Ends it, and what it has started; at once if it takes its time."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
                return


class Servers:
    """The servers that run now, at most so many; the one that was not asked for longest makes room for another.

    So candidates that are measured in turns keep their servers as long as there is room for all of them, and are
    started anew in every round where there is not.
    """

    def __init__(self, command: Command, together: int, ask: Ask) -> None:
        """Starts nothing yet. `ask` tells whether a server answers."""
        self.together = together
        self.start_s = 0.0
        """Seconds that a server takes to start, as of late."""
        self._command = command
        self._ask = ask
        self._running: OrderedDict[Candidate, Server] = OrderedDict()
        self._started = 0

    def get(self, candidate: Candidate) -> Server:
        """The candidate's server, ready to answer. Raises ServerFailed."""
        server = self._running.get(candidate)
        if server is None:
            server = self._start(candidate)
        self._running.move_to_end(candidate)
        server.check()
        return server

    @property
    def running(self) -> list[Candidate]:
        """Whose servers run."""
        return list(self._running)

    def drop(self, candidate: Candidate) -> None:
        """Ends the candidate's server, if it runs."""
        server = self._running.pop(candidate, None)
        if server is not None:
            server.stop()

    def _start(self, candidate: Candidate) -> Server:
        while len(self._running) >= self.together:
            self.drop(next(iter(self._running)))
        began_s = time.monotonic()
        self._started += 1
        server = self._running[candidate] = Server(self._command, candidate, self._started)
        try:
            server.wait_ready(self._ask, self._command.start_s)
        except ServerFailed:
            self.drop(candidate)
            raise
        # The first finds its files on the disk, later ones in memory; but they start beside others.
        took_s = time.monotonic() - began_s
        self.start_s = took_s if not self.start_s else (self.start_s + took_s) / 2
        return server

    def close(self) -> None:
        """Ends all of them."""
        for candidate in list(self._running):
            self.drop(candidate)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
