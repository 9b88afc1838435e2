"""How much one worker takes on at once: classifications in flight, and bytes of uploads held.

Made for one event loop: plain numbers, no locks. What is full turns the next away at once, for a queue would only make
everybody late.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.errors import Busy

_SMOOTHING = 0.1
_LONGEST_WAIT_S = 30


class Gate:
    """The places of one worker."""

    def __init__(self, max_inflight: int, max_buffered_bytes: int) -> None:
        self._max_inflight = max_inflight
        self._max_buffered = max_buffered_bytes
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
        self.inflight += 1
        try:
            yield
        finally:
            self.inflight -= 1
            self._held_s += _SMOOTHING * (time.monotonic() - started - self._held_s)

    @contextmanager
    def upload(self) -> Iterator[Buffered]:
        """An account of one request's bytes, given back at the end of the block."""
        account = Buffered(self)
        try:
            yield account
        finally:
            account.release()

    def retry_after_s(self) -> int:
        """When a place is likely to be free for good: after as long as one is held of late, in whole seconds."""
        return min(max(1, math.ceil(self._held_s)), _LONGEST_WAIT_S)

    def hold(self, count: int) -> None:
        """Takes note of so many bytes more. Raises Busy, and holds none of them, if there is no room."""
        if self.buffered_bytes + count > self._max_buffered:
            raise Busy(
                "Other uploads fill the memory set aside for them. Please try again in a moment",
                retry_after_s=self.retry_after_s(),
            )
        self.buffered_bytes += count


class Buffered:
    """The bytes that one request holds.

    Attributes:
        received_bytes: All that came, whether it is held still or not.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._held_bytes = 0
        self.received_bytes = 0

    def hold(self, count: int) -> None:
        """As `Gate.hold`, on this account; who is turned away holds nothing any more.

        Else everybody whose bytes come in the same turn of the event loop would be turned away too.
        """
        self.received_bytes += count
        try:
            self._gate.hold(count)
        except Busy:
            self.release()
            raise
        self._held_bytes += count

    def release(self) -> None:
        """Gives all of them back."""
        self._gate.buffered_bytes -= self._held_bytes
        self._held_bytes = 0
