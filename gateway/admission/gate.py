"""How much one worker takes on at once: classifications in flight, and bytes of uploads held.

Made for one event loop: plain numbers, no locks. What is full turns the next away at once, for a queue would only make
everybody late.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.errors import Busy

_SMOOTHING = 0.1
_LONGEST_WAIT_S = 30


class Gate:
    """The places of one worker."""

    def __init__(
        self, max_inflight: int, max_buffered_bytes: int, on_change: Callable[[int, int], None] | None = None
    ) -> None:
        """`on_change` is told (classifications in flight, bytes held) after each change."""
        self._max_inflight = max_inflight
        self._max_buffered = max_buffered_bytes
        self._on_change = on_change or _ignore
        self._held_s = 0.0
        self.inflight = 0
        self.buffered_bytes = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Holds a place for a classification. Raises Busy if none is free."""
        if self.inflight >= self._max_inflight:
            raise Busy(
                f"{self._max_inflight} requests are being answered already. Please try again in a moment",
                retry_after_s=self.retry_after_s(),
            )
        started = time.monotonic()
        self._move(1, 0)
        try:
            yield
        finally:
            self._move(-1, 0)
            self._held_s += _SMOOTHING * (time.monotonic() - started - self._held_s)

    @contextmanager
    def upload(self) -> Iterator[Buffered]:
        """An account of one request's bytes, given back at the end of the block."""
        account = Buffered(self)
        try:
            yield account
        finally:
            self._move(0, -account.held_bytes)

    def retry_after_s(self) -> int:
        """When a place is likely to be free for good: after as long as one is held of late, in whole seconds."""
        return min(max(1, math.ceil(self._held_s)), _LONGEST_WAIT_S)

    def _hold(self, count: int) -> None:
        if self.buffered_bytes + count > self._max_buffered:
            raise Busy(
                "Other uploads fill the memory set aside for them. Please try again in a moment",
                retry_after_s=self.retry_after_s(),
            )
        self._move(0, count)

    def _move(self, places: int, count: int) -> None:
        self.inflight += places
        self.buffered_bytes += count
        self._on_change(self.inflight, self.buffered_bytes)


class Buffered:
    """The bytes that one request holds."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.held_bytes = 0

    def hold(self, count: int) -> None:
        """Takes note of so many bytes more. Raises Busy, and holds none of them, if the worker has no room."""
        self._gate._hold(count)
        self.held_bytes += count

    def give_back(self, count: int) -> None:
        """Takes note that so many of them are free again."""
        self._gate._move(0, -count)
        self.held_bytes -= count


def _ignore(_inflight: int, _buffered_bytes: int) -> None:
    pass
