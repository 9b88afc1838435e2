"""What every answer has: a request id, headers that keep browsers safe, and a status that is remembered."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

from gateway.api.request import Message, Send
from gateway.observe.record import RequestRecord

# No inline script or style anywhere; data: is for thumbnails, blob: for previews of files not uploaded yet.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_PLAIN = " !#$&'()*+,/:;=?@[]^`{|}"
# Model and version pairs that answer in turn: a few.
_REMEMBERED = 64


class Observed:
    """Sends an answer, message by message.

    Attributes:
        status: Of the answer; 0 before it has begun.
        last: True if the connection is to end with it.
    """

    def __init__(self, send: Send, record: RequestRecord) -> None:
        self.status = 0
        self.last = False
        self._send = send
        self._record = record

    async def __call__(self, message: Message) -> None:
        """Sends one message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *_SECURITY, *self._of_this_request()]
        await self._send(message)

    def _of_this_request(self) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", self._record.request_id.encode())]
        if self.last:
            headers.append((b"connection", b"close"))
        resolved = self._record.resolved
        if resolved is not None:
            headers += _servable(resolved.model, resolved.version)
        return headers


@lru_cache(maxsize=_REMEMBERED)
def _servable(model: str, version: int) -> tuple[tuple[bytes, bytes], ...]:
    """Who answers; of a model's name, what no header can say is percent-encoded."""
    name = quote(model, safe=_PLAIN).encode("ascii")
    return (b"x-vitrine-model", name), (b"x-vitrine-version", str(version).encode())
