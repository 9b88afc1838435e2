"""Who asks, whether they may, and how much they have had."""

from __future__ import annotations

import math
from collections.abc import Mapping

from gateway.admission.credentials import OPEN_PATHS, authenticated
from gateway.admission.keys import ApiKeys
from gateway.admission.proxies import limited_as
from gateway.admission.rate_limit import RateLimiter
from gateway.errors import RateLimited


class Door:
    """Lets callers in; without keys everybody."""

    def __init__(self, keys: ApiKeys | None, limiter: RateLimiter | None) -> None:
        self._keys = keys
        self._limiter = limiter

    def name_of(self, path: str, headers: Mapping[str, str]) -> str | None:
        """The name of the caller's API key; None where none is needed.

        Args:
            path: What is asked for.
            headers: By lower-case name.

        Raises:
            Unauthorized: One is needed, and none came or a wrong one.
        """
        if self._keys is None or path in OPEN_PATHS:
            return None
        return authenticated(self._keys, headers.get("authorization"), headers.get("x-api-key"))

    def meter(self, key_name: str | None, address: str) -> Meter:
        """An account of one request's pictures, charged to the name of its key, or to its address if it has none."""
        return Meter(self._limiter, f"key {key_name}" if key_name is not None else limited_as(address))


class Meter:
    """Charges a client for the pictures of one request as they turn up."""

    def __init__(self, limiter: RateLimiter | None, client: str) -> None:
        self._limiter = limiter
        self._client = client
        self._charged = 0

    def seen(self, count: int) -> None:
        """Takes note that the request has so many pictures by now. Raises RateLimited if the first are too many."""
        fresh, self._charged = count - self._charged, max(count, self._charged)
        if self._limiter is None or fresh <= 0:
            return
        if fresh < count:
            self._limiter.charge(self._client, fresh)
            return
        wait_s = self._limiter.allow(self._client, fresh)
        if wait_s is not None:
            seconds = max(1, math.ceil(wait_s))
            raise RateLimited(
                f"As many pictures as allowed were sent already. Please try again in {seconds} s", retry_after_s=seconds
            )
