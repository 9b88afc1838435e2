"""An HTTP request and response as the REST API sees them, without a socket."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = ("Content-Type", "application/json")
TEXT = ("Content-Type", "text/plain")
DEFAULT_TYPE = ("Content-Type", "text/html; charset=ISO-8859-1")
_HTML = ("Content-Type", "text/html")

# The official server's own phrases, which differ from the standard's in places.
PHRASES = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    413: "Payload Too Large",
    417: "Expectation Failed",
    429: "Client Error",
    499: "Client Error",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    504: "Gateway Time-out",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has arrived whole.

    Attributes:
        method: ``GET``, ``POST``, …
        target: Path and query as sent, percent-encoding included.
        headers: Values by lower-case name.
        body: The content, as sent.
        version: Of HTTP: ``1.0`` or ``1.1``.
        keep_alive: The client may send another request on the same connection.
        arrived_s: When it had, by `time.perf_counter`.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    version: str = "1.1"
    keep_alive: bool = True
    arrived_s: float = field(default_factory=time.perf_counter, compare=False)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; the server adds ``Date``, ``Content-Length`` and, with `close`, ends the connection."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (JSON,)
    close: bool = False


def error_page(status: int) -> Response:
    """What the official server's HTTP library says about requests that never reach the REST API."""
    phrase = PHRASES[status]
    page = (
        f"<HTML><HEAD>\n<TITLE>{status} {phrase}</TITLE>\n</HEAD><BODY>\n<H1>{phrase}</H1>\n</BODY></HTML>\n"
    ).encode()
    return Response(status, page, (_HTML,), close=True)
