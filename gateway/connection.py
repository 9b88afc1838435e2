"""One connection of a client: uvicorn's protocol, with bounds on what uvicorn leaves to a proxy in front.

A client may be slow, but not for ever: one that stops in the middle of a request's head, or that stops reading its
answer, is cut off. What is no HTTP gets an answer of the one shape. And who sends a request on an idle connection in
the moment in which the process is told to stop is still answered.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import re
import sys
import termios
import uuid
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.api.errors_json import error_json
from gateway.errors import Outcome
from gateway.observe.logs import FIELDS

_log = logging.getLogger(__name__)

# A connection without any progress is noticed after one of these at the earliest, and two at the latest.
CHECK_S = 20.0
# What a client must have taken of its answer from one check to the next, unless it has taken all of it.
LEAST_READ_BYTES = 16 << 10
# Between two bodies: a request's first line and its headers, the trailers of a chunked one.
MAX_HEAD_BYTES = 64 << 10
MAX_HEADERS = 100
# How long an idle connection may still bring a request after the process was told to stop.
LINGER_S = 0.5

_UPGRADE = re.compile(rb"(?i)\nupgrade(?=[ \t]*:)")
_NOT_HTTP = Outcome(400, "bad_request", "Expected a request of HTTP/1.1. Received: something else")
_HEAD_TOO_LARGE = Outcome(
    431, "head_too_large", f"Expected at most {MAX_HEAD_BYTES:,} bytes and {MAX_HEADERS} headers. Received: more"
)


class Connection(HttpToolsProtocol):
    """Reads requests and starts their answers, one after the other."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins."""
        super().connection_made(transport)
        self._silent_bytes = 0
        self._progress = self._progress_before = 0
        self._unsent_before = 0
        self._leaving = False
        self._earlier: list[RequestResponseCycle] = []
        self._check = self.loop.call_later(CHECK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends."""
        self._check.cancel()
        # After a reset uvicorn leaves it be, and with it all that hangs on it.
        self._unset_keepalive_if_required()
        # uvicorn tells the newest request alone.
        for cycle in self._earlier:
            _tell_gone(cycle)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes in what the client sends."""
        self._unset_keepalive_if_required()
        self._silent_bytes += len(data)
        try:
            self.parser.feed_data(_without_upgrade(data))
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(_HEAD_TOO_LARGE if len(self.headers or ()) > MAX_HEADERS else _NOT_HTTP)
            return
        if self._silent_bytes > MAX_HEAD_BYTES or len(self.headers or ()) > MAX_HEADERS:
            self._refuse(_HEAD_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Starts a request's answer."""
        if len(self.headers) > MAX_HEADERS:
            raise ValueError("too many headers")
        self._silent_bytes = 0
        self._progress += 1
        if self._idle:
            self._earlier.clear()
        else:
            self._earlier.append(self.cycle)
        super().on_headers_complete()
        if self._leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Takes in a piece of a request's body."""
        self._silent_bytes = 0
        self._progress += 1
        super().on_body(body)

    def resume_writing(self) -> None:
        """Is told that the client has read most of what was written."""
        self._unsent_before = 0
        super().resume_writing()

    def shutdown(self) -> None:
        """Is told that the process stops: what was asked is answered, then the connection ends."""
        self._leaving = True
        if not self._idle and not self.cycle.response_started:
            self.cycle.keep_alive = False
        else:
            # Who was not told that this answer is the last may have sent the next request already.
            self.loop.call_later(LINGER_S, self._leave)

    @property
    def _idle(self) -> bool:
        """True while nothing is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _leave(self) -> None:
        if self._idle or self.transport.is_closing():
            self.transport.close()
        else:
            self.loop.call_later(LINGER_S, self._leave)

    def _look(self) -> None:
        """Cuts the client off if nothing has moved since the last look and it is its turn to move."""
        self._check = self.loop.call_later(CHECK_S, self._look)
        unsent = self._unsent()
        if unsent and self._unsent_before and unsent > self._unsent_before - LEAST_READ_BYTES:
            self.transport.abort()
        # An idle connection that uvicorn does not time is a new one, or has a request's beginning.
        elif self._idle and self.timeout_keep_alive_task is None and self._progress == self._progress_before:
            self.transport.close()
        self._unsent_before, self._progress_before = unsent, self._progress

    def _unsent(self) -> int:
        """Bytes that the client has not taken, those in the kernel's hands included; 0 if there are no others."""
        count: int = self.transport.get_write_buffer_size()
        # The kernel takes more only when a large part of its own buffer is free: to tell a slow reader from none, both
        # count.
        if count and sys.platform == "linux":
            waiting = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            count += int.from_bytes(waiting, sys.byteorder)
        return count

    def _refuse(self, outcome: Outcome) -> None:
        """Answers what cannot be read as a request, and ends the connection."""
        if not self._idle and not self.cycle.more_body:
            # What came before was whole, and is answered first.
            self.cycle.keep_alive = False
            return
        _log.info("refused what is no request: %s", outcome.code, extra={FIELDS: {"client": str(self.client)}})
        if self._idle:
            self.transport.write(_answer(outcome))
        elif not (self._earlier or self.cycle.response_started):
            _tell_gone(self.cycle)
            self.transport.write(_answer(outcome))
        self.transport.close()


def _tell_gone(cycle: RequestResponseCycle) -> None:
    """Has a request's answer know that its client is gone."""
    if not cycle.response_complete:
        cycle.disconnected = True
        cycle.message_event.set()


def _without_upgrade(data: bytes) -> bytes:
    """The data, with another name for the header Upgrade.

    Some clients offer HTTP/2 with each request, Java's among them. The parser takes an offer for a change that has
    happened, and loses the request's body.
    """
    if b"pgrade" not in data and b"PGRADE" not in data:
        return data
    end = data.find(b"\r\n\r\n")
    head = data if end < 0 else data[:end]
    return _UPGRADE.sub(b"\nx-offer", head) + data[len(head) :]


def _answer(outcome: Outcome) -> bytes:
    body = error_json(outcome, uuid.uuid4().hex)
    return b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (
        outcome.status,
        HTTPStatus(outcome.status).phrase.encode(),
        len(body),
        body,
    )
