"""Which calls run, which wait for their turn, and which are too many."""

from __future__ import annotations

import threading
from typing import Generic, Protocol, TypeVar

# A thousand pictures of 224 by 224 as 32-bit floats are 600 MB.
_MOST_BYTES = 1 << 30


class HasSize(Protocol):
    """Something that waits, and the memory it takes meanwhile."""

    @property
    def size(self) -> int:
        """Bytes."""


Call = TypeVar("Call", bound=HasSize)


class Admission(Generic[Call]):
    """So many calls run at once; so many more wait, first come, first served."""

    def __init__(self, running: int, waiting: int, *, most_bytes: int = _MOST_BYTES) -> None:
        """Starts empty.

        Args:
            running: Calls that may run at once.
            waiting: Calls that may wait.
            most_bytes: Waiting calls of this size together are too many whatever their number.
        """
        self._may_run = running
        self._may_wait = waiting
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: dict[Call, None] = {}
        self._bytes = 0

    def full(self) -> bool:
        """Whether a further call would be too many."""
        with self._lock:
            return self._full()

    def enter(self, call: Call) -> bool | None:
        """True: the caller runs it now. False: it waits. None: it is one too many."""
        with self._lock:
            if self._running < self._may_run:
                self._running += 1
                return True
            if self._full():
                return None
            self._waiting[call] = None
            self._bytes += call.size
            return False

    def leave(self) -> Call | None:
        """Says that a call has run; gives the next, which the caller has to run in its place."""
        with self._lock:
            if not self._waiting:
                self._running -= 1
                return None
            call = next(iter(self._waiting))
            self._remove(call)
            return call

    def withdraw(self, call: Call) -> bool:
        """Takes a call out of the line; False if it is not, or no longer, in it."""
        with self._lock:
            if call not in self._waiting:
                return False
            self._remove(call)
            return True

    def _full(self) -> bool:
        crowded = len(self._waiting) >= self._may_wait or self._bytes >= self._most_bytes
        return crowded and self._running >= self._may_run

    def _remove(self, call: Call) -> None:
        del self._waiting[call]
        self._bytes -= call.size
