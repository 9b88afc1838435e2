"""A rate limit over all worker processes, without a server: GCRA in a table of memory that the workers share.

The generic cell rate algorithm keeps one number a client, the time at which its bucket would be full again; nothing has
to run in the background and nothing has to be cleaned up. The table is made before the workers are forked.

There is no lock. Two workers that serve the same client within the same microsecond may both read the old number, and
one request's cost is then forgotten; a client gains that at most, and nobody ever waits for a lock that a killed worker
holds. The table has a fixed size, and so an attacker with many addresses cannot make it grow: where all slots that a
client may use are taken, the one that is nearest to being full again, and so is owed least, is given up.
"""

from __future__ import annotations

import hashlib
import mmap
import secrets
import time
from collections.abc import Callable

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
        # An aligned word is written in one piece: a reader meets the old or the new, never a mixture.
        self._prints = memory.cast("Q")
        self._times_s = memory.cast("d")

    def allow(self, client: str, cost: int = 1) -> float | None:
        """Charges a client for `cost` pictures and returns None, or charges nothing and returns the seconds to wait.

        A request of more pictures than a bucket holds is let in when the bucket is full, and paid off afterwards.
        """
        now_s = self._clock()
        slot = self._slot(client, now_s)
        full_at_s = max(self._times_s[slot + 1], now_s)
        wait_s = full_at_s - now_s + min(cost * self._cost_s, self._period_s) - self._period_s
        # Sums of floating-point numbers miss by less than this.
        if wait_s > 1e-6:
            return wait_s
        self._times_s[slot + 1] = full_at_s + cost * self._cost_s
        return None

    def charge(self, client: str, cost: int) -> None:
        """Charges a client that was let in already, for pictures that turned up later."""
        now_s = self._clock()
        slot = self._slot(client, now_s)
        self._times_s[slot + 1] = max(self._times_s[slot + 1], now_s) + cost * self._cost_s

    def _slot(self, client: str, now_s: float) -> int:
        """The word at which a client's slot begins: its own, else a free one, else the one that is owed least."""
        digest = hashlib.blake2b(client.encode(), digest_size=16, key=self._secret).digest()
        first = int.from_bytes(digest[:8], "little") % self._sets * _WAYS * _SLOT_WORDS
        mark = int.from_bytes(digest[8:], "little") | 1  # never 0, which is an empty slot's
        ways = range(first, first + _WAYS * _SLOT_WORDS, _SLOT_WORDS)
        for slot in ways:
            if self._prints[slot] == mark:
                return slot
        chosen = min(ways, key=lambda slot: self._times_s[slot + 1])
        self._times_s[chosen + 1] = now_s
        self._prints[chosen] = mark
        return chosen
