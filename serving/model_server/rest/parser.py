"""HTTP/1 requests out of bytes, without a socket.

llhttp, the parser of Node and uvicorn, decides what is HTTP, in its strict mode: what it does not take could mean one
thing to a proxy and another here. This module collects what it finds and decides what is left open: which methods and
versions there are, how long a head and a body may be, and that no connection ever changes its protocol.
"""

from __future__ import annotations

import re
from collections import deque
from typing import NoReturn

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from serving.model_server.rest.messages import Request

_METHODS = {"GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"}
_VERSIONS = {"1.0", "1.1"}
_UNKNOWN_METHOD = re.compile(rb"[\r\n]*[A-Z]+ [!-~]+ HTTP/1\.[01]\r\n")
_LONGEST_HEAD = 2**20
# Ten times what a person would send as JSON. Parsed it may take gigabytes.
_LONGEST_BODY = 2**27


class Refused(Exception):
    """A request that is no HTTP/1, or more than is taken; the connection cannot go on after it."""

    def __init__(self, status: int) -> None:
        """`status`: what to answer."""
        super().__init__(status)
        self.status = status


class RequestParser:
    """One connection's requests, one after the other.

    Attributes:
        awaits_continue: The client sends the body only after ``100 Continue``; whoever sends that says so here.
    """

    def __init__(self) -> None:
        """Begins with the connection's first byte."""
        self._parser = HttpRequestParser(self)
        self._ready: deque[Request] = deque()
        self._refused: Refused | None = None
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._lines: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._length = 0
        self._overhead = 0
        self.awaits_continue = False

    @property
    def begun(self) -> bool:
        """Is there something to answer, or the beginning of it?"""
        return bool(self._ready or self._refused or self._target)

    def next(self) -> Request | None:
        """The next request, once it is whole.

        Raises:
            Refused: It never will be.
        """
        if self._ready:
            return self._ready.popleft()
        if self._refused:
            raise self._refused
        return None

    def feed(self, data: bytes) -> None:
        """What the client has sent further; may hold the ends and beginnings of several requests."""
        length, size = self._length, len(data)
        while data:
            data = self._parse(data)
        # Whatever is no body is kept in memory until it ends: a head, a chunk's extension, a trailer.
        self._overhead = 0 if self._length > length else self._overhead + size
        if self._overhead > _LONGEST_HEAD:
            self._refused = self._refused or Refused(400)

    def close(self) -> None:
        """No more will be fed: frees the memory now, as the garbage collector would only find it later."""
        self._begin()
        self._refused = None
        del self._parser

    def on_url(self, piece: bytes) -> None:
        """A part of the target."""
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or after the body a trailer, which nobody reads."""
        if not self._headers:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Everything but the body is known."""
        parser = self._parser
        self._method, self._version = parser.get_method().decode(), parser.get_http_version()
        self._keep_alive = parser.should_keep_alive()
        # The first of several counts.
        self._headers = {
            name.lower().decode(): value.strip().decode("latin-1") for name, value in reversed(self._lines)
        }
        if self._version not in _VERSIONS:
            self._refuse(400)
        # Older software in between cannot know where such a body ends.
        if self._version == "1.0" and "transfer-encoding" in self._headers:
            self._refuse(400)
        if self._method not in _METHODS:
            self._refuse(501)
        if int(self._headers.get("content-length", 0)) > _LONGEST_BODY:
            self._refuse(413)
        if "expect" in self._headers:
            self.awaits_continue = self._headers["expect"].lower() == "100-continue"
            if not self.awaits_continue:
                self._refuse(417)

    def on_body(self, piece: bytes) -> None:
        """A part of the content."""
        self.awaits_continue = False
        self._length += len(piece)
        if self._length > _LONGEST_BODY:
            self._refuse(413)
        self._body.append(piece)

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self._parser.should_upgrade():
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        target = self._target.decode("latin-1")
        self._ready.append(Request(self._method, target, self._headers, body, self._version, self._keep_alive))
        self._begin()

    def _parse(self, data: bytes) -> bytes:
        """Gives what is to be parsed after it."""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            return self._without_upgrade() + data[upgrade.args[0] :]
        except HttpParserError as error:
            unknown = isinstance(error, HttpParserInvalidMethodError) and _UNKNOWN_METHOD.match(data)
            self._refused = self._refused or Refused(501 if unknown and not self._ready else 400)
        return b""

    def _without_upgrade(self) -> bytes:
        """The head of a request that offers another protocol, as Java's HTTP client does, as if it did not."""
        first = b"%s %s HTTP/%s" % (self._method.encode(), self._target, self._version.encode())
        lines = [b"%s: %s" % line for line in self._lines if line[0].lower() != b"upgrade"]
        self._parser = HttpRequestParser(self)
        self._begin()
        return b"\r\n".join([first, *lines, b"", b""])

    def _refuse(self, status: int) -> NoReturn:
        self._refused = Refused(status)
        raise self._refused
