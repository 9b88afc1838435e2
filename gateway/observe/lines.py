"""Lines to a file descriptor, without ever waiting for whoever reads there.

A log collector that stops reading fills the pipe, and the next write blocks: in an event loop, everybody. So a thread
writes, a few times a second everything that has gathered; where too much has, lines are dropped and counted.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque

# POSIX: what is written to a pipe in one piece of at most so many bytes is not mixed with what others write.
_PIECE_BYTES = 4096
_MOST_LINES = 5000
_GATHER_S = 0.05
_GOODBYE_S = 2.0


class LineWriter:
    """Writes lines; at once until `start`, from a thread after it. Thread-safe."""

    def __init__(self, descriptor: int, *, most_lines: int = _MOST_LINES) -> None:
        self._descriptor = descriptor
        self._most_lines = most_lines
        self._lines: deque[str] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self.dropped = 0

    def start(self) -> None:
        """Leaves the writing to a thread from now on. Call it after the fork, which no thread survives."""
        self._pid = os.getpid()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what is left, unless that takes longer than two seconds, and writes at once from now on."""
        thread, self._thread = self._thread, None
        if thread is not None and self._pid == os.getpid():
            self._stopping.set()
            self._wake.set()
            thread.join(_GOODBYE_S)

    def put(self, line: str) -> None:
        """Takes a line, without its end."""
        if self._thread is None:
            self._write([line])
        elif len(self._lines) >= self._most_lines:
            self.dropped += 1
        else:
            self._lines.append(line)
            if not self._wake.is_set():
                self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            self._write_gathered()
            self._stopping.wait(_GATHER_S)
        self._write_gathered()

    def _write_gathered(self) -> None:
        self._write([self._lines.popleft() for _ in range(len(self._lines))])
        if self.dropped:
            count, self.dropped = self.dropped, 0
            self._write([f'{{"level":"warning","message":"log lines were dropped","dropped":{count}}}'])

    def _write(self, lines: list[str]) -> None:
        piece = b""
        for line in lines:
            encoded = line.encode("utf-8", "backslashreplace") + b"\n"
            if piece and len(piece) + len(encoded) > _PIECE_BYTES:
                self._write_piece(piece)
                piece = b""
            piece += encoded
        self._write_piece(piece)

    def _write_piece(self, piece: bytes) -> None:
        while piece:
            try:
                piece = piece[os.write(self._descriptor, piece) :]
            except BlockingIOError:  # Somebody made the descriptor so; it is shared with other processes.
                time.sleep(_GATHER_S)
            except OSError:  # Nobody reads any more. There is no better place to say so.
                return
