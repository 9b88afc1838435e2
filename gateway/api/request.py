"""An HTTP request and its reply, as plain values over ASGI."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Scope = MutableMapping[str, Any]
Header = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked.

    Attributes:
        method: In capitals.
        path: Without the query.
        query: What stands after the question mark.
        headers: By lower-case name; of a repeated one all values, with commas between.
        receive: Gives the body, message by message.
    """

    method: str
    path: str
    query: bytes
    headers: dict[str, str]
    receive: Receive

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> Request:
        """The request of an ASGI scope."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        return cls(scope["method"], scope["path"], scope["query_string"], headers, receive)


@dataclass(slots=True)
class Reply:
    """What is answered: a body that is there, or one that comes piece by piece."""

    status: int
    content_type: str
    body: bytes | AsyncGenerator[bytes]
    headers: Sequence[Header] = field(default_factory=list)

    async def whole(self) -> Reply:
        """The same with all of its body, for a client that knows no chunks."""
        if isinstance(self.body, bytes):
            return self
        return replace(self, body=b"".join([piece async for piece in self.body]))

    async def send(self, send: Send) -> None:
        """Sends it."""
        headers = [(b"content-type", self.content_type.encode("latin-1"))]
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self.headers]
        if isinstance(self.body, bytes):
            headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if isinstance(self.body, bytes):
            await send({"type": "http.response.body", "body": self.body})
            return
        async with aclosing(self.body) as pieces:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
