"""What canaries did to those who drew them: one that hangs is left alone for a while, and the log has the reasons."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from contract.errors import DeadlineExceeded
from gateway.observe.seldom import Seldom
from gateway.versions.resolve import Resolved

LONGEST_REST_S = 60.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Rest:
    began_s: float
    lasts_s: float
    until_s: float


class Canaries:
    """A circuit breaker for each canary. For one event loop.

    Who meets a canary that hangs waits for half of a request's time, and holds one of the gateway's places meanwhile.
    So it rests after that, twice as long each time in a row. After a rest one request asks it, and others only once
    that one was answered. Each rest begins with a request that failed: whoever compares versions goes on to see it.
    """

    def __init__(self, first_rest_s: float) -> None:
        """`first_rest_s` should be about what a late canary costs its caller, seconds."""
        self._first_rest_s = first_rest_s
        self._rests: dict[Resolved, _Rest] = {}
        self._complaints = Seldom()

    def may_ask(self, canary: Resolved, now_s: float) -> bool:
        """Whether a request may ask a canary at a moment; if it rested until then, this one and no other."""
        rest = self._rests.get(canary)
        if rest is None:
            return True
        if now_s < rest.until_s:
            return False
        # For a limited time: nobody tells what became of a request whose caller hung up.
        rest.until_s = now_s + rest.lasts_s
        return True

    def answered(self, canary: Resolved, asked_s: float) -> None:
        """Takes note that a canary, asked at a moment, answered."""
        rest = self._rests.get(canary)
        if rest is not None and asked_s >= rest.began_s:
            del self._rests[canary]

    def failed(self, canary: Resolved, error: Exception, asked_s: float, now_s: float) -> None:
        """Takes note that a canary, asked at a moment, failed."""
        if isinstance(error, DeadlineExceeded):
            self._late(canary, asked_s, now_s)
        if self._complaints.due((canary, type(error).__name__)):
            version, reason = f"{canary.version} of {canary.model}", f"{type(error).__name__}: {error}"
            _log.warning("canary version %s failed, the stable version is asked instead: %s", version, reason)

    def _late(self, canary: Resolved, asked_s: float, now_s: float) -> None:
        rest = self._rests.get(canary)
        if rest is not None and asked_s < rest.began_s:
            return  # One of many that waited together.
        lasts_s = self._first_rest_s if rest is None else min(2 * rest.lasts_s, LONGEST_REST_S)
        self._rests = {other: one for other, one in self._rests.items() if other.model != canary.model}
        self._rests[canary] = _Rest(now_s, lasts_s, now_s + lasts_s)
