"""A rate limit over all worker processes, without a server: GCRA in a table of memory that the workers share.

The generic cell rate algorithm keeps one number a client, the time at which its bucket would be full again; nothing has
to run in the background and nothing has to be cleaned up. The table is made before the workers are forked.

While one worker reads and writes a client's number the kernel keeps the others from that slot, and from no other; it
frees what a killed worker held. The table has a fixed size, and so an attacker with many addresses cannot make it grow:
where all slots that a client may use are taken, the one that is nearest to being full again, and so is owed least, is
given up.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.settings.parse import Rate

_SLOTS = 1 << 16
_WAYS = 4
_SLOT_WORDS = 2  # the client's fingerprint and its time


class RateLimiter:
    """So many pictures a period for each client; a bucket holds one period's pictures.

    Make it before the fork, and use it after.
    """

    def __init__(self, rate: Rate, *, slots: int = _SLOTS, clock: Callable[[], float] = time.monotonic) -> None:
        """`slots` clients are told apart; `clock` must be the same in all processes, as Linux's monotonic one is."""
        self._period_s = rate.period_s
        self._cost_s = rate.period_s / rate.pictures
        self._clock = clock
        self._sets = max(1, slots // _WAYS)
        # The hash is keyed so that nobody can look for names that share another client's slots.
        self._secret = secrets.token_bytes(16)
        memory = memoryview(mmap.mmap(-1, self._sets * _WAYS * _SLOT_WORDS * 8))
        self._prints = memory.cast("Q")
        self._times_s = memory.cast("d")
        # Nothing is written to it; each of its bytes is a lock. It lives as long as the process.
        with tempfile.TemporaryFile() as file:
            self._locks = os.dup(file.fileno())

    def allow(self, client: str, cost: int = 1) -> float | None:
        """Charges a client for `cost` pictures and returns None, or charges nothing and returns the seconds to wait.

        A request of more pictures than a bucket holds is let in when the bucket is full, and paid off afterwards.
        """
        with self._slot(client) as (slot, now_s):
            full_at_s = max(self._times_s[slot + 1], now_s)
            wait_s = full_at_s - now_s + min(cost * self._cost_s, self._period_s) - self._period_s
            # Sums of floating-point numbers miss by less than this.
            if wait_s > 1e-6:
                return wait_s
            self._times_s[slot + 1] = full_at_s + cost * self._cost_s
            return None

    def charge(self, client: str, cost: int) -> None:
        """Charges a client that was let in already, for pictures that turned up later."""
        with self._slot(client) as (slot, now_s):
            self._times_s[slot + 1] = max(self._times_s[slot + 1], now_s) + cost * self._cost_s

    @contextmanager
    def _slot(self, client: str) -> Iterator[tuple[int, float]]:
        """The word at which a client's slot begins, and the time, while no other process touches the slot."""
        digest = hashlib.blake2b(client.encode("utf-8", "replace"), digest_size=16, key=self._secret).digest()
        place = int.from_bytes(digest[:8], "little") % self._sets
        mark = int.from_bytes(digest[8:], "little") | 1  # never 0, which is an empty slot's
        fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, place)
        try:
            now_s = self._clock()
            yield self._find(place * _WAYS * _SLOT_WORDS, mark, now_s), now_s
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, place)

    def _find(self, first: int, mark: int, now_s: float) -> int:
        """A client's own slot, else a free one, else the one that is owed least."""
        ways = range(first, first + _WAYS * _SLOT_WORDS, _SLOT_WORDS)
        for slot in ways:
            if self._prints[slot] == mark:
                return slot
        chosen = min(ways, key=lambda slot: self._times_s[slot + 1])
        self._times_s[chosen + 1] = now_s
        self._prints[chosen] = mark
        return chosen
