"""Complaints that are made now and then, for the metrics count each occasion."""

from __future__ import annotations

import time
from collections.abc import Hashable

SILENCE_S = 60.0
_MOST = 256


class Seldom:
    """Says which complaints are due: each once in `SILENCE_S`. For one event loop."""

    def __init__(self) -> None:
        self._said_s: dict[Hashable, float] = {}

    def due(self, what: Hashable) -> bool:
        """True if this was not said lately; it counts as said then."""
        now = time.monotonic()
        if now - self._said_s.get(what, float("-inf")) < SILENCE_S:
            return False
        if len(self._said_s) >= _MOST:
            self._said_s.clear()
        self._said_s[what] = now
        return True
