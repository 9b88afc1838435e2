"""Who asks, whether they may, and how much they have had."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping

from gateway.admission.keys import ApiKeys
from gateway.admission.rate_limit import RateLimiter
from gateway.errors import RateLimited, Unauthorized

# What orchestrators and monitoring ask, who hold no keys.
_OPEN = frozenset({"/healthz", "/readyz", "/metrics"})


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
        if self._keys is None or path in _OPEN:
            return None
        given = _given(headers)
        if given is None:
            raise Unauthorized("Expected an API key in X-API-Key or Authorization: Bearer. Received: none")
        name, key = given
        found = self._keys.name_of(key)
        if found is None or (name is not None and not self._keys.matches(name, key)):
            raise Unauthorized("Expected a valid API key. Received: one that is not known")
        return found

    def meter(self, client: str) -> Meter:
        """An account of one request's pictures, charged to a client: the name of a key, else an address."""
        return Meter(self._limiter, client)


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
            raise RateLimited(
                "As many pictures as allowed were sent already. Please try again later",
                retry_after_s=max(1, math.ceil(wait_s)),
            )


def _given(headers: Mapping[str, str]) -> tuple[str | None, str] | None:
    """The name, if one came along, and the key."""
    if "x-api-key" in headers:
        return None, headers["x-api-key"]
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return None, credentials.strip()
    if scheme.lower() == "basic":
        # How browsers send the name and the key that they asked their user for.
        try:
            name, colon, key = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (name, key) if colon else None
    return None
